package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// step sends the next message, or says how long nothing is to be sent.
func (q *Queue) step(ctx context.Context) (pause time.Duration) {
	c := q.channel.Load()
	if !c.queues() { // a reload: what waits goes as the channel now is, one by one
		q.release(ctx, c)
		return 0
	}
	room, err := q.cfg.Quotas.Take(ctx, c.Robot, 0, c.Limits)
	if err != nil {
		q.cfg.Log.Warn("the quota of a robot cannot be asked; its messages wait", "integration", q.name, "err", err)
		return time.Second
	}
	if !room.Frozen.IsZero() {
		q.moveUrgent(c, room.Wait, "the robot takes nothing until "+room.Frozen.Format(time.TimeOnly))
		return room.Wait
	}
	if delay := q.breaker.RemainingDelay(); delay > 0 {
		if q.failingFor() > urgentWait {
			q.moveUrgent(c, delay, "it has failed since "+q.failingSince())
		}
		return delay
	}
	b, full, pause := q.next(room.Used, c.Limits[0].Most)
	if len(b.items) == 0 {
		return pause
	}
	message, err := c.Render(b.notification(notifications(b.items)))
	if err != nil {
		q.refuse(&b, err)
		return 0
	}
	wait, err := q.room(ctx, c, message, c.limits(&b, full))
	switch {
	case err != nil:
		q.cfg.Log.Warn("the quota of a robot cannot be asked; its messages wait", "integration", q.name, "err", err)
		return time.Second
	case wait > 0 && b.lane == urgent:
		q.moveUrgent(c, wait, "the robot's quota is used up")
		return wait
	case wait > 0:
		return wait
	}
	q.deliver(ctx, c, &b, message)
	return 0
}

// next is what goes now, and when there is nothing, how long to wait. full: the bus hands out no more.
func (q *Queue) next(used, most int) (b batch, full bool, pause time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	pause = time.Until(q.gather)
	if full = len(q.waiting) >= q.cfg.InFlight; full {
		pause -= digestEvery - digestSoon // of which so much has gone by
	}
	b = pick(q.waiting, used, most, pause > 0)
	return b, full, max(pause, time.Millisecond)
}

func notifications(items []*item) []pipeline.Notification {
	all := make([]pipeline.Notification, len(items))
	for i := range items {
		all[i] = items[i].delivery.Notification
	}
	return all
}

// deliver sends a batch, for which there is room. Members that have left are not in it any more, and members that may
// have been sent before say so: then the message is another.
func (q *Queue) deliver(ctx context.Context, c *Channel, b *batch, m pipeline.Message) {
	asked := len(b.items)
	if b.items = q.take(b.items); len(b.items) == 0 {
		return
	}
	all := make([]pipeline.Notification, len(b.items))
	changed := len(b.items) != asked
	for i, one := range b.items {
		all[i] = one.delivery.Begin()
		changed = changed || all[i].Again != one.delivery.Again
	}
	n := b.notification(all)
	if changed {
		var err error
		if m, err = c.Render(n); err != nil {
			q.settle(b, unrendered(b.items[0].delivery, err))
			return
		}
	}
	m.Attempt = n.Attempt
	q.breaker.TryAcquirePermit() // there is one: nobody else asks
	note, err := q.send(ctx, c, m)
	for _, i := range b.items {
		i.delivery.Note = note
	}
	q.note(n.Receiver, err)
	q.pace(b, err)
	frozen := q.freeze(ctx, c, err)
	switch {
	case err == nil && len(all) > 1:
		q.cfg.Merged(q.name, len(all), b.digest)
	case len(all) > 1 && isBad(err):
		q.halve(b)
		return
	case len(all) > 1 && b.lane != urgent && q.stays(b, err):
		return
	case err != nil && b.lane == urgent && c.Fallback && !isBad(err) && (frozen || q.failingFor() > urgentWait):
		err = q.elsewhere(b.items[0].delivery, err.Error())
	}
	q.settle(b, err)
}

// keptFor is how long members of a message that was not taken stay here. Then the router has them, which parks what is
// too old.
const keptFor = time.Hour

// stays has the members of a message that was refused for now stay, so that they go as one again when the channel is
// well: the router would bring them back one by one.
func (q *Queue) stays(b *batch, err error) bool {
	failure := (*pipeline.DeliveryError)(nil)
	if !errors.As(err, &failure) || failure.Class != pipeline.Retry || failure.Unknown {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	var old []*item
	for _, i := range b.items {
		if time.Since(i.since) > keptFor {
			old = append(old, i)
		} else {
			q.insert(i)
		}
	}
	b.items = old
	return len(old) == 0
}

// pace has what is not urgent gather after a message of several. One that was not taken is tried again soon: how soon is
// for the breaker to say.
func (q *Queue) pace(b *batch, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case b.digest && err == nil:
		q.gather = offHalfHour(time.Now().Add(digestEvery + rand.N(digestEvery/6))) // not all robots of a fleet at once
	case len(b.items) > 1 && b.lane != urgent:
		q.gather = time.Now().Add(mergeEvery)
	}
}

// offHalfHour is t, or 5 to 50 s later where t is about a full or a half hour: chat platforms are busy then, and say so in
// their documentation (WeCom's application messages, Feishu's robots).
func offHalfHour(t time.Time) time.Time {
	if t.Minute()%30 == 0 && t.Second() < 30 {
		return t.Add(5*time.Second + rand.N(45*time.Second))
	}
	return t
}

func isBad(err error) bool {
	failure := (*pipeline.DeliveryError)(nil)
	return errors.As(err, &failure) && failure.Class == pipeline.BadMessage
}

// halve has the members of a message that the channel does not want go in two: so the one that is to blame is found, and
// the others arrive.
func (q *Queue) halve(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range b.items {
		i.most = (len(b.items) + 1) / 2
		q.insert(i)
	}
	q.gather = time.Time{}
}

// settle tells members what came of their message.
func (q *Queue) settle(b *batch, err error) {
	for _, i := range b.items {
		if len(b.items) > 1 {
			what := "one message"
			if b.digest {
				what = "a digest"
			}
			with := fmt.Sprintf("with %d others in %s", len(b.items)-1, what)
			if i.delivery.Note != "" {
				with += "; " + i.delivery.Note
			}
			i.delivery.Note = with
		}
		i.done <- err
	}
}

// refuse is for a batch of which no message can be made. Of several, each is tried alone, and one is to blame.
func (q *Queue) refuse(b *batch, err error) {
	for _, i := range q.take(b.items) {
		i.delivery.Begin()
		i.done <- unrendered(i.delivery, err)
	}
}

// send sends a message in bounded time, which a stop does not cut short: half a delivery is a repeat later.
// A message that only some got is sent; note is for people who ask how it went.
func (q *Queue) send(ctx context.Context, c *Channel, m pipeline.Message) (note string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.cfg.AttemptTimeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			q.cfg.Log.LogAttrs(ctx, slog.LevelError, "sending a message panicked", slog.String("integration", q.name),
				slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			err = &pipeline.DeliveryError{Class: pipeline.BadMessage, Receiver: m.Receiver, Unknown: true, Err: fmt.Errorf("panic: %v", v)}
		}
	}()
	err = c.Notify(ctx, m)
	if missed := (*pipeline.MissedError)(nil); errors.As(err, &missed) {
		q.cfg.Log.Warn("some recipients did not get a message", "integration", q.name, "notification", m.ID, "err", err)
		q.cfg.Missed(q.name, missed.Recipients)
		return "not to all: " + missed.Err.Error(), nil
	}
	return "", err
}

// release sends what waits without a quota.
func (q *Queue) release(ctx context.Context, c *Channel) {
	q.mu.Lock()
	all := q.waiting
	q.waiting = nil
	q.mu.Unlock()
	for _, i := range all {
		go func() { i.done <- q.alone(ctx, c, i.delivery) }()
	}
}
