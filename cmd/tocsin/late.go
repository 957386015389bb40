package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/sensor/capture"
	"github.com/tocsin-security/tocsin/stages/decode"
	"github.com/tocsin-security/tocsin/stages/enrich/geoip"
	"github.com/tocsin-security/tocsin/stages/late"
	"github.com/tocsin-security/tocsin/stages/match"
)

// lateJudge asks the rules about events that have waited for their container's metadata.
type lateJudge struct {
	rules  *atomic.Pointer[match.Matcher] // of the goroutine that calls Release
	places *geoip.Databases               // nil: nobody asks for places
	emit   func(pipeline.Alert) error
}

func (j lateJudge) tell(a *pipeline.Alert) error {
	if j.places != nil {
		j.places.Locate(a)
	}
	return j.emit(*a)
}

// Match asks the rules, and hands their alerts to emit.
func (j lateJudge) Match(ev *pipeline.Event) (partial []pipeline.Alert, err error) {
	j.rules.Load().Match(ev, func(a pipeline.Alert) {
		err = errors.Join(err, j.tell(&a))
		if match.Completable(&a) {
			partial = append(partial, a)
		}
	})
	return partial, err
}

// Complete makes an alert again. One whose rule a reload has taken away stays as it is.
func (j lateJudge) Complete(ev *pipeline.Event, partial *pipeline.Alert) (done bool, err error) {
	again, ok := j.rules.Load().Again(ev, partial)
	if !ok {
		return false, nil
	}
	return true, j.tell(&again)
}

// now is the time on the clock of events, ns since the epoch.
func (h *hot) now() int64 { return decode.Now(h.offset) }

// lateIdle is how often nothing is looked for, when nothing waits.
const lateIdle = time.Minute

// runLate has the events judged that waited, as soon as their container is known or their wait is over, until ctx
// ends; then all that are left. It runs beside run, so that no other event waits.
func (h *hot) runLate(ctx context.Context, emit func(pipeline.Alert) error) error {
	judge := lateJudge{&h.after, h.places, h.flagged(emit)}
	for {
		stopping := ctx.Err() != nil
		next, err := h.late.Release(h.now(), stopping, judge)
		if err != nil || stopping {
			return err
		}
		pause := lateIdle
		if next != 0 {
			pause = time.Duration(next - h.now() + 1)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-h.late.Wake():
		case <-h.enricher.Learned():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// follower is what a capture is played to: in one goroutine, and in the time of its events, what live does in two.
type follower struct {
	wants func(pipeline.Sample) bool    // whether the kernel would have reported it
	asks  func(pipeline.EventType) bool // whether events of a type are judged at all
	judge late.Judge
}

// waits is when the next wait of a replay ends, ns since the epoch; 0: nothing waits. Until then only a finding
// changes what is held.
type waits int64

func (w *waits) begin(until int64) {
	if until != 0 && (*w == 0 || until < int64(*w)) { // 0: it joined those that wait
		*w = waits(until)
	}
}

func (w *waits) release(h *hot, judge late.Judge) error {
	next, err := h.late.Release(h.event.Time, false, judge)
	*w = waits(next)
	return err
}

// walk goes through a capture: what was learned of the machine is learned again where it was used.
func (h *hot) walk(ctx context.Context, reader *capture.Reader, f follower) error {
	var next waits
	for ctx.Err() == nil {
		kind, payload, err := reader.Next()
		if err != nil { // its end, or the place where it is cut: nothing comes that could be waited for
			if _, failed := h.late.Release(h.event.Time, true, f.judge); failed != nil {
				return failed
			}
			return err
		}
		switch kind {
		case capture.Processes:
			err = h.decoder.Restore(payload)
		case capture.Lookup:
			err = h.decoder.Learn(payload)
		case capture.Finding:
			if err = h.enricher.Learn(payload); err == nil {
				err = next.release(h, f.judge)
			}
		case capture.Sample:
			if f.wants(payload) {
				err = h.follow(payload, f, &next)
			}
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// follow is handle for a capture: time has passed up to the event.
func (h *hot) follow(s pipeline.Sample, f follower, next *waits) error {
	if !h.take(s) {
		return nil
	}
	if *next != 0 && h.event.Time > int64(*next) {
		if err := next.release(h, f.judge); err != nil {
			return err
		}
	}
	if f.asks(h.event.Type) && h.late.Hold(&h.event) {
		next.begin(h.event.Proc.Container.Awaited)
		return nil
	}
	partial, err := f.judge.Match(&h.event)
	for _, a := range partial {
		h.late.Remember(&h.event, a)
	}
	return err
}
