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

// batch is a Record.
type batch struct {
	now             time.Time
	resolve         time.Duration
	passed, repeats []pipeline.Alert
	bodies          [][]byte // JSON of passed, then of repeats
}

func (rec *batch) alerts() int { return len(rec.passed) + len(rec.repeats) }

// A batch is a row of the journal: versionHeads, when it came, how long events live from it on, how many of its alerts
// passed and how many did not, and its alerts, those that passed first. Of each there is a byte of flags, its head unless
// flagWhole, and its JSON. Rows of an earlier version begin with when they came, which is above 0, and of their alerts
// have the JSON alone.
const (
	versionHeads = -1

	flagWhole   byte = 1 // whoever reads it needs more than its head
	flagClosing byte = 2
)

// encode adds a batch to an empty row.
func (rec *batch) encode(row []byte) (_ []byte, err error) {
	row = slices.Grow(row, (alertjson.TypicalSize+200)*rec.alerts())
	for _, n := range [...]int64{versionHeads, rec.now.UnixNano(), int64(rec.resolve)} {
		row = binary.AppendVarint(row, n)
	}
	row = binary.AppendUvarint(row, uint64(len(rec.passed)))
	row = binary.AppendUvarint(row, uint64(len(rec.repeats)))
	for _, some := range [][]pipeline.Alert{rec.passed, rec.repeats} {
		for i := range some {
			row = appendHead(row, &some[i])
			begin := len(row)
			if row, err = alertjson.Append(journal.BeginText(row), &some[i]); err != nil {
				return nil, fmt.Errorf("encode alert %s of rule %q: %w", some[i].ID, some[i].Rule, err)
			}
			journal.EndText(row, begin)
		}
	}
	return row, nil
}

// appendHead adds what an account needs to know of an alert beside its JSON: its fingerprint, id, time, the first of its
// occurrences, their number, source, rule and priority.
func appendHead(row []byte, a *pipeline.Alert) []byte {
	switch {
	case a.Stateful != nil || a.Completes != nil:
		return append(row, flagWhole)
	case a.Closing:
		row = append(row, flagClosing)
	default:
		row = append(row, 0)
	}
	row = journal.AppendText(binary.AppendUvarint(row, uint64(a.Fingerprint)), a.ID)
	row = binary.AppendVarint(binary.AppendVarint(row, nanos(a.Time)), nanos(a.FirstSeen))
	row = binary.AppendUvarint(row, a.Count)
	return append(journal.AppendText(journal.AppendText(row, a.Source), a.Rule), byte(a.Priority))
}

func readHead(d *journal.Fields, flags byte) pipeline.Alert {
	return pipeline.Alert{
		Closing: flags&flagClosing != 0, Fingerprint: pipeline.Fingerprint(d.Uint()), ID: string(d.Text()),
		Time: instant(d.Int()), FirstSeen: instant(d.Int()), Count: d.Uint(),
		Source: string(d.Text()), Rule: string(d.Text()), Priority: pipeline.Priority(d.Byte()),
	}
}

// decodeBatch reads a row, which the batch shares.
func decodeBatch(row []byte) (*batch, error) {
	d := journal.Fields{Rest: row}
	now := d.Int()
	heads := now == versionHeads
	if heads {
		now = d.Int()
	}
	rec := &batch{now: time.Unix(0, now), resolve: time.Duration(d.Int())}
	passed, repeats := d.Uint(), d.Uint()
	room := min(passed, uint64(len(row))/alertjson.ShortSize)
	rec.passed, rec.bodies = make([]pipeline.Alert, 0, room), make([][]byte, 0, room)
	for n := uint64(0); n < passed+repeats && d.Err == nil; n++ {
		flags, a := flagWhole, pipeline.Alert{}
		if heads {
			flags = d.Byte()
		}
		if flags&flagWhole == 0 {
			a = readHead(&d, flags)
		}
		body := d.Text()
		if flags&flagWhole != 0 && d.Err == nil {
			var err error
			if a, err = readAlert(body); err != nil {
				return nil, err
			}
		}
		rec.bodies = append(rec.bodies, body)
		if n < passed {
			rec.passed = append(rec.passed, a)
		} else {
			rec.repeats = append(rec.repeats, a)
		}
	}
	if d.Err != nil {
		return nil, fmt.Errorf("a batch of the history: %w", d.Err)
	}
	return rec, nil
}

// alertsIn is how many alerts a row has.
func alertsIn(row []byte) int {
	d := journal.Fields{Rest: row}
	if d.Int() == versionHeads {
		d.Int()
	}
	d.Int()
	return int(d.Uint() + d.Uint())
}
