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
	alerts := len(rec.passed) + len(rec.repeats)
	row = binary.AppendVarint(make([]byte, 0, alertjson.TypicalSize*alerts), rec.now.UnixNano())
	row = binary.AppendVarint(row, int64(rec.resolve))
	row = binary.AppendUvarint(row, uint64(len(rec.passed)))
	row = binary.AppendUvarint(row, uint64(len(rec.repeats)))
	bodies := len(row)
	for _, some := range [][]pipeline.Alert{rec.passed, rec.repeats} {
		for i := range some {
			begin := len(row)
			if row, err = alertjson.Append(journal.BeginText(row), &some[i]); err != nil {
				return nil, fmt.Errorf("encode alert %s of rule %q: %w", some[i].ID, some[i].Rule, err)
			}
			journal.EndText(row, begin)
		}
	}
	rec.bodies = make([][]byte, 0, alerts)
	for d := (journal.Fields{Rest: row[bodies:]}); len(d.Rest) > 0; { // not before row stays where it is
		rec.bodies = append(rec.bodies, d.Text())
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
