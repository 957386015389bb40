package route

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Repeats is the side of the dedupe window that messages use: what repeated since the alert they tell of.
type Repeats interface {
	Untold(ctx context.Context, of []pipeline.Episode) ([]pipeline.Repeats, error)
	Told(ctx context.Context, repeats []pipeline.Repeats) error
}

// Publish makes notifications durable; nil means that all are. Publishing one again is safe: it carries
// the same delivery id.
type Publish func(ctx context.Context, ns []pipeline.Notification) error

// Deps are what a Grouper works with.
type Deps struct {
	Groups   Groups
	Repeats  Repeats
	Publish  Publish
	Silences Silences // nil: nothing is silenced or acknowledged
	Steps    Steps    // nil: nobody asks
	// Look is how often the flusher looks for due groups at least, where other processes share them: those of one
	// that died are found so late. 0: only when a group is due.
	Look time.Duration
	// Standby says that these groups take what the shared ones could not. Of an alert that they no longer hear of they do
	// not tell the end: it goes to the shared ones again.
	Standby bool
	Log     *slog.Logger
}

// Grouper gathers alerts into groups and publishes groups that are due. It is safe for concurrent use.
type Grouper struct {
	deps  Deps
	setup atomic.Pointer[Setup]
	stats counters

	flushing sync.Mutex // held while groups are decided about and published

	mu       sync.Mutex // guards what follows
	early    early
	unstored unstored
	ended    map[pipeline.Fingerprint]time.Time // sources that ended, for which groups were woken

	stale bool // the silences could not be refreshed; of the flusher

	wake  chan struct{}
	asked atomic.Int64 // when the flusher will look next, ns since the epoch; 0: not planned
}

// NewGrouper makes a Grouper. Run must run for groups to go out.
func NewGrouper(setup Setup, deps Deps) *Grouper {
	if deps.Silences == nil {
		deps.Silences = quiet{}
	}
	if deps.Steps == nil {
		deps.Steps = quiet{}
	}
	g := &Grouper{deps: deps, unstored: unstored{}, ended: map[pipeline.Fingerprint]time.Time{}, wake: make(chan struct{}, 1)}
	g.setup.Store(&setup)
	return g
}

// Use replaces the setup, on a reload. Groups that wait keep their time and go to the receiver they were made
// for. Wake, afterwards, lets them see what no longer keeps them back. When Use returns, nothing more is published by
// the setup before, to receivers that may be about to go.
func (g *Grouper) Use(setup Setup) {
	g.flushing.Lock()
	defer g.flushing.Unlock()
	g.setup.Store(&setup)
}

// Add routes alerts that passed dedupe. nil means that each is stored to go out with its groups. What completes an
// alert (pipeline.Completes) is stored where that may still wait, and makes no group.
func (g *Grouper) Add(ctx context.Context, alerts []pipeline.Alert) error {
	if len(alerts) == 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s, now := g.setup.Load(), time.Now()
	in := gather(s, g.early.join(alerts), now)
	next, absent, err := g.put(ctx, now, in, sourcesOf(s, alerts))
	if err != nil {
		return fmt.Errorf("store alerts of %d groups: %w", len(in), err)
	}
	g.keepEarly(in, absent)
	g.noteRouted(in, now)
	g.wakeFor(next)
	return nil
}

// Still notes that alerts went on which dedupe kept quiet as repeats: what they inhibit stays inhibited. What the store
// does not take is kept, and stored with what comes next.
func (g *Grouper) Still(ctx context.Context, repeats []pipeline.Alert) error {
	sources := sourcesOf(g.setup.Load(), repeats)
	if len(sources) == 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, _, err := g.put(ctx, time.Now(), nil, sources); err != nil {
		return fmt.Errorf("store what inhibits: %w", err)
	}
	return nil
}

// Wake makes groups that keep something back look whether they still have to: a silence ended before its time, or
// the configuration is another.
func (g *Grouper) Wake(ctx context.Context) error {
	now := time.Now()
	if err := g.deps.Groups.Wake(ctx, now); err != nil {
		return fmt.Errorf("wake groups that keep something back: %w", err)
	}
	g.wakeFor(now)
	return nil
}

// anyEnded reports whether a source has ended by its producer's word, of which the groups do not know yet. It needs
// g.mu.
func (g *Grouper) anyEnded(sources []pipeline.Source, now time.Time) (news bool) {
	for _, s := range sources {
		if s.Ends.After(now) {
			delete(g.ended, s.Fingerprint)
			continue
		}
		// Producers say it again and again for some time; once is enough.
		if !g.ended[s.Fingerprint].Equal(s.Ends) {
			g.ended[s.Fingerprint], news = s.Ends, true
		}
	}
	if len(g.ended) > maxEnded {
		clear(g.ended)
	}
	return news
}

// maxEnded bounds the ends that are remembered. Forgotten, they cost a look at groups that need none.
const maxEnded = 1024

// keepEarly remembers completions that found no group. It needs g.mu.
func (g *Grouper) keepEarly(in []pipeline.Inbox, absent []string) {
	if len(absent) == 0 {
		return
	}
	missing := make(map[string]bool, len(absent))
	for _, key := range absent {
		missing[key] = true
	}
	for i := range in {
		if in[i].IfThere && missing[in[i].Key] {
			g.early.keep(in[i].Alerts)
		}
	}
}

// noteRouted tells which groups events went to. An alert that fires on and on is noted when its group learns of it.
func (g *Grouper) noteRouted(in []pipeline.Inbox, now time.Time) {
	var steps []pipeline.Step
	for i := range in {
		for j := range in[i].Alerts {
			if isStep(in[i].Route) {
				break
			}
			if a := &in[i].Alerts[j]; isOccurrence(a) && a.Stateful == nil {
				steps = append(steps, routed(a.Fingerprint, in[i].Key, in[i].Receiver, now))
			}
		}
	}
	g.deps.Steps.Note(steps...)
}

func routed(of pipeline.Fingerprint, key, receiver string, now time.Time) pipeline.Step {
	return pipeline.Step{At: now, Fingerprint: of, Stage: "route", Verdict: "passed", Receiver: receiver, GroupKey: key}
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

// quiet stands in where nobody silences, and where nobody asks for steps.
type quiet struct{}

func (quiet) Silenced(map[string]string, time.Time) []pipeline.Suppressed { return nil }
func (quiet) Acked(pipeline.Fingerprint, time.Time) (pipeline.Suppressed, bool) {
	return pipeline.Suppressed{}, false
}
func (quiet) Hit(string, int)               {}
func (quiet) Refresh(context.Context) error { return nil }
func (quiet) Note(...pipeline.Step)         {}
