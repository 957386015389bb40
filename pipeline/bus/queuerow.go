package bus

import (
	"fmt"
	"slices"
)

// begin begins a row, with what is done, and what lives in the oldest rows where these should go. It needs q.mu.
func (q *queue) begin() []byte {
	row := q.row[:0]
	if len(q.done) > 0 {
		row = appendDone(row, q.next, q.done)
	}
	err := q.journal.EachStale(func(number int64, old []byte) error {
		return eachEntry(old, func(e entry) error {
			f := e.fields()
			if it := q.items[f.Uint()]; e.kind == entryMessage && it != nil && it.row == number {
				row = append(row, old[e.off:e.off+e.size]...)
				row = appendPast(row, it.number, it.past)
			}
			return f.Err
		})
	})
	if err != nil {
		q.log.Error("bus: a part of a topic cannot be read", "err", err)
	}
	return row
}

// write makes a row true: in the journal, then in memory. It needs q.mu. On an error nothing has changed.
func (q *queue) write(row []byte) error {
	if cap(row) <= 2*journalStep { // not for good, where one was unusually large
		q.row = row
	}
	number, err := q.journal.Append(row)
	if err != nil {
		return err
	}
	q.done = q.done[:0]
	return q.apply(number, row)
}

// apply does what a row says. It needs q.mu, or to be alone.
func (q *queue) apply(number int64, row []byte) error {
	return eachEntry(row, func(e entry) error {
		f := e.fields()
		switch e.kind {
		case entryMessage:
			h := readHead(&f)
			if f.Err == nil {
				q.place(number, e, h)
			}
		case entryDone:
			q.next = max(q.next, f.Uint())
			for len(f.Rest) > 0 {
				q.forget(q.items[f.Uint()])
			}
		case entryPast:
			if it := q.items[f.Uint()]; it != nil {
				it.past = Past{Attempts: uint32(f.Uint())}
				it.past.Unsure = f.Byte() != 0
			}
		default:
			return fmt.Errorf("kind %d is not known: a newer tocsin may have written it", e.kind)
		}
		return f.Err
	})
}

// place notes where the journal has a message.
func (q *queue) place(row int64, e entry, h head) {
	it := q.items[h.number]
	if it != nil { // it was written again
		q.journal.Release(it.row, int(it.size))
	} else {
		it = &item{number: h.number, at: h.at.UnixNano()}
		q.items[h.number] = it
		q.bytes += int64(e.size)
		q.ids.add(string(h.uuid), h.at)
		q.next = max(q.next, h.number+1)
	}
	it.row, it.off, it.size = row, uint32(e.off), uint32(e.size)
	q.journal.Take(row, e.size)
}

// forget is for a message that is needed no more; nil is none.
func (q *queue) forget(it *item) {
	if it == nil || q.items[it.number] != it {
		return
	}
	delete(q.items, it.number)
	q.bytes -= int64(it.size)
	q.letGo(it)
	q.journal.Release(it.row, int(it.size))
	if i, found := slices.BinarySearch(q.kept, it.number); found {
		q.kept = slices.Delete(q.kept, i, i+1)
	}
}
