package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/sensor"
	"github.com/tocsin-security/tocsin/stages/connstat"
	"github.com/tocsin-security/tocsin/stages/decode"
	"github.com/tocsin-security/tocsin/stages/enrich"
	"github.com/tocsin-security/tocsin/stages/enrich/geoip"
	"github.com/tocsin-security/tocsin/stages/late"
	"github.com/tocsin-security/tocsin/stages/match"
)

// hot is the hot half: one goroutine that takes a record through decode, enrich and match. In the
// steady state it allocates nothing; nearly every event ends here.
type hot struct {
	sensor   *sensor.Sensor // nil in replay
	decoder  *decode.Decoder
	enricher *enrich.Enricher
	places   *geoip.Databases              // nil: nobody asks for places
	matcher  atomic.Pointer[match.Matcher] // exchanged by a reload, between two events
	late     *late.Queue                   // events that wait for their container's metadata; see late.go
	after    atomic.Pointer[match.Matcher] // the same rules, for these
	connects *connstat.Table
	tape     *tape // nil: nothing is recorded
	log      *slog.Logger
	offset   int64 // from CLOCK_BOOTTIME to ns since the epoch

	event    pipeline.Event
	clock    pipeline.Intervals
	received atomic.Uint64 // samples
	events   atomic.Uint64 // of them, decoded to an event the rules saw
	state    atomic.Uint64 // of them, of use for the process table only
	failed   atomic.Uint64 // of them, not decoded
}

// openHot loads the sensor, and seeds the process table after its events have begun to queue: what
// starts in between is in the queue, so nothing is missed.
func openHot(cfg sensor.Config, want []pipeline.EventType, host string, enricher *enrich.Enricher, log *slog.Logger) (*hot, error) {
	offset, err := decode.BootOffset()
	if err != nil {
		return nil, fmt.Errorf("read the clocks: %w", err)
	}
	h := &hot{decoder: decode.New(decode.Config{MaxProcesses: cfg.MaxProcesses}, host, offset), enricher: enricher, log: log, offset: offset,
		connects: connstat.New(enricher.Container), late: late.New(enricher.Container)}
	enricher.SetClock(h.now)
	h.sensor, err = sensor.Open(cfg, want, log)
	if err != nil {
		return nil, err
	}
	if err := h.decoder.Seed("/proc"); err != nil {
		return nil, errors.Join(fmt.Errorf("list the processes that run: %w", err), h.sensor.Close())
	}
	return h, nil
}

// run hands each alert to emit until ctx ends.
func (h *hot) run(ctx context.Context, emit func(pipeline.Alert) error) error {
	flagged := h.flagged(emit)
	err := h.sensor.Run(ctx, func(s pipeline.Sample) error { return h.handle(s, flagged) })
	h.enricher.Settle()
	return err
}

// flagged tells emit of each alert whether events were lost around its own.
func (h *hot) flagged(emit func(pipeline.Alert) error) func(pipeline.Alert) error {
	return func(a pipeline.Alert) error {
		a.Lossy = h.lossy(a.Time.UnixNano())
		return emit(a)
	}
}

// handle takes one record all the way.
func (h *hot) handle(s pipeline.Sample, emit func(pipeline.Alert) error) error {
	ok := h.take(s)
	if h.tape != nil {
		if err := h.tape.sample(s); err != nil { // a full disk must not end the watch
			h.log.Error("the recording ends here", "err", err)
			h.tape = nil
		}
	}
	if !ok {
		return nil
	}
	matcher := h.matcher.Load()
	if matcher.Asks(h.event.Type) && h.late.Hold(&h.event) {
		return nil
	}
	var emitErr error
	matcher.Match(&h.event, func(a pipeline.Alert) {
		if h.places != nil {
			h.places.Locate(&a)
		}
		emitErr = errors.Join(emitErr, emit(a))
		if match.Completable(&a) {
			h.late.Remember(&h.event, a)
		}
	})
	return emitErr
}

// take decodes and enriches one record; ok says whether it is an event for the rules. A record that cannot
// be decoded is counted, not fatal.
func (h *hot) take(s pipeline.Sample) (ok bool) {
	h.received.Add(1)
	ok, err := h.decoder.Decode(s, &h.event)
	switch {
	case err != nil:
		h.failed.Add(1)
		h.log.Debug("a record could not be decoded", "err", err)
		return false
	case !ok:
		h.state.Add(1)
		return false
	case h.event.Type == pipeline.EventConnects:
		h.state.Add(1)
		h.connects.Learn(&h.event)
		return false
	}
	h.events.Add(1)
	h.clock.Tick(&h.event)
	h.enricher.Process(&h.event)
	if h.places != nil {
		h.event.Places = h.places
	}
	return true
}

// wanted is what the kernel has to report: what the rules ask for, and what keeps the process table true.
// That has pivot_root, by which enrich knows that a container's files are about to be in use.
func wanted(m *match.Matcher) []pipeline.EventType {
	return append(m.EventTypes(), sensor.StateCalls()...)
}

// shedOrder says what the kernel leaves out first when events come faster than they are read: what only
// mild rules ask for. What a critical rule asks for goes last; new processes and their programs only when there
// is no room at all.
func shedOrder(m *match.Matcher) map[pipeline.EventType]sensor.Shed {
	order := map[pipeline.EventType]sensor.Shed{}
	for event, gravest := range m.Priorities() {
		switch {
		case gravest <= pipeline.Critical:
			order[event] = sensor.ShedLast
		case gravest <= pipeline.Warning:
			order[event] = sensor.ShedLate
		default:
			order[event] = sensor.ShedEarly
		}
	}
	return order
}

// replace exchanges the rules, and has the kernel report what the new ones ask for. after is m once more, for
// events that waited.
func (h *hot) replace(m, after *match.Matcher) error {
	if err := errors.Join(h.sensor.SetWanted(wanted(m)), h.sensor.SetShed(shedOrder(m))); err != nil {
		return fmt.Errorf("tell the kernel what the new rules need: %w", err)
	}
	h.matcher.Store(m)
	h.after.Store(after)
	return nil
}
