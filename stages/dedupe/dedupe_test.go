package dedupe_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/dedupe"
)

// fake answers as told and keeps what it was asked.
type fake struct {
	seen  func(pipeline.Hit) pipeline.Seen
	err   error
	asked []pipeline.Hit
}

func (f *fake) Observe(_ context.Context, hits []pipeline.Hit) ([]pipeline.Seen, error) {
	f.asked = append(f.asked, hits...)
	seen := make([]pipeline.Seen, len(hits))
	for i, h := range hits {
		seen[i] = f.seen(h)
	}
	return seen, f.err
}

var t0 = time.Date(2026, 7, 1, 10, 2, 0, 0, time.UTC)

func alert(id string, fp pipeline.Fingerprint, quiet time.Duration) pipeline.Alert {
	return pipeline.Alert{ID: id, Time: t0, Fingerprint: fp, QuietFor: quiet}
}

func TestProcess(t *testing.T) {
	w := &fake{seen: func(h pipeline.Hit) pipeline.Seen {
		if h.ID == "repeat" {
			return pipeline.Seen{}
		}
		return pipeline.Seen{First: true, Count: 37, FirstSeen: t0, LastSeen: t0.Add(time.Minute), Degraded: h.ID == "b"}
	}}
	d := dedupe.New(dedupe.Config{}, w)
	pass, repeats, err := d.Process(t.Context(), []pipeline.Alert{
		alert("a", 1, 0), alert("repeat", 1, 0), alert("b", 2, time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	a, b := alert("a", 1, 0), alert("b", 2, time.Hour)
	for _, p := range []*pipeline.Alert{&a, &b} {
		p.Count, p.FirstSeen, p.LastSeen = 37, t0, t0.Add(time.Minute)
	}
	b.Degraded = true
	if diff := cmp.Diff([]pipeline.Alert{a, b}, pass); diff != "" || repeats != 1 {
		t.Errorf("Process: %d repeats, want 1; passed (-want +got):\n%s", repeats, diff)
	}
	asked := []pipeline.Hit{
		{Key: "0000000000000001", ID: "a", At: t0, For: dedupe.DefaultFor},
		{Key: "0000000000000001", ID: "repeat", At: t0, For: dedupe.DefaultFor},
		{Key: "0000000000000002", ID: "b", At: t0, For: time.Hour},
	}
	for i := range w.asked {
		w.asked[i].Arrived, w.asked[i].Alert, w.asked[i].Escalate = time.Time{}, nil, 0
	}
	if diff := cmp.Diff(asked, w.asked); diff != "" {
		t.Errorf("the window was asked (-want +got):\n%s", diff)
	}
	if got, want := d.Stats(), (dedupe.Stats{Received: 3, Passed: 2, Repeats: 1, Degraded: 1}); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

// A stage after this one fails and the bus hands the batch out again.
func TestRetriedBatchCountsOnce(t *testing.T) {
	w := &fake{seen: func(h pipeline.Hit) pipeline.Seen { return pipeline.Seen{First: h.ID == "a", Count: 1} }}
	d := dedupe.New(dedupe.Config{}, w)
	batch := []pipeline.Alert{alert("a", 1, 0), alert("b", 1, 0)}
	first, _, err := d.Process(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	want := cmp.Diff(first, nil)
	first[0].Count = 99 // a later stage's own change
	again, repeats, err := d.Process(t.Context(), batch)
	if err != nil || repeats != 1 || cmp.Diff(again, nil) != want {
		t.Errorf("second Process = %v, %d, %v, want the first answer", again, repeats, err)
	}
	if len(w.asked) != 2 {
		t.Errorf("the window was asked about %d alerts, want 2: once each", len(w.asked))
	}
	if got := d.Stats().Received; got != 2 {
		t.Errorf("Stats().Received = %d, want 2", got)
	}
}

func TestQuietTimeOfTheConfiguration(t *testing.T) {
	w := &fake{seen: func(pipeline.Hit) pipeline.Seen { return pipeline.Seen{} }}
	zero := pipeline.Duration(0)
	if _, _, err := dedupe.New(dedupe.Config{For: &zero}, w).Process(t.Context(), []pipeline.Alert{alert("a", 1, 0)}); err != nil {
		t.Fatal(err)
	}
	if got := w.asked[0].For; got != 0 {
		t.Errorf("with for: 0 the window was asked for %s, want 0: dedupe is off", got)
	}
}

func TestWindowErrorIsRetried(t *testing.T) {
	gone := errors.New("gone")
	w := &fake{seen: func(pipeline.Hit) pipeline.Seen { return pipeline.Seen{First: true, Count: 1} }, err: gone}
	d := dedupe.New(dedupe.Config{}, w)
	batch := []pipeline.Alert{alert("a", 1, 0)}
	if _, _, err := d.Process(t.Context(), batch); !errors.Is(err, gone) {
		t.Errorf("Process: %v, want the window's error", err)
	}
	w.err = nil
	if pass, _, err := d.Process(t.Context(), batch); err != nil || len(pass) != 1 {
		t.Errorf("Process again = %v, %v, want the alert", pass, err)
	}
}

// What a stand-in for the window of its rule let fire stays marked, whatever the window of repeats says.
func TestDegradedStays(t *testing.T) {
	w := &fake{seen: func(pipeline.Hit) pipeline.Seen { return pipeline.Seen{First: true, Count: 1} }}
	a := alert("a", 1, 0)
	a.Degraded = true
	pass, _, err := dedupe.New(dedupe.Config{}, w).Process(t.Context(), []pipeline.Alert{a, alert("b", 2, 0)})
	if err != nil || len(pass) != 2 || !pass[0].Degraded || pass[1].Degraded {
		t.Errorf("Process = %+v, %v, want the first marked and the second not", pass, err)
	}
}

// What completes an alert is no occurrence: the window is not asked, and nothing is counted.
func TestCompletionsGoBy(t *testing.T) {
	w := &fake{seen: func(h pipeline.Hit) pipeline.Seen { return pipeline.Seen{First: h.ID == "c", Count: 5} }}
	d := dedupe.New(dedupe.Config{}, w)
	whole := alert("a", 1, 0)
	whole.Completes = &pipeline.Completes{Labels: map[string]string{"rule": "x"}}
	pass, repeats, err := d.Process(t.Context(), []pipeline.Alert{whole, alert("b", 1, 0), whole, alert("c", 2, 0)})
	if err != nil || repeats != 1 || len(pass) != 3 {
		t.Fatalf("Process = %v, %d, %v, want both completions and c", pass, repeats, err)
	}
	if diff := cmp.Diff(whole, pass[1]); diff != "" || pass[2].ID != "c" || pass[2].Count != 5 {
		t.Errorf("passed %+v; the completion (-want +got):\n%s", pass, diff)
	}
	if got, want := d.Stats(), (dedupe.Stats{Received: 2, Passed: 1, Repeats: 1}); got != want || len(w.asked) != 2 {
		t.Errorf("Stats() = %+v, want %+v; the window was asked %d times, want 2", got, want, len(w.asked))
	}
	if _, _, err := d.Process(t.Context(), []pipeline.Alert{alert("a", 1, 0)}); err != nil { // its batch has the same ids
		t.Fatal(err)
	}
	w.asked = w.asked[:2]
	if pass, _, err = d.Process(t.Context(), []pipeline.Alert{whole}); err != nil || len(pass) != 1 || len(w.asked) != 2 {
		t.Errorf("a completion alone = %v, %v, the window asked %d times; want it to pass unasked", pass, err, len(w.asked))
	}
}
