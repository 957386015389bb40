package window

import (
	"encoding/binary"

	"github.com/tocsin-security/tocsin/pipeline"
)

// The texts of the values that would be shown are in a block, in any order: hash, length, text.
const textHead = 8 + 1

// keepText keeps a value's text if it is one of the latest. One that is not, or not any more, cannot become one
// without being seen again.
func (s *shard) keepText(x *extra, hash uint64, text string) {
	latest := s.latestValues(x)
	if find(latest, hash) < 0 || s.textOf(x, hash) != nil {
		return
	}
	text = Shown(text)
	need := textHead + len(text)
	if int(x.textsEnd)+need > s.textRoom(x) {
		s.sortOutTexts(x, latest)
	}
	if int(x.textsEnd)+need > s.textRoom(x) {
		s.growTexts(x, need)
	}
	into := s.arena.bytes(x.texts, x.order)[x.textsEnd:]
	binary.NativeEndian.PutUint64(into, hash)
	into[8] = uint8(len(text))
	copy(into[textHead:], text)
	x.textsEnd += uint16(need)
}

// latestValues are the ones that are shown.
func (s *shard) latestValues(x *extra) []pair {
	all := s.pairs(&x.values)
	return all[max(0, len(all)-pipeline.MaxValues):]
}

func (s *shard) textRoom(x *extra) int {
	if x.texts == 0 {
		return 0
	}
	return pairBytes << x.order
}

// texts is the block as far as it is used.
func (s *shard) texts(x *extra) []byte {
	if x.texts == 0 {
		return nil
	}
	return s.arena.bytes(x.texts, x.order)[:x.textsEnd]
}

// textOf finds the text of a value; nil: it is not kept.
func (s *shard) textOf(x *extra, hash uint64) []byte {
	for all := s.texts(x); len(all) > 0; {
		end := textHead + int(all[8])
		if binary.NativeEndian.Uint64(all) == hash {
			return all[textHead:end:end]
		}
		all = all[end:]
	}
	return nil
}

// sortOutTexts keeps only those of the latest values.
func (s *shard) sortOutTexts(x *extra, latest []pair) {
	all, kept := s.texts(x), 0
	for from := 0; from < len(all); {
		end := from + textHead + int(all[from+8])
		if find(latest, binary.NativeEndian.Uint64(all[from:])) >= 0 {
			kept += copy(all[kept:], all[from:end])
		}
		from = end
	}
	x.textsEnd = uint16(kept)
}

// growTexts makes room for so many bytes more.
func (s *shard) growTexts(x *extra, need int) {
	order := max(x.order, minOrder)
	for pairBytes<<order < int(x.textsEnd)+need {
		order++
	}
	ref := s.alloc(order)
	copy(s.arena.bytes(ref, order), s.texts(x))
	if x.texts != 0 {
		s.release(x.texts, x.order)
	}
	x.texts, x.order = ref, order
}

// appendValues appends the latest values, as they are shown.
func (s *shard) appendValues(to []string, x *extra) []string {
	for _, v := range s.latestValues(x) {
		to = append(to, string(s.textOf(x, v.tag)))
	}
	return to
}
