package repeatstest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats"
)

// loud is a hit of a key with all that can pass: escalation and summary.
func loud(key, id string, d time.Duration) pipeline.Hit {
	h := hit(key, id, d)
	h.Escalate, h.Alert = 10, alertOf(key)
	return h
}

func alertOf(key string) *pipeline.Alert {
	return &pipeline.Alert{ID: "opened", Rule: "rule of " + key, OutputFields: pipeline.Fields{"proc.name": "sh"}, Labels: map[string]string{"object": "终端"}}
}

func escalated(episode string, count uint64, from, to time.Duration) pipeline.Seen {
	return pipeline.Seen{Escalated: true, Episode: episode, Count: count, FirstSeen: at(from), LastSeen: at(to)}
}

// ended compares what is over at d.
func ended(t *testing.T, w repeats.Engine, d time.Duration, want ...pipeline.Ending) {
	t.Helper()
	got, err := w.Ended(t.Context(), at(d), 100)
	if err != nil {
		t.Fatalf("Ended: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Ended(%s) (-want +got):\n%s", d, diff)
	}
}

func endingOf(key, id string, n uint64, opened, last time.Duration) pipeline.Ending {
	return pipeline.Ending{
		Repeats: pipeline.Repeats{Episode: pipeline.Episode{Key: key, ID: id}, N: n, Last: at(last)},
		Opened:  at(opened), Alert: *alertOf(key),
	}
}

func closed(t *testing.T, w repeats.Engine, e pipeline.Ending) {
	t.Helper()
	if err := w.Closed(t.Context(), []pipeline.Repeats{e.Repeats}); err != nil {
		t.Fatalf("Closed(%v): %v", e.Repeats, err)
	}
}

func testEscalation(t *testing.T, w repeats.Engine) {
	step(t, w, loud("k", "1", 0), first(1, 0, 0))
	for i := 2; i <= 120; i++ {
		now := time.Duration(i) * time.Second
		want := repeat
		if i == 10 || i == 100 {
			want = escalated("1", uint64(i), 0, now)
		}
		step(t, w, loud("k", fmt.Sprint(i), now), want)
	}
	step(t, w, loud("k", "10", 10*time.Second), escalated("1", 10, 0, 10*time.Second)) // redelivered
	step(t, w, loud("k", "100", 100*time.Second), escalated("1", 100, 0, 100*time.Second))
	untold(t, w, "k", "1", 119, 120*time.Second)
	// The 100th has told 99 of the repeats.
	step(t, w, loud("k", "next", quiet), first(21, 101*time.Second, quiet))
	off := loud("k", "off", quiet+time.Second)
	off.Escalate = 0
	for i := range 12 {
		off.ID = fmt.Sprint("off", i)
		step(t, w, off, repeat)
	}
}

func testEnded(t *testing.T, w repeats.Engine) {
	step(t, w, loud("k", "a", 0), first(1, 0, 0))
	step(t, w, loud("once", "x", 0), first(1, 0, 0))
	step(t, w, loud("k", "b", time.Minute), repeat)
	step(t, w, loud("k", "c", 2*time.Minute), repeat)
	ended(t, w, quiet)
	want := endingOf("k", "a", 2, 0, 2*time.Minute)
	ended(t, w, quiet+repeats.Grace, want)
	closed(t, w, want)
	ended(t, w, quiet+time.Hour)
	step(t, w, loud("k", "late", 3*time.Minute), repeat)
	ended(t, w, quiet+2*time.Hour)
	step(t, w, loud("k", "next", quiet), first(2, 3*time.Minute, quiet))
	closed(t, w, want) // of an episode that is gone
	step(t, w, loud("k", "d", quiet+time.Minute), repeat)
	ended(t, w, 2*quiet+repeats.Grace, endingOf("k", "next", 1, quiet, quiet+time.Minute))
}

func testEndedTold(t *testing.T, w repeats.Engine) {
	step(t, w, loud("k", "a", 0), first(1, 0, 0))
	step(t, w, loud("k", "b", time.Minute), repeat)
	told(t, w, untold(t, w, "k", "a", 1, time.Minute))
	step(t, w, loud("l", "a", 0), first(1, 0, 0))
	for i := range 9 { // the last of them is the 10th
		h := loud("l", fmt.Sprint(i), time.Second)
		if i < 8 {
			step(t, w, h, repeat)
		} else {
			step(t, w, h, escalated("a", 10, 0, time.Second))
		}
	}
	step(t, w, loud("m", "a", 0), first(1, 0, 0))
	step(t, w, loud("m", "b", time.Minute), repeat)
	step(t, w, loud("m", "c", quiet), first(2, time.Minute, quiet)) // it tells b
	ended(t, w, quiet+time.Minute)
	ended(t, w, 3*quiet)
}

func testEndedWithoutAlert(t *testing.T, w repeats.Engine) {
	h := loud("k", "a", 0)
	h.Alert = nil
	step(t, w, h, first(1, 0, 0))
	h.ID = "b"
	step(t, w, h, repeat)
	step(t, w, loud("k", "c", time.Second), repeat) // a reload has switched summaries on
	ended(t, w, quiet+time.Hour)
	step(t, w, loud("k", "next", quiet), first(3, 0, quiet))
}

func testEndedLate(t *testing.T, w repeats.Engine) {
	late := func(id string, d time.Duration) pipeline.Hit {
		h := loud("k", id, d)
		h.Arrived = at(time.Hour + d/60)
		return h
	}
	step(t, w, late("a", 0), first(1, 0, 0))
	step(t, w, late("b", time.Minute), repeat)
	step(t, w, late("c", 2*time.Minute), repeat)
	ended(t, w, time.Hour+2*time.Second)
	ended(t, w, time.Hour+2*time.Second+repeats.Grace, endingOf("k", "a", 2, 0, 2*time.Minute))
}

func testEndedAhead(t *testing.T, w repeats.Engine) {
	ahead := func(id string, d time.Duration) pipeline.Hit {
		h := loud("k", id, time.Hour+d)
		h.Arrived = at(d)
		return h
	}
	step(t, w, ahead("a", 0), first(1, time.Hour, time.Hour))
	step(t, w, ahead("b", time.Minute), repeat)
	ended(t, w, quiet)
	ended(t, w, quiet+repeats.Grace, endingOf("k", "a", 1, time.Hour, time.Hour+time.Minute))
}
