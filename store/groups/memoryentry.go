package groups

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/journal"
)

// id names a group: a hash of its key, which may be long.
type id [16]byte

func idOf(key string) id {
	sum := sha256.Sum256([]byte(key))
	return id(sum[:16])
}

// Kinds of entries. An entry is its kind, the group's id (sources have none) and what is said of the kind here;
// numbers are varints, texts begin with their length. Of those with one group, and of members with one fingerprint, the
// latest entry is right. Values are in files: never change one.
const (
	entryMeta       byte = 1 // route, receiver, key, labels (JSON)
	entryTimes      byte = 2 // status
	entryState      byte = 3 // text
	entryLot        byte = 4 // mark, number of alerts, alerts (JSON)
	entryMember     byte = 5 // fingerprint, body
	entryTrim       byte = 6 // mark up to which the inbox is emptied
	entryMemberGone byte = 7 // fingerprint
	entryGone       byte = 8
	entrySource     byte = 9 // key, fingerprint, ends, both
)

// entry is one of a row's. Texts are parts of the row.
type entry struct {
	kind            byte
	id              id
	off, size       uint32 // in the row
	route, receiver []byte
	key, text       []byte
	status          status
	mark            int64
	alerts          int
	fingerprint     pipeline.Fingerprint
	ends            int64
	both            bool
}

func appendHead(b []byte, kind byte, of id) []byte { return append(append(b, kind), of[:]...) }

func appendMeta(b []byte, of id, in *pipeline.Inbox, labels []byte) []byte {
	b = appendHead(b, entryMeta, of)
	b = journal.AppendText(journal.AppendText(b, in.Route), in.Receiver)
	return journal.AppendText(journal.AppendText(b, in.Key), labels)
}

func appendTimes(b []byte, of id, s *status) []byte {
	b = appendHead(b, entryTimes, of)
	for _, n := range []int64{s.at, s.due, s.ready, s.wish, s.token} {
		b = binary.AppendVarint(b, n)
	}
	return append(b, flagByte(s.more), flagByte(s.holds))
}

func flagByte(is bool) byte {
	if is {
		return 1
	}
	return 0
}

func appendState(b []byte, of id, state []byte) []byte {
	return journal.AppendText(appendHead(b, entryState, of), state)
}

func appendLot(b []byte, of id, mark int64, alerts int, body []byte) []byte {
	b = binary.AppendVarint(appendHead(b, entryLot, of), mark)
	return journal.AppendText(binary.AppendVarint(b, int64(alerts)), body)
}

func appendMember(b []byte, of id, m pipeline.Member) []byte {
	b = binary.AppendUvarint(appendHead(b, entryMember, of), uint64(m.Fingerprint))
	return journal.AppendText(b, m.Body)
}

func appendTrim(b []byte, of id, mark int64) []byte {
	return binary.AppendVarint(appendHead(b, entryTrim, of), mark)
}

func appendMemberGone(b []byte, of id, f pipeline.Fingerprint) []byte {
	return binary.AppendUvarint(appendHead(b, entryMemberGone, of), uint64(f))
}

func appendGone(b []byte, of id) []byte { return appendHead(b, entryGone, of) }

func appendSource(b []byte, s *pipeline.Source) []byte {
	b = journal.AppendText(append(b, entrySource), s.Key)
	b = binary.AppendUvarint(b, uint64(s.Fingerprint))
	return append(binary.AppendVarint(b, s.Ends.UnixMicro()), flagByte(s.Both))
}

// eachEntry calls f with each entry of a row.
func eachEntry(row []byte, f func(*entry) error) error {
	r := reader{journal.Fields{Rest: row}}
	var e entry
	for len(r.Rest) > 0 {
		begin := len(row) - len(r.Rest)
		if err := r.entry(&e); err != nil {
			return fmt.Errorf("at byte %d: %w", begin, err)
		}
		e.off, e.size = uint32(begin), uint32(len(row)-len(r.Rest)-begin)
		if err := f(&e); err != nil {
			return err
		}
	}
	return nil
}

// reader reads what the functions above write.
type reader struct{ journal.Fields }

func (r *reader) entry(e *entry) error {
	*e = entry{kind: r.Byte()}
	if e.kind != entrySource {
		copy(e.id[:], r.Bytes(uint64(len(e.id))))
	}
	switch e.kind {
	case entryMeta:
		e.route, e.receiver, e.key, e.text = r.Text(), r.Text(), r.Text(), r.Text()
	case entryTimes:
		e.status = status{at: r.Int(), due: r.Int(), ready: r.Int(), wish: r.Int(), token: r.Int(), more: r.Byte() == 1, holds: r.Byte() == 1}
	case entryState:
		e.text = r.Text()
	case entryLot:
		e.mark, e.alerts, e.text = r.Int(), int(r.Int()), r.Text()
	case entryMember:
		e.fingerprint, e.text = pipeline.Fingerprint(r.Uint()), r.Text()
	case entryTrim:
		e.mark = r.Int()
	case entryMemberGone:
		e.fingerprint = pipeline.Fingerprint(r.Uint())
	case entryGone:
	case entrySource:
		e.key, e.fingerprint, e.ends, e.both = r.Text(), pipeline.Fingerprint(r.Uint()), r.Int(), r.Byte() == 1
	default:
		return fmt.Errorf("kind %d is not known: a newer tocsin may have written it", e.kind)
	}
	return r.Err
}
