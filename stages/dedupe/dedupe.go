// Package dedupe lets the first occurrence of an alert through and keeps its repeats quiet for a while.
// Identity is the alert's fingerprint, which its rule decides. A longer quiet time repeats less and
// tells later that something goes on. Repeats are not dropped but counted, in the window, and the next
// message shows the count: that of the next occurrence, of a repeat that passes because they are so many,
// or of the Closer's summary when nothing more occurs. What the window cannot answer passes.
package dedupe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// DefaultFor is the quiet time when neither the configuration nor the rule names one.
const DefaultFor = 10 * time.Minute

// DefaultEscalate is the factor when neither names one: the 10th, 100th, 1000th occurrence passes.
const DefaultEscalate = 10

// Window remembers occurrences and counts repeats; it is safe for concurrent use. Its answers are in
// the order of the hits.
type Window interface {
	Observe(ctx context.Context, hits []pipeline.Hit) ([]pipeline.Seen, error)
}

// Config is the dedupe block of the configuration.
type Config struct {
	// For is how long repeats of an alert stay quiet; default 10m. 0 turns dedupe off, except for rules
	// with a quiet time of their own.
	For *pipeline.Duration `yaml:"for"`
	// By replaces the default identity fields of rules that name none; match reads it.
	By []string `yaml:"by"`
	// Escalate lets a repeat pass when the occurrences of its quiet time are a power of it; default 10, 0 never.
	Escalate *uint64 `yaml:"escalate"`
	// Summary sums a quiet time up when it is over and had repeats that nobody was told of; default true.
	Summary *bool `yaml:"summary"`
}

// Validate says what is wrong, each error with the path of the setting.
func (c Config) Validate() error {
	if c.Escalate != nil && *c.Escalate == 1 {
		return errors.New("escalate: 1 would let every repeat pass: use for: 0s for that, 0 for never, or a factor of 2 or more")
	}
	return nil
}

// Stats count what Dedupe has seen: received = passed + repeats. An alert that only completes another
// (pipeline.Completes) is no occurrence: it goes by, and is not counted.
type Stats struct {
	Received, Passed, Repeats uint64
	Escalated                 uint64 // of Passed: repeats that are so many
	Degraded                  uint64 // of Received: answered by a stand-in window
}

// Dedupe is safe for concurrent use.
type Dedupe struct {
	quiet    time.Duration
	escalate uint64
	summary  bool
	window   Window

	mu    sync.Mutex
	stats Stats
	last  outcome
}

// outcome is what became of a batch. The bus hands a batch out again when a later stage fails on it;
// without this its repeats would be counted once per try.
type outcome struct {
	ids    []string
	passed []pipeline.Alert
}

// New makes a Dedupe on w.
func New(cfg Config, w Window) *Dedupe {
	d := &Dedupe{quiet: DefaultFor, escalate: DefaultEscalate, summary: true, window: w}
	if cfg.For != nil {
		d.quiet = time.Duration(*cfg.For)
	}
	if cfg.Escalate != nil {
		d.escalate = *cfg.Escalate
	}
	if cfg.Summary != nil {
		d.summary = *cfg.Summary
	}
	return d
}

// Process returns the alerts to tell people of, with their counts, and how many were repeats. alerts is
// not changed.
func (d *Dedupe) Process(ctx context.Context, alerts []pipeline.Alert) (pass []pipeline.Alert, repeats int, err error) {
	ids := make([]string, len(alerts))
	for i := range alerts {
		ids[i] = alerts[i].Key()
	}
	if passed, again := d.recall(ids); again {
		return passed, len(alerts) - len(passed), nil
	}
	seen, err := d.observe(ctx, alerts)
	if err != nil {
		return nil, 0, err
	}
	pass = decide(alerts, seen)
	d.remember(ids, pass, seen)
	return pass, len(alerts) - len(pass), nil
}

// observe asks the window about the alerts that are occurrences. The answers are in the order of these.
func (d *Dedupe) observe(ctx context.Context, alerts []pipeline.Alert) ([]pipeline.Seen, error) {
	hits := d.hits(alerts)
	if len(hits) == 0 {
		return nil, nil
	}
	seen, err := d.window.Observe(ctx, hits)
	if err != nil {
		return nil, fmt.Errorf("ask the window about %d alerts: %w", len(hits), err)
	}
	return seen, nil
}

// Stats returns the counts so far.
func (d *Dedupe) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

func (d *Dedupe) hits(alerts []pipeline.Alert) []pipeline.Hit {
	hits := make([]pipeline.Hit, 0, len(alerts))
	now := time.Now()
	for i := range alerts {
		a := &alerts[i]
		if a.Completes != nil {
			continue
		}
		h := pipeline.Hit{Key: a.Fingerprint.String(), ID: a.ID, At: a.Time, For: a.QuietFor, Arrived: now, Escalate: d.escalate}
		if h.For == 0 {
			h.For = d.quiet
		}
		h.For = max(h.For, a.Cooldown)
		if a.Escalate != nil {
			h.Escalate = *a.Escalate
		}
		if a.Summary == nil && d.summary || a.Summary != nil && *a.Summary {
			h.Alert = a
		}
		hits = append(hits, h)
	}
	return hits
}

// decide picks the alerts that pass and writes what they stand for into copies of them.
func decide(alerts []pipeline.Alert, seen []pipeline.Seen) []pipeline.Alert {
	pass := make([]pipeline.Alert, 0, len(alerts))
	for _, a := range alerts {
		if a.Completes != nil {
			pass = append(pass, a)
			continue
		}
		s := seen[0]
		seen = seen[1:]
		if !s.First && !s.Escalated {
			continue
		}
		a.Count, a.FirstSeen, a.LastSeen, a.Degraded = s.Count, s.FirstSeen, s.LastSeen, s.Degraded || a.Degraded
		a.Escalated, a.Episode = s.Escalated, s.Episode
		pass = append(pass, a)
	}
	return pass
}

func (d *Dedupe) recall(ids []string) ([]pipeline.Alert, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(ids) == 0 || !slices.Equal(ids, d.last.ids) {
		return nil, false
	}
	return slices.Clone(d.last.passed), true
}

func (d *Dedupe) remember(ids []string, pass []pipeline.Alert, seen []pipeline.Seen) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = outcome{ids, slices.Clone(pass)}
	repeats := uint64(len(ids) - len(pass))
	d.stats.Received += uint64(len(seen))
	d.stats.Passed += uint64(len(seen)) - repeats
	d.stats.Repeats += repeats
	for _, s := range seen {
		if s.Escalated {
			d.stats.Escalated++
		}
		if s.Degraded {
			d.stats.Degraded++
		}
	}
}
