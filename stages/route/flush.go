package route

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	// flushGroups is how many due groups go out in one step. Fewer cost a transaction each; more make a
	// crash between publishing and noting it repeat more.
	flushGroups = 64
	// flushRetry is the wait after a flush failed on the store or the bus.
	flushRetry = time.Second
)

// Run publishes groups when they are due, until ctx ends. What it cannot publish stays in the store.
func (g *Grouper) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	failing := false
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
		case err == nil && failing:
			g.deps.Log.Info("due groups are published again")
			failing = false
		case err != nil:
			if !failing { // said once: it may last
				g.deps.Log.Warn("publishing due groups failed; they wait in the store", "retry_every", flushRetry, "err", err)
				failing = true
			}
			next = time.Now().Add(flushRetry)
			g.asked.Store(next.UnixNano())
		}
		if look := time.Now().Add(g.deps.Look); g.deps.Look > 0 && (next.IsZero() || look.Before(next)) {
			next = look
		}
		if next.IsZero() {
			timer.Stop()
			continue
		}
		timer.Reset(time.Until(next))
	}
}

// flushDue publishes what is due and returns when to look again; zero: nothing waits. What it has begun when ctx ends
// it finishes: a group that is published and not settled would be told again.
func (g *Grouper) flushDue(ctx context.Context) (time.Time, error) {
	work := context.WithoutCancel(ctx)
	if err := g.putUnstored(work); err != nil {
		return time.Time{}, err
	}
	for ctx.Err() == nil {
		due, err := g.deps.Groups.Claim(work, time.Now(), flushGroups)
		if err != nil {
			return time.Time{}, fmt.Errorf("look for due groups: %w", err)
		}
		if len(due) == 0 {
			break
		}
		g.refresh(work)
		if err := g.flush(work, due); err != nil {
			return time.Time{}, err
		}
	}
	// From here to the planned time's store below, an Add wakes us even if it need not.
	g.asked.Store(0)
	next, err := g.deps.Groups.NextDue(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("look for the next due group: %w", err)
	}
	if !next.IsZero() {
		g.asked.Store(next.UnixNano())
	}
	return next, nil
}

// refresh learns what silences there are, after each Claim: with many groups due, a pass takes a while.
func (g *Grouper) refresh(ctx context.Context) {
	err := g.deps.Silences.Refresh(ctx)
	if err != nil && !g.stale { // said once; in doubt deliver
		g.deps.Log.Warn("the store does not say which silences there are; those known before count", "err", err)
	}
	g.stale = err != nil
}

// flush decides about claimed groups, publishes what they tell, and then notes it. A crash in between publishes it
// again, with the same delivery ids as long as nothing further has come.
func (g *Grouper) flush(ctx context.Context, due []pipeline.Claimed) error {
	g.flushing.Lock()
	defer g.flushing.Unlock()
	s, now := g.setup.Load(), time.Now()
	inputs := make([]input, len(due))
	for i := range due {
		inputs[i] = g.read(s, &due[i], now)
	}
	told := g.addRepeats(ctx, inputs)
	sources, err := g.sources(ctx, s, inputs, now)
	if err != nil {
		g.giveBack(ctx, due, false)
		return err
	}
	done := make([]output, 0, len(due))
	ns := make([]pipeline.Notification, 0, len(due))
	for i := range inputs {
		inputs[i].watch.inhibited = func(labels map[string]string, of pipeline.Fingerprint) []pipeline.Suppressed {
			return s.Inhibit.Inhibited(labels, of, sources, now)
		}
		out := decide(inputs[i])
		if out.err != nil {
			g.deps.Log.Error("a group cannot be written down; it is tried again", "group", due[i].Key, "err", out.err)
			continue
		}
		done = append(done, out)
		ns = append(ns, out.notifications...)
	}
	if len(ns) > 0 {
		if err := g.deps.Publish(ctx, ns); err != nil {
			g.giveBack(ctx, due, true)
			return fmt.Errorf("publish notifications of %d groups: %w", len(due), err)
		}
	}
	return g.settle(ctx, now, done, told)
}

// giveBack ends the leases of groups that could not be flushed, and leaves the groups as they were: so they are tried
// again soon, not when the leases run out. unsure: some of what they tell may be out.
func (g *Grouper) giveBack(ctx context.Context, due []pipeline.Claimed, unsure bool) {
	again := time.Now().Add(flushRetry)
	back := make([]pipeline.Settled, 0, len(due))
	for i := range due {
		c := &due[i]
		m, err := readMemory(c.State)
		if err != nil {
			continue // flush says so
		}
		m.Unsure = m.Unsure || unsure || c.Retaken
		state, err := m.encode()
		if err != nil {
			continue
		}
		// Whether it held something back is not known here; to be woken for nothing costs a look.
		back = append(back, pipeline.Settled{Key: c.Key, Token: c.Token, State: state, Ready: m.Ready, Due: again, Holds: true})
	}
	if _, err := g.deps.Groups.Settle(ctx, time.Now(), back); err != nil {
		g.deps.Log.Debug("groups that could not be published wait until their leases run out", "groups", len(back), "err", err)
	}
}

// settle notes what was decided and published.
func (g *Grouper) settle(ctx context.Context, now time.Time, done []output, told []pipeline.Repeats) error {
	settled := make([]pipeline.Settled, len(done))
	for i := range done {
		settled[i] = done[i].settled
	}
	lost, err := g.deps.Groups.Settle(ctx, now, settled)
	if err != nil {
		return fmt.Errorf("note that %d groups are published: %w", len(done), err)
	}
	if len(lost) > 0 {
		g.deps.Log.Warn("groups took longer to publish than they were this process's; another may have published them too",
			"groups", len(lost), "first", lost[0])
	}
	for i := range done {
		g.stats.add(&done[i])
		g.deps.Steps.Note(done[i].steps...)
		for id, n := range done[i].hits {
			g.deps.Silences.Hit(id, n)
		}
	}
	g.noteTold(ctx, told)
	return nil
}

// read makes the input to the decision about a claimed group, but for what inhibits it.
func (g *Grouper) read(s *Setup, c *pipeline.Claimed, now time.Time) input {
	in := input{now: now, group: c, summaries: s.Summaries, mine: func(labels map[string]string) bool {
		return !g.deps.Standby && s.takes(c.Key, labels)
	}}
	g.stats.late(now.Sub(c.Due))
	var found bool
	if in.receiver, found = s.Tree.receiver(c.Receiver); !found {
		g.deps.Log.Warn("a group's receiver is no longer configured; the root's gets it", "receiver", c.Receiver, "root_receiver", in.receiver.Name)
	}
	in.route = s.Tree.route(c.Route)
	if c.Damaged != nil {
		g.deps.Log.Error("a part of a group cannot be read; what is in it is lost", "group", c.Key, "err", c.Damaged)
	}
	var err error
	if in.memory, err = readMemory(c.State); err != nil {
		g.deps.Log.Error("what a group remembers is lost; what fires is announced again", "group", c.Key, "err", err)
	}
	if in.members, err = readMembers(c.Members); err != nil {
		g.deps.Log.Error("an alert of a group is lost until it is posted again", "group", c.Key, "err", err)
	}
	var events []pipeline.Alert
	for i := range c.Alerts {
		if c.Alerts[i].Stateful != nil {
			in.members.add(&c.Alerts[i])
		} else {
			events = append(events, c.Alerts[i])
		}
	}
	in.adapt()
	in.events = merge(complete(in.memory.Recent.fresh(events)))
	in.watch = watch{
		muted:    s.muted(in.route, now),
		silenced: func(labels map[string]string) []pipeline.Suppressed { return g.deps.Silences.Silenced(labels, now) },
		acked: func(of pipeline.Fingerprint) (pipeline.Suppressed, bool) {
			return g.deps.Silences.Acked(of, now)
		},
	}
	return in
}

// takes reports whether alerts with these labels go to the group of that key.
func (s *Setup) takes(key string, labels map[string]string) bool {
	for _, r := range s.Tree.Match(labels) {
		for _, place := range append([]*Route{r}, r.steps...) {
			if place.groupKey(place.groupLabels(labels)) == key {
				return true
			}
		}
	}
	return false
}

// sources asks once for everything that may inhibit what the groups hold.
func (g *Grouper) sources(ctx context.Context, s *Setup, inputs []input, now time.Time) (map[string][]pipeline.Source, error) {
	asked := map[string]bool{}
	ask := func(labels map[string]string) {
		for _, key := range s.Inhibit.Keys(labels) {
			asked[key] = true
		}
	}
	for i := range inputs {
		for _, e := range inputs[i].events {
			ask(e.Labels)
		}
		for _, m := range inputs[i].members.all {
			ask(m.Alert.Labels)
		}
		for j := range inputs[i].memory.Held {
			ask(inputs[i].memory.Held[j].Labels)
		}
	}
	return g.sourcesOf(ctx, asked, now)
}

func (g *Grouper) sourcesOf(ctx context.Context, asked map[string]bool, now time.Time) (map[string][]pipeline.Source, error) {
	if len(asked) == 0 {
		return nil, nil
	}
	found, err := g.deps.Groups.Sources(ctx, now, slices.Collect(maps.Keys(asked)))
	if err != nil {
		return nil, fmt.Errorf("look for what inhibits: %w", err)
	}
	by := make(map[string][]pipeline.Source, len(found))
	for _, f := range found {
		by[f.Key] = append(by[f.Key], f)
	}
	return by, nil
}

// noteTold tells the window what messages have shown, and what was kept back for good or for a summary. It is done
// all the same when that fails: at worst the next message counts these repeats again.
func (g *Grouper) noteTold(ctx context.Context, told []pipeline.Repeats) {
	if len(told) == 0 {
		return
	}
	if err := g.deps.Repeats.Told(ctx, told); err != nil {
		g.deps.Log.Warn("the window did not take what was told", "err", err)
	}
}
