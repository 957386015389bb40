package router

import (
	"context"
	"errors"
	"time"

	"github.com/tocsin-security/tocsin/pipeline/bus"
)

const (
	// deadAge is how long a dead letter is kept. Nobody mends a channel later and wants to be told what was then.
	deadAge = 30 * 24 * time.Hour
	// deadLook is the pause between two looks at how many there are and how old.
	deadLook = 15 * time.Second
)

// Reasons for which dead letters are removed.
const (
	droppedAge  = "age"
	droppedSize = "size"
)

// trimDead looks after the dead letters until ctx ends.
func (r *Router) trimDead(ctx context.Context) {
	for {
		if err := r.TrimDeadLetters(ctx, time.Now()); err != nil && ctx.Err() == nil {
			r.log.Warn("dead letters could not be looked at", "err", err)
		}
		if !sleep(ctx, deadLook) {
			return
		}
	}
}

// TrimDeadLetters removes, counts and logs dead letters that are more than 30 days old at now, and the oldest ones while
// they fill more than nine tenths of what the topic may hold: the last tenth is for what is parked until the next look.
// Beyond that the bus would let the oldest go without a word, or refuse new ones.
func (r *Router) TrimDeadLetters(ctx context.Context, now time.Time) error {
	for {
		state, err := r.bus.KeptState(ctx, TopicDead)
		if err != nil {
			return err
		}
		r.metrics.parked.Set(float64(state.Messages))
		oldest, err := r.bus.KeptFrom(ctx, TopicDead, 0)
		if errors.Is(err, bus.ErrNone) {
			return nil
		}
		if err != nil {
			return err
		}
		var reason string
		switch {
		case now.Sub(oldest.At) > deadAge:
			reason = droppedAge
		case state.MaxBytes > 0 && state.Bytes > state.MaxBytes/10*9:
			reason = droppedSize
		default:
			return nil
		}
		if err := r.dropDead(ctx, oldest, reason); err != nil {
			return err
		}
	}
}

func (r *Router) dropDead(ctx context.Context, kept bus.Kept, reason string) error {
	err := r.bus.Remove(ctx, TopicDead, kept.Number)
	if errors.Is(err, bus.ErrNone) {
		return nil // by another router, or a person
	}
	if err != nil {
		return err
	}
	letter := readDead(kept)
	r.metrics.dropped.WithLabelValues(reason).Inc()
	r.log.Error("a dead letter was removed unread", "reason", reason, "id", letter.ID, "stage", letter.Stage,
		"receiver", letter.Receiver, "notification", letter.Notification, "alerts", letter.Alerts, "at", letter.At)
	return nil
}
