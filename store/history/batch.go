package history

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
	"github.com/tocsin-security/tocsin/store/journal"
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
			row = journal.AppendText(row, body)
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

func decodeBatch(row []byte) (*batch, error) {
	d := journal.Fields{Rest: row}
	rec := &batch{now: time.Unix(0, d.Int()), resolve: time.Duration(d.Int())}
	passed, repeats := d.Uint(), d.Uint()
	for n := uint64(0); n < passed+repeats; n++ {
		body := d.Text()
		if d.Err != nil {
			return nil, fmt.Errorf("a batch of the history: %w", d.Err)
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
	d := journal.Fields{Rest: row}
	d.Int()
	d.Int()
	return int(d.Uint() + d.Uint())
}
