package route

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Store keeps groups and the alerts that wait in them. Each method is one transaction: it happens whole
// or not at all, and is on disk when it returns.
type Store interface {
	// Groups tells which of the keys name a group that is there.
	Groups(ctx context.Context, keys []string) (map[string]bool, error)
	// Put adds alerts to groups, which may be none. A group that is not there is made as given; one that
	// is keeps its Due and Told and takes over the rest. It returns the earliest Due of these groups.
	Put(ctx context.Context, groups []pipeline.Pending) (next time.Time, err error)
	// Due returns at most limit groups whose time has come, longest due first, each with a bounded
	// number of its alerts.
	Due(ctx context.Context, now time.Time, limit int) ([]pipeline.Pending, error)
	// Flushed removes the alerts up to each group's mark and sets its Due and Told. A group that was
	// given without alerts and has none now is removed.
	Flushed(ctx context.Context, groups []pipeline.Pending) error
	// NextDue is the earliest Due of all groups; zero when there is none.
	NextDue(ctx context.Context) (time.Time, error)
}

// Repeats is the side of the dedupe window that messages use: what repeated since the alert they tell of.
type Repeats interface {
	Untold(ctx context.Context, of []pipeline.Episode) ([]pipeline.Repeats, error)
	Told(ctx context.Context, repeats []pipeline.Repeats) error
}

// Publish makes notifications durable; nil means that all are. Publishing one again is safe: it carries
// the same delivery id.
type Publish func(ctx context.Context, ns []pipeline.Notification) error

// Grouper gathers alerts into groups and publishes groups that are due. It is safe for concurrent use.
type Grouper struct {
	tree    atomic.Pointer[Tree]
	store   Store
	repeats Repeats
	publish Publish
	log     *slog.Logger

	mu    sync.Mutex // one Add at a time: two must not both find a group missing
	early early      // guarded by mu
	wake  chan struct{}
	asked atomic.Int64 // when the flusher will look next, ns since the epoch; 0: not planned
}

// NewGrouper makes a Grouper. Run must run for groups that wait.
func NewGrouper(tree *Tree, store Store, repeats Repeats, publish Publish, log *slog.Logger) *Grouper {
	g := &Grouper{store: store, repeats: repeats, publish: publish, log: log, wake: make(chan struct{}, 1)}
	g.tree.Store(tree)
	return g
}

// SetTree replaces the tree, on a reload. Groups that wait keep their time and go to the receiver they
// were made for.
func (g *Grouper) SetTree(tree *Tree) { g.tree.Store(tree) }

// gathered is what a batch adds to one group.
type gathered struct {
	pipeline.Pending
	wait time.Duration
}

// Add routes alerts that passed dedupe. nil means that for each of them either its notifications are
// durable (a new group that does not wait) or it is stored to go out with its group. What completes an alert
// (pipeline.Completes) is stored where that may still wait, and makes no group.
func (g *Grouper) Add(ctx context.Context, alerts []pipeline.Alert) error {
	if len(alerts) == 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	groups, keys := gather(g.tree.Load(), g.early.join(alerts))
	there, err := g.store.Groups(ctx, keys)
	if err != nil {
		return fmt.Errorf("look up %d groups: %w", len(keys), err)
	}
	keys = slices.DeleteFunc(keys, func(key string) bool {
		alerts := groups[key].Alerts
		if there[key] || slices.ContainsFunc(alerts, isOccurrence) {
			return false
		}
		g.early.keep(alerts)
		return true
	})
	atOnce, all := split(groups, keys, there, time.Now())
	told, err := g.send(ctx, atOnce)
	if err != nil {
		return err
	}
	next, err := g.store.Put(ctx, all)
	if err != nil {
		return fmt.Errorf("store alerts of %d groups: %w", len(all), err)
	}
	g.wakeFor(next)
	g.noteTold(ctx, told)
	return nil
}

// split tells groups to publish at once (new ones that do not wait, or whose alerts waited enough on the
// way here) and returns what to store of all of them: of those published only that they are there.
func split(groups map[string]*gathered, keys []string, there map[string]bool, now time.Time) (atOnce, all []pipeline.Pending) {
	for _, key := range keys {
		p, wait := groups[key].Pending, groups[key].wait
		p.Due = now.Add(wait)
		if !there[key] && (wait == 0 || p.Alerts[0].Time.Add(wait).Before(now)) {
			atOnce = append(atOnce, p)
			p.Due, p.Alerts, p.Told = now.Add(p.Interval), nil, true
		}
		all = append(all, p)
	}
	return atOnce, all
}

// gather sorts alerts into groups; keys are in the order of the groups' first alerts.
func gather(tree *Tree, alerts []pipeline.Alert) (groups map[string]*gathered, keys []string) {
	groups = map[string]*gathered{}
	for i := range alerts {
		by := alerts[i].Labels
		if c := alerts[i].Completes; c != nil {
			by = c.Labels // it goes where the alert went that it completes
		}
		for _, r := range tree.Match(by) {
			labels := r.groupLabels(by)
			key := r.groupKey(labels)
			p := groups[key]
			if p == nil {
				p = &gathered{wait: r.GroupWait}
				p.Group = pipeline.Group{Key: key, Receiver: r.Receiver, Labels: labels, Interval: r.GroupInterval}
				groups[key] = p
				keys = append(keys, key)
			}
			p.Alerts = append(p.Alerts, alerts[i])
		}
	}
	return groups, keys
}

// wakeFor makes the flusher look at due, if that is sooner than it planned to.
func (g *Grouper) wakeFor(due time.Time) {
	planned := g.asked.Load()
	if due.IsZero() || planned != 0 && planned <= due.UnixNano() {
		return
	}
	select {
	case g.wake <- struct{}{}:
	default: // it is already about to look
	}
}
