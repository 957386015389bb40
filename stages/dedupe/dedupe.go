// Package dedupe lets the first occurrence of an alert through and keeps its repeats quiet for a while.
// Identity is the alert's fingerprint, which its rule decides. A longer quiet time repeats less and
// tells later that something goes on. Repeats are not dropped but counted, in the window, and the next
// message shows the count. What the window cannot answer passes.
package dedupe

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// DefaultFor is the quiet time when neither the configuration nor the rule names one.
const DefaultFor = 10 * time.Minute

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
}

// Stats count what Dedupe has seen: received = passed + repeats.
type Stats struct {
	Received, Passed, Repeats uint64
	Degraded                  uint64 // of Received: answered by a stand-in window
}

// Dedupe is safe for concurrent use.
type Dedupe struct {
	quiet  time.Duration
	window Window

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
	d := &Dedupe{quiet: DefaultFor, window: w}
	if cfg.For != nil {
		d.quiet = time.Duration(*cfg.For)
	}
	return d
}

// Process returns the alerts to tell people of, with their counts, and how many were repeats. alerts is
// not changed.
func (d *Dedupe) Process(ctx context.Context, alerts []pipeline.Alert) (pass []pipeline.Alert, repeats int, err error) {
	ids := make([]string, len(alerts))
	for i := range alerts {
		ids[i] = alerts[i].ID
	}
	if passed, again := d.recall(ids); again {
		return passed, len(alerts) - len(passed), nil
	}
	seen, err := d.window.Observe(ctx, d.hits(alerts))
	if err != nil {
		return nil, 0, fmt.Errorf("ask the window about %d alerts: %w", len(alerts), err)
	}
	pass = decide(alerts, seen)
	d.remember(ids, pass, seen)
	return pass, len(alerts) - len(pass), nil
}

// Stats returns the counts so far.
func (d *Dedupe) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

func (d *Dedupe) hits(alerts []pipeline.Alert) []pipeline.Hit {
	hits := make([]pipeline.Hit, len(alerts))
	for i := range alerts {
		a := &alerts[i]
		quiet := a.QuietFor
		if quiet == 0 {
			quiet = d.quiet
		}
		hits[i] = pipeline.Hit{Key: a.Fingerprint.String(), ID: a.ID, At: a.Time, For: quiet}
	}
	return hits
}

// decide picks the alerts that pass and writes what they stand for into copies of them.
func decide(alerts []pipeline.Alert, seen []pipeline.Seen) []pipeline.Alert {
	pass := make([]pipeline.Alert, 0, len(alerts))
	for i, s := range seen {
		if !s.First {
			continue
		}
		a := alerts[i]
		a.Count, a.FirstSeen, a.LastSeen, a.Degraded = s.Count, s.FirstSeen, s.LastSeen, s.Degraded || a.Degraded
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
	d.stats.Received += uint64(len(ids))
	d.stats.Passed += uint64(len(pass))
	d.stats.Repeats += uint64(len(ids) - len(pass))
	for _, s := range seen {
		if s.Degraded {
			d.stats.Degraded++
		}
	}
}
