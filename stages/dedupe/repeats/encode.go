package repeats

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// rowVersion begins every row of the journal.
const rowVersion = 1

// saved is an episode as a row holds it.
type saved struct {
	key string
	episode
	alert []byte // kept of the alert that opened it; empty: an earlier row has it, or none
}

// appendSaved adds an episode to a row.
func appendSaved(row []byte, s *saved) []byte {
	if len(row) == 0 {
		row = append(row, rowVersion)
	}
	row = appendText(row, s.key)
	row = appendText(row, s.id)
	t := s.tally()
	for _, v := range []int64{s.open, s.quiet, s.first, t.since, t.last, t.due} {
		row = binary.AppendVarint(row, v)
	}
	for _, v := range []uint64{s.count, t.repeats, t.told} {
		row = binary.AppendUvarint(row, v)
	}
	closed := byte(0)
	if s.closed {
		closed = 1
	}
	row = append(row, closed)
	row = binary.AppendUvarint(row, uint64(len(t.marks)))
	for _, m := range t.marks {
		row = appendText(row, m.id)
		row = binary.AppendUvarint(row, m.n)
		row = binary.AppendVarint(row, m.last)
	}
	return appendText(row, s.alert)
}

func appendText[T string | []byte](row []byte, s T) []byte {
	return append(binary.AppendUvarint(row, uint64(len(s))), s...)
}

var errDamaged = errors.New("the row is damaged")

// eachSaved calls f for each episode of a row. The alert is f's only until it returns.
func eachSaved(row []byte, f func(saved)) error {
	if len(row) == 0 || row[0] != rowVersion {
		return fmt.Errorf("%w, or written by a newer tocsin", errDamaged)
	}
	d := decoder{rest: row[1:]}
	for len(d.rest) > 0 {
		s := saved{key: string(d.text())}
		s.id = string(d.text())
		var t tally
		for _, to := range []*int64{&s.open, &s.quiet, &s.first, &t.since, &t.last, &t.due} {
			*to = d.varint()
		}
		for _, to := range []*uint64{&s.count, &t.repeats, &t.told} {
			*to = d.uvarint()
		}
		s.closed = d.byte() != 0
		for n := d.uvarint(); n > 0 && !d.bad; n-- {
			t.marks = append(t.marks, mark{string(d.text()), d.uvarint(), d.varint()})
		}
		if t.repeats > 0 {
			came := t
			s.came = &came
		}
		s.alert = d.text()
		if d.bad {
			return errDamaged
		}
		f(s)
	}
	return nil
}

// decoder reads what is left of a row; once bad, everything is zero.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	return took(d, v, n)
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	return took(d, v, n)
}

func took[T any](d *decoder, v T, n int) T {
	if d.bad || n <= 0 {
		d.bad = true
		var zero T
		return zero
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) byte() byte {
	if d.bad || len(d.rest) == 0 {
		d.bad = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) text() []byte {
	n := d.uvarint()
	if d.bad || n > uint64(len(d.rest)) {
		d.bad = true
		return nil
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}
