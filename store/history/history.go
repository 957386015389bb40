// Package history keeps what alerts there are, what alerts there were, and what happened to each on its way:
// for the API's lists, for search, and for people who ask why. Nothing that decides depends on it: when it cannot
// be written, that is logged and counted, and alerts go on.
//
// There is a file (SQLite, apart from the store's so that neither waits for the other), and Redis for a fleet;
// both are held to one suite. Of each alert history keeps an account (the latest of it, since when, how often);
// each occurrence that people were told of; and steps, of which a kill loses those of the last moments. All is
// bounded by age and size, and the oldest goes first.
package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// ErrOff says that there is no history: its file could not be opened.
var ErrOff = errors.New("there is no history: its file could not be opened, the log says why")

// engine is where history is kept. It is safe for concurrent use.
type engine interface {
	// update reads the accounts of alerts, and keeps what decide makes of them; was is nil where there is none.
	update(ctx context.Context, of []pipeline.Fingerprint, decide func(i int, was *state) change) error
	// note keeps steps, each under what it is about.
	note(ctx context.Context, lines []line) error
	// steps returns the latest steps about subject, the earliest first.
	steps(ctx context.Context, subject uint64, limit int) ([]pipeline.Step, error)
	// get returns an alert and its account; nil: it is not known.
	get(ctx context.Context, of pipeline.Fingerprint) (*pipeline.Known, error)
	// live calls f with those that are live at now, in the order of their fingerprints. Those whose JSON lacks one of
	// texts may be left out.
	live(ctx context.Context, now time.Time, texts []string, f func(pipeline.Live) error) error
	// scan calls f with occurrences, the latest first, until it returns false.
	scan(ctx context.Context, s scan, f func(found) (more bool)) error
	// trim removes some of what is too old or too much, and reports whether there is more of that.
	trim(ctx context.Context, now time.Time) (more bool, err error)
	// settle does what would otherwise hold a write up now and then.
	settle(ctx context.Context) error
	close() error
}

// History is safe for concurrent use. Run has to run for steps to be kept and for its bounds to hold.
type History struct {
	engine  engine   // nil: there is none
	backlog *backlog // what the engine has not yet; nil: it has all
	log     *slog.Logger
	resolve atomic.Int64
	errors  atomic.Uint64
	lost    atomic.Uint64
	queue   chan []line
	steps   outage // of Run: they cannot be written

	mu   sync.Mutex // guards what follows
	last []string   // keys of the batch before, which may come again
}

// newHistory puts a History on an engine.
func newHistory(e engine, resolve time.Duration, log *slog.Logger) *History {
	h := &History{engine: e, log: log, queue: make(chan []line, queueLen)}
	h.SetResolveTimeout(resolve)
	return h
}

// SetResolveTimeout says how long after its last occurrence an event counts as live, from now on.
func (h *History) SetResolveTimeout(d time.Duration) { h.resolve.Store(int64(d)) }

// Errors counts the times history could not be written.
func (h *History) Errors() uint64 { return h.errors.Load() }

// LostSteps counts steps that were not kept because too many came.
func (h *History) LostSteps() uint64 { return h.lost.Load() }

// Close closes the file. Run has returned.
func (h *History) Close() error {
	if h.engine == nil {
		return nil
	}
	if h.backlog == nil {
		return h.engine.close()
	}
	return errors.Join(h.backlog.close(), h.engine.close())
}

// Record keeps a batch: the alerts that were let through, with all that was added to them, and the events that were
// kept quiet as repeats. The same batch again changes nothing. When it cannot be kept that is counted, and the error
// is for the log.
func (h *History) Record(ctx context.Context, now time.Time, passed, repeats []pipeline.Alert) error {
	if h.engine == nil || len(passed)+len(repeats) == 0 {
		return nil
	}
	keys := keysOf(passed, repeats)
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.Equal(keys, h.last) {
		return nil
	}
	if err := h.record(ctx, &batch{now: now, resolve: time.Duration(h.resolve.Load()), passed: passed, repeats: repeats}); err != nil {
		h.errors.Add(1)
		return fmt.Errorf("keep %d alerts in the history: %w", len(passed)+len(repeats), err)
	}
	h.last = keys
	return nil
}

func (h *History) record(ctx context.Context, rec *batch) error {
	if h.backlog != nil {
		return h.backlog.record(rec)
	}
	m := newSeveral()
	m.add(rec)
	return h.engine.update(ctx, m.of, m.decide)
}

// catchUp has the engine know what was recorded before. Where it cannot, the question is answered by what it knows.
func (h *History) catchUp(ctx context.Context) {
	if h.backlog == nil {
		return
	}
	if h.backlog.apply(ctx) != nil && ctx.Err() == nil {
		h.errors.Add(1)
	}
}

func keysOf(passed, repeats []pipeline.Alert) []string {
	keys := make([]string, 0, len(passed)+len(repeats))
	for i := range passed {
		keys = append(keys, passed[i].Key())
	}
	for i := range repeats {
		keys = append(keys, repeats[i].ID)
	}
	return keys
}

// gather sorts a batch by alert.
func gather(passed, repeats []pipeline.Alert) (of []pipeline.Fingerprint, batch []news) {
	places := make(map[pipeline.Fingerprint]int, len(passed)+len(repeats))
	at := func(a *pipeline.Alert) *news {
		i, there := places[a.Fingerprint]
		if !there {
			i = len(of)
			places[a.Fingerprint] = i
			of = append(of, a.Fingerprint)
			batch = append(batch, news{})
		}
		return &batch[i]
	}
	for i := range passed {
		n := at(&passed[i])
		n.passed = append(n.passed, &passed[i])
	}
	for i := range repeats {
		n := at(&repeats[i])
		n.repeats = append(n.repeats, &repeats[i])
	}
	return of, batch
}

// Live returns the alerts that are live, in the order of their fingerprints.
func (h *History) Live(ctx context.Context, now time.Time) ([]pipeline.Live, error) {
	var all []pipeline.Live
	err := h.EachLive(ctx, now, nil, func(l pipeline.Live) error {
		all = append(all, l)
		return nil
	})
	return all, err
}

// EachLive is Live for many: f gets those for which all matchers hold one after the other, and ends it with an error.
func (h *History) EachLive(ctx context.Context, now time.Time, ms []pipeline.Matcher, f func(pipeline.Live) error) error {
	if h.engine == nil {
		return ErrOff
	}
	compiled, err := matcher.Compile(ms)
	if err != nil {
		return err
	}
	h.catchUp(ctx)
	return h.engine.live(ctx, now, textsOf(ms), func(l pipeline.Live) error {
		if !matcher.Match(compiled, l.Labels) {
			return nil
		}
		return f(l)
	})
}

// textsOf are what the JSON of an alert has where matchers with = hold: looking for it costs less than reading that.
func textsOf(ms []pipeline.Matcher) (texts []string) {
	for _, m := range ms {
		if m.IsRegex || !m.IsEqual || m.Value == "" || strings.ContainsAny(m.Name+m.Value, "<>&") {
			continue // an older tocsin escaped those
		}
		pair, err := json.Marshal(map[string]string{m.Name: m.Value})
		if err == nil {
			texts = append(texts, string(pair[1:len(pair)-1]))
		}
	}
	return texts
}

// Get returns an alert that is live or was; nil: history does not know it.
func (h *History) Get(ctx context.Context, of pipeline.Fingerprint) (*pipeline.Known, error) {
	if h.engine == nil {
		return nil, ErrOff
	}
	h.catchUp(ctx)
	return h.engine.get(ctx, of)
}
