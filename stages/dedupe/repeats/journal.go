package repeats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// Journal keeps rows over a kill. Each method is one transaction, in the file when it returns.
type Journal interface {
	// Append adds a row, removes others, and returns the new row's number, which is larger than all before.
	Append(ctx context.Context, row []byte, remove []int64) (int64, error)
	// Each calls f with every row, in the order in which they were added.
	Each(ctx context.Context, f func(number int64, row []byte)) error
	// Row returns one row.
	Row(ctx context.Context, number int64) ([]byte, error)
}

const (
	// cleanSlack is how many dead pieces a journal may hold beside as many as are alive: below that, copying
	// what lives is not worth it.
	cleanSlack = 4096
	// cleanStep bounds the pieces copied with one append. It is more than an append adds.
	cleanStep = 1024
)

// log is the journal as a Memory writes it. A row holds what one batch has changed; of the rows with a key,
// the latest has it right. So rows go from the oldest on, each when nothing in it is the latest any more;
// when most of all rows is dead, what lives in the oldest is written again. The alert that an episode was
// opened by is written once, and stays in the row of its opening.
type log struct {
	journal Journal
	rows    []rowUse // oldest first
	live    int      // pieces, of all rows
	total   int
}

// rowUse counts a row's pieces: states of episodes, and alerts.
type rowUse struct {
	number      int64
	live, total int
}

func (l *log) find(number int64) *rowUse {
	i, found := slices.BinarySearchFunc(l.rows, number, func(u rowUse, n int64) int { return cmp.Compare(u.number, n) })
	if !found {
		return nil
	}
	return &l.rows[i]
}

// take makes a piece of a row live.
func (l *log) take(number int64) {
	u := l.find(number)
	u.live++
	u.total++
	l.live++
	l.total++
}

// release gives a piece of a row up; 0 is no row.
func (l *log) release(number int64) {
	if number == 0 {
		return
	}
	l.find(number).live--
	l.live--
}

// append writes a row and removes the oldest ones, as far as they are dead.
func (l *log) append(ctx context.Context, row []byte) (int64, error) {
	var dead []int64
	for _, u := range l.rows {
		if u.live > 0 {
			break
		}
		dead = append(dead, u.number)
	}
	number, err := l.journal.Append(ctx, row, dead)
	if err != nil {
		return 0, err
	}
	for _, u := range l.rows[:len(dead)] {
		l.total -= u.total
	}
	l.rows = append(l.rows[len(dead):], rowUse{number: number})
	return number, nil
}

// toCopy are the oldest rows that hold something alive, when it is time to copy that.
func (l *log) toCopy() (numbers []int64) {
	left, pieces := l.total, 0
	for _, u := range l.rows {
		if left < 2*l.live+cleanSlack || pieces >= cleanStep {
			break
		}
		left -= u.total
		if u.live > 0 {
			numbers = append(numbers, u.number)
			pieces += u.live
		}
	}
	return numbers
}

// entry is an episode in a Memory, and where the journal has it.
type entry struct {
	episode
	row     int64  // the journal's row with its state; 0: none
	content int64  // that with its alert
	alert   []byte // the alert, until the journal has it; without a journal for good
	dirty   bool   // the journal has not its latest state
	queued  bool   // it is in the queue of what is due
}

// changed notes that an entry is to be written.
func (m *Memory) changed(key string, e *entry) {
	if m.log != nil && !e.dirty {
		e.dirty = true
		m.dirty = append(m.dirty, key)
	}
}

// release gives up what the journal has of an episode that is no more.
func (m *Memory) release(e *entry) {
	m.log.release(e.row)
	e.row = 0
	m.releaseAlert(e)
}

func (m *Memory) releaseAlert(e *entry) {
	m.log.release(e.content)
	m.contents -= len(e.alert)
	e.content, e.alert = 0, nil
}

// save writes what has changed, in one row. That it cannot is no reason to hold alerts back: they are told,
// and what a kill would forget is told again.
func (m *Memory) save(ctx context.Context) {
	if m.log == nil || len(m.dirty) == 0 {
		return
	}
	ctx = context.WithoutCancel(ctx) // the answers are given: a stop must not part them from the journal
	for _, n := range m.log.toCopy() {
		m.copyRow(ctx, n)
	}
	row := m.buf[:0]
	for _, key := range m.dirty {
		if e := m.keys[key]; e != nil && e.dirty {
			row = appendSaved(row, &saved{key: key, episode: e.episode, alert: e.alert})
		}
	}
	m.buf = row
	if len(row) == 0 { // all of them were forgotten meanwhile
		m.dirty = m.dirty[:0]
		return
	}
	number, err := m.log.append(ctx, row)
	if err != nil {
		m.failed("the journal of repeats cannot be written: a kill would make what is quiet now be told again", err)
		return
	}
	m.failing = false
	for _, key := range m.dirty {
		e := m.keys[key]
		if e == nil || !e.dirty {
			continue
		}
		e.dirty = false
		m.log.release(e.row)
		e.row = number
		m.log.take(number)
		if len(e.alert) > 0 {
			m.spareBuffer(e.alert)
			m.releaseAlert(e)
			e.content = number
			m.log.take(number)
		}
	}
	m.dirty = m.dirty[:0]
}

// maxSpare bounds the buffers that are used again, each of some 3 KB: as many as one batch opens episodes, mostly.
const maxSpare = 256

// spareBuffer is for a buffer that nobody has any more.
func (m *Memory) spareBuffer(b []byte) {
	if len(m.spare) < maxSpare {
		m.spare = append(m.spare, b)
	}
}

// buffer is one for an alert.
func (m *Memory) buffer() []byte {
	last := len(m.spare) - 1
	if last < 0 {
		return make([]byte, 0, alertjson.TypicalSize)
	}
	b := m.spare[last]
	m.spare = m.spare[:last]
	return b
}

// copyRow marks what lives in a row as changed, so that the next row has it and this one can go.
func (m *Memory) copyRow(ctx context.Context, number int64) {
	row, err := m.log.journal.Row(ctx, number)
	if err == nil {
		err = eachSaved(row, func(s saved) {
			e := m.keys[s.key]
			if e == nil || e.row != number && e.content != number {
				return
			}
			if e.content == number && len(s.alert) > 0 {
				m.releaseAlert(e)
				m.keepAlert(e, append([]byte(nil), s.alert...))
			}
			m.changed(s.key, e)
		})
	}
	if err != nil {
		m.failed("a row of the journal of repeats cannot be read", err)
	}
}

// load reads the journal. What cannot be read is not known, and so is told again.
func (m *Memory) load(ctx context.Context, now int64) {
	err := m.log.journal.Each(ctx, func(number int64, row []byte) {
		m.log.rows = append(m.log.rows, rowUse{number: number})
		if err := eachSaved(row, func(s saved) { m.restore(number, s) }); err != nil {
			m.failed("a row of the journal of repeats cannot be read; what it holds may be told again", err)
		}
	})
	if err != nil {
		m.failed("the journal of repeats cannot be read; what is quiet may be told again", err)
	}
	for key, e := range m.keys {
		// Times are those of the occurrences, and a spool may yet bring more of a time that is long over here.
		if e.expires()+keepUntold.Microseconds() < now {
			m.release(e)
			delete(m.keys, key)
		} else if e.tally().due != 0 {
			m.queue(key, e)
		}
	}
}

// restore takes an episode from a row; a later row with its key replaces it.
func (m *Memory) restore(number int64, s saved) {
	e := m.keys[s.key]
	switch {
	case e == nil && len(m.keys) >= m.max:
		m.evicted.Add(1)
		return
	case e == nil:
		e = &entry{}
		m.keys[s.key] = e
	case e.id != s.id:
		m.release(e)
	}
	m.log.release(e.row)
	e.episode, e.row = s.episode, number
	m.log.take(number)
	switch {
	case s.closed:
		m.releaseAlert(e)
	case len(s.alert) > 0:
		m.log.release(e.content)
		e.content = number
		m.log.take(number)
	}
}

// alertOf is what is kept of the alert that opened an episode; nil when there is nothing.
func (m *Memory) alertOf(ctx context.Context, key string, e *entry) []byte {
	if len(e.alert) > 0 || e.content == 0 {
		return e.alert
	}
	row, err := m.log.journal.Row(ctx, e.content)
	var alert []byte
	if err == nil {
		err = eachSaved(row, func(s saved) {
			if s.key == key && s.id == e.id && len(s.alert) > 0 {
				alert = append([]byte(nil), s.alert...)
			}
		})
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		m.failed("a row of the journal of repeats cannot be read", fmt.Errorf("row %d: %w", e.content, err))
	}
	return alert
}

// failed counts trouble with the journal, and says so once until it is over.
func (m *Memory) failed(what string, err error) {
	m.journalErrors.Add(1)
	if !m.failing {
		m.failing = true
		m.logger.Warn(what, "err", err)
	}
}
