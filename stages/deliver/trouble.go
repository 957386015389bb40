package deliver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// tellAfter is how long a channel fails before somebody is told, and tellEvery how often.
const (
	tellAfter = 5 * time.Minute
	tellEvery = time.Hour
)

// note takes what came of an attempt: whether the channel is well, and who is to know that it is not. A message that the
// channel does not want says nothing about it.
func (q *Queue) note(receiver string, err error) {
	failed := false
	if failure := (*pipeline.DeliveryError)(nil); errors.As(err, &failure) {
		failed = failure.Class == pipeline.ChannelDown || failure.Class == pipeline.Retry && failure.RetryAfter == 0
	} else if err != nil {
		failed = true
	}
	if failed {
		q.breaker.RecordFailure()
	} else {
		q.breaker.RecordSuccess()
	}
	q.mu.Lock()
	now := time.Now()
	if !failed {
		q.failing = time.Time{}
		q.mu.Unlock()
		return
	}
	if q.lastErr = err; q.failing.IsZero() {
		q.failing = now
	}
	t := Trouble{Receiver: receiver, Integration: q.name, Since: q.failing, Waiting: len(q.waiting), Err: err}
	tell := now.Sub(q.failing) >= tellAfter && now.Sub(q.told) >= tellEvery
	if tell {
		q.told = now
	}
	q.mu.Unlock()
	if tell {
		q.cfg.Trouble(t)
	}
}

func (q *Queue) failingFor() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failing.IsZero() {
		return 0
	}
	return time.Since(q.failing)
}

func (q *Queue) failingSince() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return fmt.Sprintf("%s: %v", q.failing.UTC().Format(time.RFC3339), q.lastErr)
}

// maxFreeze bounds what a freeze grows to when a robot says again and again that it had too many.
const maxFreeze = 5 * time.Minute

// freeze leaves a robot alone that says that it had too many messages: as long as it asks, and twice as long each time it
// says so again.
func (q *Queue) freeze(ctx context.Context, c *Channel, err error) (frozen bool) {
	failure := (*pipeline.DeliveryError)(nil)
	q.mu.Lock()
	if !errors.As(err, &failure) || failure.Class != pipeline.Retry || failure.RetryAfter == 0 {
		if err == nil {
			q.freezes = 0
		}
		q.mu.Unlock()
		return false
	}
	pause := max(min(failure.RetryAfter<<min(q.freezes, 10), maxFreeze), failure.RetryAfter)
	q.freezes++
	q.mu.Unlock()
	failure.RetryAfter = pause
	if err := q.cfg.Quotas.Freeze(ctx, c.Robot, time.Now().Add(pause)); err != nil {
		q.cfg.Log.Warn("a robot's freeze is not noted; others may send to it", "integration", q.name, "err", err)
	}
	return true
}

// moveUrgent gives up those that are urgent, when they would wait too long here and can go elsewhere.
func (q *Queue) moveUrgent(c *Channel, wait time.Duration, why string) {
	if !c.Fallback {
		return
	}
	q.mu.Lock()
	var moved []*item
	for len(q.waiting) > 0 && q.waiting[0].lane == urgent && time.Since(q.waiting[0].since)+wait > urgentWait {
		moved, q.waiting = append(moved, q.waiting[0]), q.waiting[1:]
	}
	q.mu.Unlock()
	for _, i := range moved {
		i.done <- q.elsewhere(i.delivery, why)
	}
}

func (q *Queue) elsewhere(d *pipeline.Delivery, why string) error {
	return &pipeline.DeliveryError{Class: pipeline.ChannelDown, Receiver: d.Receiver, Err: fmt.Errorf("%w: %s", ErrElsewhere, why)}
}
