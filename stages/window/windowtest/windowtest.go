// Package windowtest is the contract of the engines of rule windows: every one answers as the Reference does.
package windowtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/window"
)

// Run runs the contract; fresh makes an empty engine, or empties one. What the contract says arrives from now
// on, minutes and hours ahead at times, since Redis expires keys by its own clock.
func Run(t *testing.T, fresh func(*testing.T, window.Config) window.Engine) {
	for _, group := range []map[string]scene{thresholds, times, timelines, rates, memories, sequences, repeats} {
		for sentence, s := range group {
			t.Run(sentence, func(t *testing.T) { s.play(t, fresh(t, config)) })
		}
	}
	t.Run("keys do not mix", func(t *testing.T) { testKeys(t, fresh(t, config)) })
	t.Run("a batch is judged in its order", func(t *testing.T) { testBatch(t, fresh(t, config)) })
	t.Run("one of many goroutines sees the eleventh", func(t *testing.T) { testConcurrent(t, fresh(t, config)) })
	t.Run("any occurrences are judged as the reference does", func(t *testing.T) { testReference(t, fresh) })
	t.Run("above exact, a count is at most a pane too old", func(t *testing.T) { testPanes(t, fresh) })
	t.Run("above exact, values are estimated", func(t *testing.T) { testEstimate(t, fresh) })
}

// config is what scenes are played with.
var config = window.Config{MaxKeys: 1000, MaxBytes: 32 << 20, Exact: 64, Lateness: pipeline.Duration(10 * time.Second)}

// scene is what happens to one key, and what is to be said to it.
type scene struct {
	window pipeline.Window
	shown  []shown
}

// shown is an occurrence, at seconds after the start.
type shown struct {
	at       float64
	late     float64 // so long after that it arrived; negative: its clock runs ahead
	id       string
	distinct string
	changed  string
	new      string
	steps    uint16
	times    int // shown so many times, of which none but the last fires; 0: once

	fires bool
	sight *sight // what is in view where it fires; nil: not compared
}

// sight is a pipeline.Sight with times in seconds after the start.
type sight struct {
	count, distinct uint64
	rate            float64
	values          []string
	first, last     float64
	previous        string
	steps           []float64
}

func (s sight) from(start time.Time) pipeline.Sight {
	all := pipeline.Sight{
		Count: s.count, Distinct: s.distinct, Rate: s.rate, Values: s.values,
		First: seconds(start, s.first), Last: seconds(start, s.last), Previous: s.previous,
	}
	for _, at := range s.steps {
		all.Steps = append(all.Steps, seconds(start, at))
	}
	return all
}

func seconds(start time.Time, s float64) time.Time {
	return start.Add(time.Duration(s * float64(time.Second))).Truncate(time.Microsecond)
}

// equal lets rates differ by rounding, and no values be nil.
var equal = cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateApprox(1e-9, 0)}

func observe(t testing.TB, e window.Engine, o pipeline.Observation) pipeline.Judged {
	t.Helper()
	judged, err := e.Observe(t.Context(), []pipeline.Observation{o})
	if err != nil || len(judged) != 1 {
		t.Fatalf("Observe(%+v) = %v, %v, want an answer", o, judged, err)
	}
	return judged[0]
}

func (s scene) play(t *testing.T, e window.Engine) {
	t.Helper()
	start := time.Now().UTC().Truncate(time.Second)
	for i, o := range s.shown {
		for n := range max(o.times, 1) {
			got := observe(t, e, pipeline.Observation{
				Window: &s.window, Key: t.Name(), ID: o.id, At: seconds(start, o.at), Arrived: seconds(start, o.at+o.late),
				Distinct: o.distinct, Changed: o.changed, New: o.new, Steps: o.steps,
			})
			want := pipeline.Judged{Fired: o.fires && n == max(o.times, 1)-1, Sight: got.Sight}
			if want.Fired && o.sight != nil {
				want.Sight = o.sight.from(start)
			}
			if !want.Fired {
				want.Sight = pipeline.Sight{}
			}
			if diff := cmp.Diff(want, got, equal); diff != "" {
				t.Fatalf("occurrence %d, time %d: %+v (-want +got):\n%s", i, n+1, o, diff)
			}
		}
	}
}

func testKeys(t *testing.T, e window.Engine) {
	w, now := pipeline.Window{Within: time.Minute, Count: 1}, time.Now()
	for i := range 20 {
		o := pipeline.Observation{Window: &w, Key: fmt.Sprint("key ", i%10), At: now, Arrived: now}
		if got := observe(t, e, o); got.Fired != (i >= 10) {
			t.Errorf("occurrence %d of ten keys: fired %v, want %v: the second of each key fires", i, got.Fired, i >= 10)
		}
	}
}

func testBatch(t *testing.T, e window.Engine) {
	w, now := pipeline.Window{Within: time.Minute, Count: 2}, time.Now()
	var batch []pipeline.Observation
	for i := range 10 {
		batch = append(batch, pipeline.Observation{Window: &w, Key: fmt.Sprint("key ", i%2), ID: fmt.Sprint(i), At: now, Arrived: now})
	}
	judged, err := e.Observe(t.Context(), batch)
	if err != nil || len(judged) != len(batch) {
		t.Fatalf("Observe = %v, %v, want %d answers", judged, err, len(batch))
	}
	for i, j := range judged {
		if want := uint64(i/2 + 1); j.Fired != (want > 2) || j.Fired && j.Count != want {
			t.Errorf("answer %d: fired %v with %d in view, want %v with %d", i, j.Fired, j.Count, want > 2, want)
		}
	}
	if judged, err := e.Observe(t.Context(), nil); err != nil || len(judged) != 0 {
		t.Errorf("Observe(nothing) = %v, %v, want nothing", judged, err)
	}
}

func testConcurrent(t *testing.T, e window.Engine) {
	w, now := pipeline.Window{Within: time.Minute, Count: 10, Cooldown: time.Minute}, time.Now()
	fired := make(chan uint64, 110)
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			for range 11 {
				judged, err := e.Observe(t.Context(), []pipeline.Observation{{Window: &w, Key: "k", At: now, Arrived: now}})
				if err != nil {
					t.Errorf("Observe: %v", err)
				} else if judged[0].Fired {
					fired <- judged[0].Count
				}
			}
		})
	}
	group.Wait()
	close(fired)
	var counts []uint64
	for n := range fired {
		counts = append(counts, n)
	}
	if diff := cmp.Diff([]uint64{11}, counts); diff != "" {
		t.Errorf("of 110 occurrences at once, those that fired had in view (-want +got):\n%s", diff)
	}
}
