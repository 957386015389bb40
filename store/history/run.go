package history

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// trimEvery is the pause between two looks for what is too old or too much; trimPause between two small steps when
	// there is some, so that what is recorded meanwhile hardly waits.
	trimEvery = 10 * time.Second
	trimPause = 20 * time.Millisecond
	// settleEvery is the pause between two looks whether the engine has something to bring to where it belongs. Longer
	// makes each take longer, and what is delivered waits for the same disk.
	settleEvery = 250 * time.Millisecond
)

// Run writes steps and keeps the bounds until ctx ends, and then writes what waits.
func (h *History) Run(ctx context.Context) error {
	if h.engine == nil {
		<-ctx.Done()
		return nil
	}
	var tending sync.WaitGroup
	tending.Go(func() { h.tend(ctx) })
	if h.backlog != nil {
		tending.Go(func() { h.backlog.run(ctx, func() { h.errors.Add(1) }) })
	}
	defer tending.Wait()
	writing := context.WithoutCancel(ctx) // what is begun is brought to its end
	var lines []line
	var due <-chan time.Time // nil: nothing waits
	for {
		select {
		case <-ctx.Done():
			h.drain(writing, lines)
			h.catchUp(writing)
			return nil
		case more := <-h.queue:
			if due == nil {
				due = time.After(writeAfter)
			}
			if lines = append(lines, more...); len(lines) >= maxLines {
				lines, due = h.write(writing, lines), nil
			}
		case <-due:
			lines, due = h.write(writing, lines), nil
		}
	}
}

// drain writes what waits.
func (h *History) drain(ctx context.Context, lines []line) {
	for {
		select {
		case more := <-h.queue:
			lines = append(lines, more...)
		default:
			h.write(ctx, lines)
			return
		}
	}
}

// write returns the room for further lines. What cannot be written is lost.
func (h *History) write(ctx context.Context, lines []line) []line {
	if len(lines) == 0 {
		return lines
	}
	err := h.engine.note(ctx, lines)
	if err != nil {
		h.errors.Add(1)
		h.lost.Add(uint64(len(lines)))
	}
	h.steps.note(h.log, "steps of alerts are not in the history; alerts go on", err)
	clear(lines)
	return lines[:0]
}

// outage is something that fails again and again: it is said once.
type outage struct{ said bool }

func (o *outage) note(log *slog.Logger, what string, err error) {
	if err != nil && !o.said { // it may last
		log.Warn(what, "err", err)
	}
	o.said = err != nil
}

// tend keeps the bounds until ctx ends.
func (h *History) tend(ctx context.Context) {
	settle := time.NewTicker(settleEvery)
	defer settle.Stop()
	trim := time.NewTimer(0)
	defer trim.Stop()
	var settling outage
	for {
		select {
		case <-ctx.Done():
			return
		case <-settle.C:
			err := h.engine.settle(ctx)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				h.errors.Add(1)
			}
			settling.note(h.log, "the log of the history file could not be written back; it grows meanwhile", err)
		case now := <-trim.C:
			trim.Reset(h.trim(ctx, now))
		}
	}
}

// trim returns the pause before the next.
func (h *History) trim(ctx context.Context, now time.Time) time.Duration {
	more, err := h.engine.trim(ctx, now)
	switch {
	case err != nil:
		h.failed(ctx, "the history could not be trimmed; it grows meanwhile", err)
		return trimEvery
	case more:
		return trimPause
	default:
		return trimEvery
	}
}

func (h *History) failed(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	h.errors.Add(1)
	h.log.Warn(what, "err", err)
}
