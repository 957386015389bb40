// Package window counts what a rule's window asks for (pipeline.Window): how many occurrences of a key, of
// how many values, how fast, in which order. An engine is shown every occurrence of a rule with a window and
// answers whether it amounts to an alert. Memory is the engine of one process. The suite in windowtest says,
// with a reference that keeps everything, what each engine answers; docs/windows.md says it for users.
//
// Where two readings are possible, it is this one:
//
//   - Times are whole microseconds, and only those that observations carry: no engine looks at a clock, so
//     that a replay gives the answers of the live run.
//   - What is in view is (M - Within, M], M being the latest time of the timeline; without Within it is
//     RateSpan that looks back, and with neither only the occurrence itself is in view.
//   - A window with neither (changed and new alone) has no timelines: nothing is too late for it.
//   - Changes and new values are noted in the timeline of their occurrence; the last value and the known
//     values belong to the key.
//   - Of several chains of a sequence the one that starts latest is shown; of those, the one whose second
//     step is latest, and so on.
//   - An ID is known while its occurrence is in view of its timeline, and for as long as it is the one that
//     fired last.
package window

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Engine judges occurrences, in their order. It is safe for concurrent use. The Sight of an answer is set
// where Fired is.
type Engine interface {
	Observe(ctx context.Context, observed []pipeline.Observation) ([]pipeline.Judged, error)
}

// Panes is into how many parts a span is cut above Config.Exact: a count is at most one part too old.
const Panes = 64

// ArrivalSlack is how much earlier than others an occurrence may have arrived that is shown after them, one
// that is delivered again above all: keys are kept so long after they have expired.
const ArrivalSlack = time.Minute

// Bounds of Config.
const (
	minExact, maxExact = 32, 16384
	minBytes           = 16 << 20
)

// Config is the windows block of the configuration.
type Config struct {
	// MaxKeys bounds the keys in memory; default 1000000. Above it the key that was touched least recently
	// is forgotten: its count starts again.
	MaxKeys int `yaml:"max_keys"`
	// MaxBytes bounds their memory, in the same way; default 200MB.
	MaxBytes pipeline.Size `yaml:"max_bytes"`
	// Exact is how many occurrences, and how many values, of a key are kept one by one; default 1024. What is
	// above is counted in Panes parts of the window, and values are estimated. A threshold below it is exact.
	Exact int `yaml:"exact"`
	// Lateness is how far clocks may disagree and deliveries be late without being a story of their own;
	// default 30s.
	Lateness pipeline.Duration `yaml:"lateness"`
}

// DefaultConfig returns what an empty windows block means.
func DefaultConfig() Config {
	return Config{MaxKeys: 1_000_000, MaxBytes: 200_000_000, Exact: 1024, Lateness: pipeline.Duration(30 * time.Second)}
}

// Validate reports what is wrong with c, naming the field.
func (c Config) Validate() error {
	var errs []error
	if c.MaxKeys < 1 {
		errs = append(errs, fmt.Errorf("max_keys: %d is too few: 1000000 is the default", c.MaxKeys))
	}
	if c.MaxBytes < minBytes {
		errs = append(errs, fmt.Errorf("max_bytes: %d bytes is too little: use at least 16MiB, 200MB is the default", c.MaxBytes))
	}
	if c.Exact < minExact || c.Exact > maxExact {
		errs = append(errs, fmt.Errorf("exact: %d is out of range: use %d to %d, 1024 is the default", c.Exact, minExact, maxExact))
	}
	if c.Lateness <= 0 {
		errs = append(errs, errors.New("lateness: must be more than zero: 30s is the default"))
	}
	return errors.Join(errs...)
}

// Reach is how far an occurrence may be from the latest one of a timeline to belong to it.
func (c Config) Reach(w *pipeline.Window) time.Duration {
	return w.Span() + w.RateFor + time.Duration(c.Lateness)
}

// Life is how long a key is remembered that is not touched.
func (c Config) Life(w *pipeline.Window) time.Duration {
	return max(c.Reach(w), w.Cooldown, w.Changed, w.New)
}

// View is how far back w looks for what it shows; 0: only the occurrence itself is in view.
func View(w *pipeline.Window) time.Duration {
	if w.Within > 0 {
		return w.Within
	}
	return w.RateSpan
}

// Shown is as much of a value as a Sight shows.
func Shown(value string) string {
	if len(value) <= pipeline.MaxValue {
		return value
	}
	n := pipeline.MaxValue
	for n > 0 && !utf8.RuneStart(value[n]) {
		n--
	}
	return value[:n]
}
