package deliver

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Queue has the notifications of one integration that wait for their turn. It is safe for concurrent use.
type Queue struct {
	name    string
	cfg     *Config
	reading *sync.Mutex             // see Queues
	channel atomic.Pointer[Channel] // exchanged by a reload
	breaker circuitbreaker.CircuitBreaker[any]
	wake    chan struct{} // capacity 1: something urgent came, or the channel is another

	mu      sync.Mutex // guards what follows
	waiting []*item    // by lane, then by time
	running bool       // whether somebody goes through them
	gather  time.Time  // until when what is not urgent gathers, and goes with others
	freezes int        // in a row
	failing time.Time  // since when nothing succeeds; zero: the latest attempt did
	told    time.Time  // when Trouble was told of that
	lastErr error
}

// urgentWait is how long something urgent waits for a channel at most, where there is another.
const urgentWait = 5 * time.Second

// digestEvery is how often a digest goes, digestSoon when so many wait that the bus hands out no more, and mergeEvery how
// often a message of several notifications does: what comes meanwhile goes with the next one.
const (
	digestEvery = 30 * time.Second
	digestSoon  = 15 * time.Second
	mergeEvery  = 3 * time.Second
)

// A channel that has refused so many attempts in a row is asked again only now and then, with one of them.
const (
	failuresToOpen = 5
	minOpen        = 10 * time.Second
	maxOpen        = 20 * time.Second
)

func newQueue(name string, cfg *Config, reading *sync.Mutex, c Channel) *Queue {
	q := &Queue{name: name, cfg: cfg, reading: reading, wake: make(chan struct{}, 1)}
	q.breaker = circuitbreaker.NewBuilder[any]().WithFailureThreshold(failuresToOpen).WithSuccessThreshold(1).WithRandomDelay(minOpen, maxOpen).Build()
	q.channel.Store(&c)
	return q
}

// Deliver returns when it is known what came of d: nil, or what the channel said, a *pipeline.DeliveryError. When ctx
// ends before its turn, d has not begun.
func (q *Queue) Deliver(ctx context.Context, d *pipeline.Delivery) error {
	c := q.channel.Load()
	if !c.queues() {
		return q.alone(ctx, c, d)
	}
	i := &item{delivery: d, lane: laneOf(&d.Notification), since: time.Now(), done: make(chan error, 1)}
	q.enter(ctx, i)
	select {
	case err := <-i.done:
		return err
	case <-ctx.Done():
		if q.leave(i) {
			return ctx.Err()
		}
		return <-i.done // it is under way
	}
}

// alone delivers as soon as the channel is well.
func (q *Queue) alone(ctx context.Context, c *Channel, d *pipeline.Delivery) error {
	for !q.breaker.TryAcquirePermit() {
		if c.Fallback && laneOf(&d.Notification) == urgent && q.failingFor() > urgentWait {
			return q.elsewhere(d, "it has failed since "+q.failingSince())
		}
		if !sleep(ctx, max(q.breaker.RemainingDelay(), 100*time.Millisecond), nil) {
			return ctx.Err()
		}
	}
	m, err := c.Render(d.Begin())
	if err != nil {
		q.breaker.RecordSuccess() // it is not the channel's fault
		return unrendered(d, err)
	}
	d.Note, err = q.send(ctx, c, m)
	q.note(d.Receiver, err)
	return err
}

func (q *Queue) enter(ctx context.Context, i *item) {
	q.mu.Lock()
	q.insert(i)
	start := !q.running
	q.running = true
	q.mu.Unlock()
	if start {
		go q.run(context.WithoutCancel(ctx))
	} else if i.lane == urgent {
		q.poke()
	}
}

// insert needs q.mu.
func (q *Queue) insert(i *item) {
	at, _ := slices.BinarySearchFunc(q.waiting, i, func(a, b *item) int {
		return cmp.Or(cmp.Compare(a.lane, b.lane), a.since.Compare(b.since), -1)
	})
	q.waiting = slices.Insert(q.waiting, at, i)
}

// poke has run look again.
func (q *Queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// leave takes an item out whose turn has not come.
func (q *Queue) leave(i *item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := slices.Index(q.waiting, i)
	if at >= 0 {
		q.waiting = slices.Delete(q.waiting, at, at+1)
	}
	return at >= 0
}

// take takes out what goes now. Those that have left meanwhile are not in it.
func (q *Queue) take(items []*item) (there []*item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	going := make(map[*item]bool, len(items))
	for _, i := range items {
		going[i] = true
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(i *item) bool {
		if going[i] {
			there = append(there, i)
		}
		return going[i]
	})
	return there
}

// run goes through those that wait until none does. It ends with them: a stop of the process has them leave.
func (q *Queue) run(ctx context.Context) {
	for {
		pause := q.step(ctx)
		if q.ended() {
			return
		}
		if pause > 0 {
			sleep(ctx, min(pause, longestPause), q.wake)
		}
	}
}

func (q *Queue) ended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running = len(q.waiting) > 0
	return !q.running
}

// longestPause is how long run looks at nothing: those that wait may leave, and then it ends.
const longestPause = time.Second

// sleep reports whether ctx goes on. wake ends it too.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-ctx.Done():
		return false
	}
	return true
}

// unrendered is a notification of which there is no message: it will be so the next time.
func unrendered(d *pipeline.Delivery, err error) error {
	return &pipeline.DeliveryError{Class: pipeline.BadMessage, Receiver: d.Receiver, Err: err}
}

// ErrElsewhere says that a notification must not wait for its channel, and is to go to the fallback.
var ErrElsewhere = errors.New("urgent, and the channel cannot take it now")
