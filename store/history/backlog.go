package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline/usage"
	"github.com/tocsin-security/tocsin/store/journal"
)

const (
	// maxApplied is about how many alerts one transaction brings to the file. More share the pages that it writes; fewer
	// keep steps waiting for less.
	maxApplied = 2048
	// maxPart is about how many of those are in memory at a time, with some 5 KB each.
	maxPart = 256
	// applyAfter is how long what waits waits for more. Longer makes transactions that hold up what is delivered
	// meanwhile.
	applyAfter = 100 * time.Millisecond
	// applyRetry is the wait after the file could not be written.
	applyRetry = 500 * time.Millisecond
	// maxBehind is how long what waits does while the process is busy with what people are to hear of, maxLeft about how
	// many alerts do: a question reads them first, and it has to be answered.
	maxBehind = 10 * time.Second
	maxLeft   = 32_768
	// maxWaiting is how many alerts wait while the file cannot be written, the latest ones.
	maxWaiting = 500_000
)

// backlog is what was recorded and is not in the file yet: in a journal, where it outlives a kill. What is recorded
// waits for a write to the journal only; what many batches bring to the file shares its transaction.
type backlog struct {
	file    *file
	journal *journal.Journal

	applying sync.Mutex // held while something is brought to the file; guards outage
	outage   outage

	busy func() bool // whether the process was since the last time it was asked

	mu      sync.Mutex // guards what follows
	waiting []recorded
	alerts  int           // in waiting
	row     []byte        // a buffer
	some    chan struct{} // something waits
}

// recorded is what one Record brought.
type recorded struct {
	number int64 // of its row in the journal
	alerts int
}

// openBacklog opens the journal in a folder, and has what is in it and not in the file wait.
func openBacklog(f *file, dir string) (*backlog, error) {
	j, err := journal.Open(journal.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	b := &backlog{file: f, journal: j, busy: new(usage.Meter).Busy, some: make(chan struct{}, 1)}
	err = j.Each(func(number int64, row []byte) {
		if number > f.applied {
			b.add(recorded{number: number, alerts: max(alertsIn(row), 1)})
		}
	})
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return b, nil
}

// record keeps a batch.
func (b *backlog) record(rec *batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	row, err := rec.encode(b.row[:0])
	if err != nil {
		return err
	}
	if b.row = nil; cap(row) <= maxRow {
		b.row = row
	}
	number, err := b.journal.Append(row)
	if err != nil {
		return err
	}
	b.add(recorded{number, rec.alerts()})
	return nil
}

// maxRow is how large a buffer for rows is at most that is used again.
const maxRow = 1 << 20

// add needs mu.
func (b *backlog) add(r recorded) {
	b.journal.Take(r.number, 1)
	b.waiting = append(b.waiting, r)
	b.alerts += r.alerts
	signal(b.some)
}

// signal wakes the one who waits, or will.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// apply brings to the file what waits at its begin.
func (b *backlog) apply(ctx context.Context) error {
	b.applying.Lock()
	defer b.applying.Unlock()
	last, space := b.last(), new(rowSpace)
	for ctx.Err() == nil {
		some := b.first(last)
		if len(some) == 0 {
			return nil
		}
		err := b.applySome(ctx, some, space)
		b.outage.note(b.file.log, "the history cannot be written; what happens meanwhile waits in its journal", err)
		if err != nil {
			b.dropOldest()
			return err
		}
		b.forget(len(some))
	}
	return ctx.Err()
}

func (b *backlog) last() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		return 0
	}
	return b.waiting[len(b.waiting)-1].number
}

// first are the first that wait, of those up to last.
func (b *backlog) first(last int64) (some []recorded) {
	b.mu.Lock()
	defer b.mu.Unlock()
	alerts := 0
	for _, r := range b.waiting {
		if r.number > last || alerts >= maxApplied {
			break
		}
		some = append(some, r)
		alerts += r.alerts
	}
	return some
}

// forget is for the first n, which need not wait any more.
func (b *backlog) forget(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.waiting[:n] {
		b.journal.Release(r.number, 1)
		b.alerts -= r.alerts
	}
	b.waiting = b.waiting[n:]
}

// dropOldest keeps what waits bounded while the file cannot be written.
func (b *backlog) dropOldest() {
	b.mu.Lock()
	n, left := 0, b.alerts
	for n < len(b.waiting) && left > maxWaiting {
		left -= b.waiting[n].alerts
		n++
	}
	dropped := b.alerts - left
	b.mu.Unlock()
	if n > 0 {
		b.file.log.Error("alerts are missing in the history: too many wait for its file", "alerts", dropped)
		b.forget(n)
	}
}

// applySome brings some to the file, with one transaction.
func (b *backlog) applySome(ctx context.Context, some []recorded, space *rowSpace) error {
	var unread error
	err := b.file.apply(context.WithoutCancel(ctx), b.parts(some, space, &unread), some[len(some)-1].number)
	if err == nil && unread != nil { // they will not be readable next time either
		b.file.log.Error("alerts are missing in the history, since its journal cannot be read", "err", unread)
	}
	return err
}

// parts are what rows say, read as they are asked for: only one is in memory. Rows that cannot be read are left out.
func (b *backlog) parts(some []recorded, space *rowSpace, unread *error) iter.Seq[part] {
	return func(yield func(part) bool) {
		for more := true; more && len(some) > 0; {
			m, alerts := newSeveral(), 0
			space.empty()
			for ; len(some) > 0 && alerts < maxPart; some = some[1:] {
				rec, err := space.batch(b.journal, some[0].number)
				if err != nil {
					*unread = errors.Join(*unread, err)
					continue
				}
				m.add(rec)
				alerts += some[0].alerts
			}
			more = yield(part{m.of, m.decide, m.bodies})
		}
	}
}

// rowSpace is memory for the rows of one part after the other.
type rowSpace struct {
	whole, free []byte
	taken       int // since it was emptied, in it or not
}

// empty makes room for another part, as much as the one before took.
func (s *rowSpace) empty() {
	if s.taken > len(s.whole) {
		s.whole = make([]byte, s.taken)
	}
	s.free, s.taken = s.whole, 0
}

// batch reads a row, which is good until the space is emptied.
func (s *rowSpace) batch(j *journal.Journal, number int64) (*batch, error) {
	row, err := j.RowIn(s.free[:0], number)
	if err != nil {
		return nil, fmt.Errorf("row %d: %w", number, err)
	}
	if s.taken += len(row); len(row) <= len(s.free) { // it is in there
		s.free = s.free[len(row):]
	}
	rec, err := decodeBatch(slices.Clip(row))
	if err != nil {
		return nil, fmt.Errorf("row %d: %w", number, err)
	}
	return rec, nil
}

func (b *backlog) close() error { return b.journal.Close() }

// run applies what waits, and brings the journal to the device, until ctx ends; failed is called for each error, which is
// logged. While the process is busy what waits waits for longer: people are to hear of alerts first.
func (b *backlog) run(ctx context.Context, failed func()) {
	var tidying sync.WaitGroup
	tidying.Go(func() { _ = b.journal.Run(ctx, b.file.log) }) // it logs what fails
	defer tidying.Wait()
	for after := applyAfter; ; {
		select {
		case <-ctx.Done():
			return
		case <-b.some:
		}
		b.busy() // from here on
		for begin := time.Now(); ; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(after):
			}
			if !b.busy() || b.left() >= maxLeft || time.Since(begin) >= maxBehind {
				break
			}
		}
		if after = applyAfter; b.apply(ctx) != nil && ctx.Err() == nil {
			failed()
			after = applyRetry
			signal(b.some)
		}
	}
}

// left is how many alerts wait.
func (b *backlog) left() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.alerts
}
