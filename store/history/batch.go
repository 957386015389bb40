package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
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
	rec.bodies = make([][]byte, 0, len(rec.passed)+len(rec.repeats))
	var body []byte
	var begins, ends []int
	for _, alerts := range [][]pipeline.Alert{rec.passed, rec.repeats} {
		for i := range alerts {
			if body, err = alertjson.Append(body[:0], &alerts[i]); err != nil {
				return nil, fmt.Errorf("encode alert %s of rule %q: %w", alerts[i].ID, alerts[i].Rule, err)
			}
			row = append(binary.AppendUvarint(row, uint64(len(body))), body...)
			begins = append(begins, len(row)-len(body))
			ends = append(ends, len(row))
		}
	}
	for i := range begins { // not before row stays where it is
		rec.bodies = append(rec.bodies, row[begins[i]:ends[i]:ends[i]])
	}
	return row, nil
}

// slim returns alerts without what only their JSON needs, as far as that is known.
func slim(alerts []pipeline.Alert) []pipeline.Alert {
	all := slices.Clone(alerts)
	for i := range all {
		if a := &all[i]; a.Stateful == nil && a.Completes == nil {
			a.Output, a.OutputFields, a.Labels, a.Annotations, a.Tags = "", nil, nil, nil, nil
		}
	}
	return all
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
		rec.bodies = append(rec.bodies, body)
		if n < passed {
			rec.passed = append(rec.passed, a)
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
