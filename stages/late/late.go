// Package late keeps the events of a container of which only the id is known until its runtime has told of it,
// or their wait is over (pipeline.Container.Awaited). Then it has them judged, in their order. What went out
// without the metadata is remembered for a while, and completed when that comes after all.
//
// When an event is let go follows from the times in it and in its container alone, so that a replay of a capture
// decides as the live run did, however late either of them looked. The queue makes no time of its own and starts
// no goroutine: whoever owns it calls Release when something may have changed.
package late

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	// Events held at once. A container that starts causes some thousand opens in its first half second; fewer
	// would let those pass unjudged by its image, more would hold memory that nobody needs a second later.
	maxEvents = 8192
	// Bytes of memory that they take, with their processes' arguments and environments.
	maxBytes = 32 << 20
	// Events remembered whose alerts went out partial: what a node finds in a minute, on a bad day.
	maxPartial = 256
	// How long after the wait: a runtime that has not answered then is away, and the messages have long been sent.
	keepPartial = time.Minute
)

// Judge is what becomes of events that are let go.
type Judge interface {
	// Match asks the rules about ev and hands their alerts on. It returns those of them that lack the
	// container's metadata and can be made again.
	Match(ev *pipeline.Event) (partial []pipeline.Alert, err error)
	// Complete makes an alert about ev again, which has its container now, and hands that on; done says whether
	// it could.
	Complete(ev *pipeline.Event, partial *pipeline.Alert) (done bool, err error)
}

// Queue holds events. Hold and Remember belong to one goroutine, Release to one that may be another; the rest may
// be called by any.
type Queue struct {
	known  func(id string) *pipeline.Container // what is known of a container now, or nil
	wake   chan struct{}                       // has a word when there is a wait that Release has not seen
	active atomic.Int64                        // lines: nearly always 0

	mu      sync.Mutex // guards what follows
	lines   []*line    // in the order in which their waits began
	byID    map[string]*line
	events  int
	bytes   int
	partial []partial // in the order in which they went out
	stats   Stats
}

// line is the events of one container, in their order. It stays until all of them are judged, so that none
// overtakes another.
type line struct {
	id     string
	until  int64 // ns since the epoch
	events []held
}

type held struct {
	event *pipeline.Event
	bytes int
}

// partial is an event whose alerts went out without its container's metadata.
type partial struct {
	event  *pipeline.Event
	alerts []pipeline.Alert
	until  int64 // what comes later is of no use, ns since the epoch
}

// Stats count what became of events: Held = Complete + Partial + those still held.
type Stats struct {
	Held     uint64
	Complete uint64 // of them, judged with their container's metadata
	Partial  uint64 // of them, judged without: it did not come in time
	Full     uint64 // not held for want of room, and judged at once

	Completed uint64 // alerts made again once the metadata came
}

// New makes a Queue. known says what is known of the container with this full id, or nil.
func New(known func(id string) *pipeline.Container) *Queue {
	return &Queue{known: known, wake: make(chan struct{}, 1), byID: map[string]*line{}}
}

// Hold keeps a copy of ev when its container's metadata may still come, or when events of the container that
// came before are still held. false: it is to be judged at once. It allocates only for what it keeps.
func (q *Queue) Hold(ev *pipeline.Event) bool {
	p := ev.Proc
	if p.ContainerID == "" || p.Container == nil {
		return false
	}
	waits := !p.Container.Complete && p.Container.Awaited > ev.Time
	if !waits && q.active.Load() == 0 {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.byID[p.ContainerID]
	if l == nil && !waits {
		return false
	}
	if q.events >= maxEvents || q.bytes >= maxBytes {
		q.stats.Full++
		return false
	}
	if l == nil {
		l = q.begin(p.ContainerID, p.Container.Awaited)
	}
	event, bytes := clone(ev)
	l.events = append(l.events, held{event, bytes})
	q.events, q.bytes = q.events+1, q.bytes+bytes
	q.stats.Held++
	return true
}

func (q *Queue) begin(id string, until int64) *line {
	l := &line{id: id, until: until}
	q.lines, q.byID[id] = append(q.lines, l), l
	q.active.Store(int64(len(q.lines)))
	q.wakeUp()
	return l
}

func (q *Queue) wakeUp() {
	select {
	case q.wake <- struct{}{}:
	default: // Release is about to look anyway
	}
}

// Remember keeps an event that was judged at once, and an alert about it that lacks its container's metadata, to
// complete that if the metadata comes soon.
func (q *Queue) Remember(ev *pipeline.Event, alert pipeline.Alert) {
	c := ev.Proc.Container
	if c == nil || c.Awaited == 0 || c.Awaited+int64(keepPartial) < ev.Time {
		return // nobody can tell of it, or nobody has for long
	}
	copied, _ := clone(ev)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.keep(partial{copied, []pipeline.Alert{alert}, c.Awaited + int64(keepPartial)})
	q.wakeUp()
}

// Wake has a word when something is kept that the last Release may not know of.
func (q *Queue) Wake() <-chan struct{} { return q.wake }

// Release has judged what need not wait any longer at now (ns since the epoch; on drain all of it), and completes
// what has become known since. It returns when the next wait ends; 0: nothing waits.
func (q *Queue) Release(now int64, drain bool, judge Judge) (next int64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest := 0
	for i := 0; i < len(q.lines); i++ { // new ones may join while it is unlocked
		l := q.lines[i]
		c := q.known(l.id)
		if c == nil && now <= l.until && !drain {
			q.lines[rest] = l
			rest++
			if next == 0 || l.until < next {
				next = l.until
			}
			continue
		}
		err = errors.Join(err, q.letGo(l, c, judge))
		delete(q.byID, l.id)
	}
	clear(q.lines[rest:])
	q.lines = q.lines[:rest]
	q.active.Store(int64(rest))
	return next, errors.Join(err, q.complete(now, judge))
}

// letGo judges the events of a line, those too that join meanwhile. It is called locked, and unlocks while it
// judges.
func (q *Queue) letGo(l *line, c *pipeline.Container, judge Judge) (err error) {
	for len(l.events) > 0 {
		events := l.events
		l.events = nil
		for _, h := range events {
			q.mu.Unlock()
			partials, complete, failed := q.judge(h.event, l, c, judge)
			err = errors.Join(err, failed)
			q.mu.Lock()
			q.events, q.bytes = q.events-1, q.bytes-h.bytes
			if complete {
				q.stats.Complete++
				continue
			}
			q.stats.Partial++
			if len(partials) > 0 {
				q.keep(partial{h.event, partials, l.until + int64(keepPartial)})
			}
		}
	}
	return err
}

// judge has one event judged: with its container's metadata, unless that came after the wait was over.
func (q *Queue) judge(ev *pipeline.Event, l *line, c *pipeline.Container, judge Judge) (partials []pipeline.Alert, complete bool, err error) {
	if c != nil && c.Learned <= l.until {
		fill(ev, c)
	}
	partials, err = judge.Match(ev)
	return partials, ev.Proc.Container.Complete, err
}

// keep remembers what went out partial; the oldest makes room.
func (q *Queue) keep(p partial) {
	if len(q.partial) == maxPartial {
		q.partial = append(q.partial[:0], q.partial[1:]...)
	}
	q.partial = append(q.partial, p)
}

// complete makes the partial alerts again whose containers are known now. It is called locked, and unlocks while
// it does.
func (q *Queue) complete(now int64, judge Judge) (err error) {
	waiting := q.partial
	q.partial = nil
	var rest []partial
	for _, p := range waiting {
		c := q.known(p.event.Proc.ContainerID)
		switch {
		case c != nil && c.Learned > p.until: // in a replay: live has forgotten the event by then
		case c != nil:
			fill(p.event, c)
			q.mu.Unlock()
			var completed uint64
			for i := range p.alerts {
				done, failed := judge.Complete(p.event, &p.alerts[i])
				if err = errors.Join(err, failed); done {
					completed++
				}
			}
			q.mu.Lock()
			q.stats.Completed += completed
		case now <= p.until:
			rest = append(rest, p)
		}
	}
	q.partial = append(rest, q.partial...) // those too that went out meanwhile
	if over := len(q.partial) - maxPartial; over > 0 {
		q.partial = append(q.partial[:0], q.partial[over:]...)
	}
	return err
}

// Stats returns the counts so far.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

// Held is how many events are held now.
func (q *Queue) Held() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.events
}
