package window

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/tocsin-security/tocsin/pipeline"
)

// codecVersion is the first byte of what encode writes. What another version has written is not known: the
// key begins anew.
const codecVersion = 1

var errForeign = errors.New("not what this version writes of a key")

// encode appends all that is known of a key. Times are written as their distance from the one before.
func (s *shard) encode(b []byte, k *key) []byte {
	b = append(b, codecVersion)
	b = binary.AppendVarint(b, k.touched)
	b = append(b, k.lines)
	if k.lines > 0 {
		b = s.encodeLine(b, &k.line)
	}
	if k.lines > 1 {
		b = s.encodeLine(b, s.lines.at(k.other))
	}
	if k.past == 0 {
		return append(b, 0)
	}
	return s.encodePast(append(b, 1), s.pasts.at(k.past))
}

func (s *shard) encodeLine(b []byte, l *line) []byte {
	b = binary.AppendVarint(b, l.latest)
	b = binary.AppendVarint(b, l.touched)
	b = s.encodeList(b, &l.seen)
	if l.extra == 0 {
		return append(b, 0)
	}
	x := s.extras.at(l.extra)
	b = appendBool(append(b, 1), x.breached)
	for _, at := range []int64{x.breach, x.changedAt, x.newAt, x.baseAt} {
		b = binary.AppendVarint(b, at)
	}
	for _, each := range x.lists() {
		b = s.encodeList(b, each)
	}
	b = binary.AppendUvarint(b, uint64(x.textsEnd))
	for all := s.texts(x); len(all) > 0; {
		end := textHead + int(all[8])
		b = binary.LittleEndian.AppendUint64(b, binary.NativeEndian.Uint64(all))
		b = append(b, all[8:end]...)
		all = all[end:]
	}
	if x.estimate == 0 {
		return append(b, 0)
	}
	return s.estimates[x.estimate-1].encode(append(b, 1))
}

// lists are all lists of x, in the order in which they are written.
func (x *extra) lists() []*list {
	return []*list{&x.panes, &x.ratePanes, &x.values, &x.steps, &x.base}
}

func (s *shard) encodeList(b []byte, l *list) []byte {
	all, before := s.pairs(l), int64(0)
	b = binary.AppendUvarint(b, uint64(len(all)))
	for _, p := range all {
		b = binary.AppendVarint(b, p.at-before)
		b = binary.LittleEndian.AppendUint64(b, p.tag)
		before = p.at
	}
	return b
}

func (s *shard) encodePast(b []byte, p *past) []byte {
	b = appendBool(appendBool(b, p.fired), p.lastSet)
	b = binary.AppendVarint(b, p.firedAt)
	b = binary.AppendVarint(b, p.lastAt)
	b = binary.LittleEndian.AppendUint64(b, p.firedID)
	b = binary.LittleEndian.AppendUint64(b, p.last)
	b = append(b, p.lastLen, p.oldLen)
	if p.texts != 0 {
		text := s.arena.bytes(p.texts, pastOrder)
		b = append(b, text[:p.lastLen]...)
		b = append(b, text[oldText:][:p.oldLen]...)
	}
	return s.encodeList(b, &p.known)
}

func (e *estimate) encode(b []byte) []byte {
	b = binary.AppendVarint(b, e.width)
	b = binary.AppendVarint(b, e.goneAt)
	b = binary.AppendUvarint(b, uint64(len(e.parts)))
	for _, p := range e.parts {
		b = binary.AppendVarint(b, p.n)
		b = binary.AppendVarint(b, p.latest)
		sketch, err := p.sketch.MarshalBinary()
		if err != nil {
			panic(err) // only a sketch that newSketch has not made is one
		}
		b = binary.AppendUvarint(b, uint64(len(sketch)))
		b = append(b, sketch...)
	}
	return b
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// decode makes what encode has written a key of s again, with this hash. On an error there is none.
func (s *shard) decode(b []byte, hash uint64) error {
	r := reader{b: b}
	if r.byte() != codecVersion {
		return errForeign
	}
	s.room.keys.Add(1)
	s.charge(keyBytes)
	n := s.keys.take()
	k := s.keys.at(n)
	k.hash, k.life, k.touched = hash, math.MaxUint32, r.int() // keyOf says how long it lives
	s.index.add(hash, n)
	s.current = n
	s.link(n, k)
	s.decodeLines(&r, k)
	if r.bool() {
		s.decodePast(&r, k)
	}
	if r.bad || len(r.b) > 0 {
		s.forget(n)
		return errForeign
	}
	return nil
}

func (s *shard) decodeLines(r *reader, k *key) {
	lines := r.byte()
	if lines > 2 {
		r.bad = true
		return
	}
	if lines > 0 {
		k.lines = 1
		s.decodeLine(r, &k.line)
	}
	if lines > 1 && !r.bad {
		s.charge(lineBytes)
		k.other, k.lines = s.lines.take(), 2
		s.decodeLine(r, s.lines.at(k.other))
	}
}

func (s *shard) decodeLine(r *reader, l *line) {
	l.latest, l.touched = r.int(), r.int()
	s.decodeList(r, &l.seen)
	if !r.bool() {
		return
	}
	x := s.extraOf(l)
	x.breached = r.bool()
	for _, at := range []*int64{&x.breach, &x.changedAt, &x.newAt, &x.baseAt} {
		*at = r.int()
	}
	for _, each := range x.lists() {
		s.decodeList(r, each)
	}
	s.decodeTexts(r, x)
	if r.bool() {
		s.decodeEstimate(r, x)
	}
}

func (s *shard) decodeTexts(r *reader, x *extra) {
	all := r.bytes(r.uint())
	for rest := all; len(rest) > 0; {
		if len(rest) < textHead || len(rest) < textHead+int(rest[8]) || rest[8] > pipeline.MaxValue {
			r.bad = true
			return
		}
		s.putText(x, binary.LittleEndian.Uint64(rest), string(rest[textHead:][:rest[8]]))
		rest = rest[textHead+int(rest[8]):]
	}
}

func (s *shard) decodeList(r *reader, l *list) {
	n := r.uint()
	if n > 1<<pageOrder || n*9 > uint64(len(r.b)) {
		r.bad = true
	}
	if r.bad || n == 0 {
		return
	}
	l.order = minOrder
	for 1<<l.order < n {
		l.order++
	}
	l.ref, l.n = s.alloc(l.order), uint16(n)
	before := int64(0)
	for i := range s.pairs(l) {
		before += r.int()
		s.pairs(l)[i] = pair{before, r.fixed()}
	}
}

func (s *shard) decodePast(r *reader, k *key) {
	p := s.pastOf(k)
	p.fired, p.lastSet = r.bool(), r.bool()
	p.firedAt, p.lastAt = r.int(), r.int()
	p.firedID, p.last = r.fixed(), r.fixed()
	p.lastLen, p.oldLen = r.byte(), r.byte()
	if max(p.lastLen, p.oldLen) > pipeline.MaxValue {
		r.bad = true
		return
	}
	if p.lastLen > 0 || p.oldLen > 0 {
		p.texts = s.alloc(pastOrder)
		text := s.arena.bytes(p.texts, pastOrder)
		copy(text, r.bytes(uint64(p.lastLen)))
		copy(text[oldText:], r.bytes(uint64(p.oldLen)))
	}
	s.decodeList(r, &p.known)
}

func (s *shard) decodeEstimate(r *reader, x *extra) {
	e := &estimate{width: max(r.int(), 1), goneAt: r.int()}
	for range min(r.uint(), 2*estimatePanes) {
		p := part{n: r.int(), latest: r.int(), sketch: newSketch()}
		if p.sketch.UnmarshalBinary(r.bytes(r.uint())) != nil || r.bad {
			r.bad = true
			return
		}
		e.parts = append(e.parts, p)
	}
	s.charge(estimateBytes)
	s.keepEstimate(x, e)
}

// reader reads what encode writes. After the first thing that cannot be, all it reads is zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) bytes(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.bytes(1); !r.bad {
		return b[0]
	}
	return 0
}

func (r *reader) bool() bool { return r.byte() == 1 }

func (r *reader) fixed() uint64 {
	if b := r.bytes(8); !r.bad {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.b)
	r.skip(n)
	return v
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *reader) skip(n int) {
	if n <= 0 {
		r.bad, r.b = true, nil
		return
	}
	r.b = r.b[n:]
}
