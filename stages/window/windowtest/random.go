package windowtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/window"
)

// testReference shows the same to the engine and to the reference. Times are whole seconds and values few, so
// that boundaries and repeats are met often.
func testReference(t *testing.T, fresh func(*testing.T, window.Config) window.Engine) {
	rapid.Check(t, func(rt *rapid.T) {
		e, reference := fresh(t, config), NewReference(config)
		w := drawWindow(rt)
		s := stream{window: &w, now: time.Now().UTC().Truncate(time.Second)}
		for left := s.length(); left > 0; {
			batch := make([]pipeline.Observation, min(left, rapid.IntRange(1, 4).Draw(rt, "batch")))
			for i := range batch {
				batch[i] = s.draw(rt)
			}
			left -= len(batch)
			got, err := e.Observe(t.Context(), batch)
			if err != nil {
				rt.Fatalf("Observe: %v", err)
			}
			want, _ := reference.Observe(t.Context(), batch)
			if diff := cmp.Diff(want, got, equal); diff != "" {
				rt.Fatalf("%+v after %d others, the batch %+v (-reference +engine):\n%s", w, len(s.shown)-len(batch), batch, diff)
			}
		}
	})
}

func drawWindow(rt *rapid.T) pipeline.Window {
	seconds := func(from, to int, name string) time.Duration {
		return time.Duration(rapid.IntRange(from, to).Draw(rt, name)) * time.Second
	}
	w := pipeline.Window{Cooldown: seconds(0, 6, "cooldown")}
	clauses := rapid.IntRange(1, 63).Draw(rt, "clauses")
	has := func(n int) bool { return clauses>>n&1 == 1 }
	if has(0) {
		w.Count = rapid.Uint64Range(1, 5).Draw(rt, "count")
	}
	if has(1) {
		w.Distinct = rapid.Uint64Range(1, 3).Draw(rt, "distinct")
	}
	if has(2) {
		w.Rate = rapid.SampledFrom([]float64{0.2, 0.5, 1}).Draw(rt, "rate")
		w.RateSpan, w.RateFor = seconds(1, 8, "rate span"), seconds(0, 5, "rate for")
	}
	if has(3) {
		w.Changed = seconds(1, 20, "changed")
	}
	if has(4) {
		w.New = seconds(1, 20, "new")
	}
	if has(5) {
		w.Steps = rapid.IntRange(2, 4).Draw(rt, "steps")
	}
	if w.Count > 0 || w.Distinct > 0 || w.Steps > 0 || rapid.Bool().Draw(rt, "within") {
		w.Within = seconds(1, 15, "within of")
	}
	return w
}

// stream draws occurrences of a few keys whose clocks are mostly right.
type stream struct {
	window *pipeline.Window
	now    time.Time
	skew   time.Duration // of the clock of what comes
	shown  []pipeline.Observation
}

// length is how many occurrences are shown. Of a sequence engines keep at least the 32 latest one by one.
func (s *stream) length() int {
	if s.window.Steps > 0 {
		return 32
	}
	return 60
}

func (s *stream) draw(rt *rapid.T) pipeline.Observation {
	seconds := func(from, to int, name string) time.Duration {
		return time.Duration(rapid.IntRange(from, to).Draw(rt, name)) * time.Second
	}
	value := rapid.SampledFrom([]string{"", "a", "b", "c", "d"})
	s.now = s.now.Add(seconds(0, 3, "pause"))
	switch rapid.IntRange(0, 30).Draw(rt, "what") {
	case 0:
		s.now = s.now.Add(seconds(10, 90, "long pause"))
	case 1:
		s.skew = seconds(-100, 20, "skew")
	case 2, 3:
		s.skew = 0
	case 4, 5, 6:
		if len(s.shown) > 0 {
			again := rapid.SampledFrom(s.shown).Draw(rt, "again")
			if s.now.Sub(again.Arrived) > window.ArrivalSlack || rapid.Bool().Draw(rt, "arrives again") {
				again.Arrived = s.now
			}
			return again
		}
	}
	o := pipeline.Observation{
		Window: s.window, Key: rapid.SampledFrom([]string{"k", "k", "l"}).Draw(rt, "key"), ID: fmt.Sprint("id ", len(s.shown)),
		At: s.now.Add(s.skew), Arrived: s.now,
		Distinct: value.Draw(rt, "distinct"), Changed: value.Draw(rt, "changed"), New: value.Draw(rt, "new"),
		Steps: rapid.Uint16Range(0, 1<<s.window.Steps-1).Draw(rt, "steps"),
	}
	if rapid.IntRange(0, 3).Draw(rt, "is late") == 0 {
		o.At = o.At.Add(-seconds(0, 40, "late"))
	}
	if rapid.IntRange(0, 9).Draw(rt, "has no id") == 0 {
		o.ID = ""
	}
	s.shown = append(s.shown, o)
	return o
}
