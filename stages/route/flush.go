package route

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	// flushGroups is how many due groups go out in one step. Fewer cost a transaction each; more make a
	// crash between publishing and noting it repeat more.
	flushGroups = 64
	// maxAlerts bounds one notification: more than people read, less than what a channel chokes on.
	maxAlerts = 256
	// flushRetry is the wait after a flush failed on the store or the bus.
	flushRetry = time.Second
)

// Run publishes groups when they are due, until ctx ends. What it cannot publish stays in the store.
func (g *Grouper) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-g.wake:
		}
		next, err := g.flushDue(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			g.log.Warn("publishing due groups failed; they wait in the store", "retry_in", flushRetry, "err", err)
			timer.Reset(flushRetry)
			g.asked.Store(time.Now().Add(flushRetry).UnixNano())
		case next.IsZero():
			timer.Stop()
		default:
			timer.Reset(time.Until(next))
		}
	}
}

// flushDue publishes what is due and returns when to look again; zero: nothing waits.
func (g *Grouper) flushDue(ctx context.Context) (time.Time, error) {
	for ctx.Err() == nil {
		due, err := g.store.Due(ctx, time.Now(), flushGroups)
		if err != nil {
			return time.Time{}, fmt.Errorf("look for due groups: %w", err)
		}
		if len(due) == 0 {
			break
		}
		if err := g.flush(ctx, due); err != nil {
			return time.Time{}, err
		}
	}
	// From here to the planned time's store below, an Add wakes us even if it need not.
	g.asked.Store(0)
	next, err := g.store.NextDue(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("look for the next due group: %w", err)
	}
	if !next.IsZero() {
		g.asked.Store(next.UnixNano())
	}
	return next, nil
}

// flush publishes groups and then notes it. A crash in between publishes them again, with the same
// delivery ids as long as no further alerts have joined.
func (g *Grouper) flush(ctx context.Context, due []pipeline.Pending) error {
	told, err := g.send(ctx, due)
	if err != nil {
		return err
	}
	now := time.Now()
	for i := range due {
		due[i].Told = due[i].Told || len(due[i].Alerts) > 0
		if !due[i].More {
			due[i].Due = now.Add(due[i].Interval)
		}
	}
	if err := g.store.Flushed(ctx, due); err != nil {
		return fmt.Errorf("note that %d groups are published: %w", len(due), err)
	}
	g.noteTold(ctx, told)
	return nil
}

// send publishes the groups' notifications, and returns the repeats that they tell.
func (g *Grouper) send(ctx context.Context, groups []pipeline.Pending) ([]pipeline.Repeats, error) {
	told := g.addRepeats(ctx, mergeAll(groups))
	tree := g.tree.Load()
	now := time.Now().UTC()
	var ns []pipeline.Notification
	for _, p := range groups {
		r, found := tree.receiver(p.Receiver)
		if !found {
			g.log.Warn("a group's receiver is no longer configured; the root's gets it", "receiver", p.Receiver, "root_receiver", r.Name)
		}
		ns = append(ns, notifications(p, r, now)...)
	}
	if len(ns) == 0 {
		return nil, nil
	}
	if err := g.publish(ctx, ns); err != nil {
		return nil, fmt.Errorf("publish notifications of %d groups: %w", len(groups), err)
	}
	return told, nil
}

// noteTold tells the window what messages have shown. It is done all the same when that fails: at worst
// the next message counts these repeats again.
func (g *Grouper) noteTold(ctx context.Context, told []pipeline.Repeats) {
	if len(told) == 0 {
		return
	}
	if err := g.repeats.Told(ctx, told); err != nil {
		g.log.Warn("the window did not take what was told", "err", err)
	}
}

// notifications are those of one group: per integration, and per maxAlerts alerts.
func notifications(p pipeline.Pending, r Receiver, now time.Time) []pipeline.Notification {
	reason := "first notification"
	switch {
	case !slices.ContainsFunc(p.Alerts, func(a pipeline.Alert) bool { return !a.Closing }):
		reason = "summary"
	case p.Told:
		reason = "new alerts added"
	}
	var ns []pipeline.Notification
	for start := 0; start < len(p.Alerts); start += maxAlerts {
		alerts := p.Alerts[start:min(start+maxAlerts, len(p.Alerts))]
		for _, integration := range r.Integrations {
			ns = append(ns, pipeline.Notification{
				ID:       deliveryID(p.Key, integration, alerts),
				Receiver: r.Name, Integration: integration,
				GroupKey: p.Key, GroupLabels: p.Labels, Reason: reason,
				Alerts: alerts, CreatedAt: now,
			})
		}
	}
	return ns
}

// deliveryID is the same whenever the same alerts go the same way, so that the bus can tell a message
// published again after a crash.
func deliveryID(groupKey, integration string, alerts []pipeline.Alert) string {
	h := sha256.New()
	h.Write([]byte(groupKey + "\n" + integration + "\n"))
	for i := range alerts {
		h.Write([]byte(alerts[i].ID + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
