package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// encode writes a batch as a row: when it came, how long events live from it on, and its alerts, those that passed
// first.
func (rec *batch) encode() (row []byte, err error) {
	row = binary.AppendVarint(make([]byte, 0, 1500*(len(rec.passed)+len(rec.repeats))), rec.now.UnixNano())
	row = binary.AppendVarint(row, int64(rec.resolve))
	row = binary.AppendUvarint(row, uint64(len(rec.passed)))
	row = binary.AppendUvarint(row, uint64(len(rec.repeats)))
	rec.bodies = make([][]byte, 0, len(rec.passed))
	var body []byte
	for _, alerts := range [][]pipeline.Alert{rec.passed, rec.repeats} {
		for i := range alerts {
			if body, err = alertjson.Append(body[:0], &alerts[i]); err != nil {
				return nil, fmt.Errorf("encode alert %s of rule %q: %w", alerts[i].ID, alerts[i].Rule, err)
			}
			row = append(binary.AppendUvarint(row, uint64(len(body))), body...)
			if len(rec.bodies) < len(rec.passed) {
				rec.bodies = append(rec.bodies, row[len(row)-len(body):])
			}
		}
	}
	return row, nil
}

var errCut = errors.New("a batch of the history is cut")

func decodeBatch(row []byte) (*batch, error) {
	d := decoder{rest: row}
	rec := &batch{now: time.Unix(0, d.varint()), resolve: time.Duration(d.varint())}
	passed, repeats := d.uvarint(), d.uvarint()
	for n := uint64(0); n < passed+repeats; n++ {
		body := d.bytes(d.uvarint())
		if d.failed {
			return nil, errCut
		}
		a, err := readAlert(body)
		if err != nil {
			return nil, err
		}
		if n < passed {
			rec.passed, rec.bodies = append(rec.passed, a), append(rec.bodies, body)
		} else {
			rec.repeats = append(rec.repeats, a)
		}
	}
	return rec, nil
}

// alertsIn is how many alerts a row has.
func alertsIn(row []byte) int {
	d := decoder{rest: row}
	d.varint()
	d.varint()
	return int(d.uvarint() + d.uvarint())
}

// decoder reads a row. After a failure it reads zeros.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	d.skip(n)
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	d.skip(n)
	return v
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		n, d.failed = 0, true
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) skip(n int) {
	if n <= 0 {
		d.rest, d.failed = nil, true
		return
	}
	d.rest = d.rest[n:]
}
