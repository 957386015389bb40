// Package repeatstest is the contract of the memory of repeats: every engine answers alike.
package repeatstest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats"
)

// Run runs the contract; fresh makes an empty engine, or empties one.
func Run(t *testing.T, fresh func(t *testing.T) repeats.Engine) {
	for name, test := range map[string]func(*testing.T, repeats.Engine){
		"the first occurrence passes, the next are repeats":         testQuiet,
		"the alert that opened the episode passes when redelivered": testRedelivery,
		"after the quiet time the next one tells what repeated":     testNextTells,
		"what a message has told is not told again":                 testTold,
		"telling late or twice changes nothing":                     testToldLate,
		"a quiet time of zero lets everything pass":                 testZero,
		"keys do not mix":                           testKeys,
		"a late occurrence is a repeat":             testLate,
		"a clock that jumped back does not silence": testClockJump,
		"one batch is taken in its order":           testBatch,
		"the 10th and the 100th occurrence pass":    testEscalation,
		"what is over is summed up once":            testEnded,
		"what was told is not summed up":            testEndedTold,
		"without an alert nothing is summed up":     testEndedWithoutAlert,
		"what comes late is waited for":             testEndedLate,
		"a clock that runs ahead delays no summary": testEndedAhead,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
	t.Run("any sequence agrees with the reference", func(t *testing.T) { testReference(t, fresh, nil) })
}

// RunRestarts plays the reference's sequences; restart makes an engine anew of what an earlier one kept.
func RunRestarts(t *testing.T, fresh func(*testing.T) repeats.Engine, restart func(*testing.T, repeats.Engine) repeats.Engine) {
	testReference(t, fresh, restart)
}

// t0 is near the real time, since Redis expires keys by its own clock.
var t0 = time.Now().UTC().Truncate(time.Second)

const quiet = 10 * time.Minute

func at(d time.Duration) time.Time { return t0.Add(d) }

func hit(key, id string, d time.Duration) pipeline.Hit {
	return pipeline.Hit{Key: key, ID: id, At: at(d), For: quiet}
}

func first(count uint64, from, to time.Duration) pipeline.Seen {
	return pipeline.Seen{First: true, Count: count, FirstSeen: at(from), LastSeen: at(to)}
}

var repeat = pipeline.Seen{}

// step observes one hit and compares the answer.
func step(t *testing.T, w repeats.Engine, h pipeline.Hit, want pipeline.Seen) {
	t.Helper()
	got, err := w.Observe(t.Context(), []pipeline.Hit{h})
	if err != nil {
		t.Fatalf("Observe(%v): %v", h, err)
	}
	if diff := cmp.Diff([]pipeline.Seen{want}, got); diff != "" {
		t.Errorf("Observe(%v) (-want +got):\n%s", h, diff)
	}
}

func untold(t *testing.T, w repeats.Engine, key, id string, n uint64, last time.Duration) pipeline.Repeats {
	t.Helper()
	of := pipeline.Episode{Key: key, ID: id}
	got, err := w.Untold(t.Context(), []pipeline.Episode{of})
	if err != nil {
		t.Fatalf("Untold(%v): %v", of, err)
	}
	want := pipeline.Repeats{Episode: of, N: n}
	if n > 0 {
		want.Last = at(last)
	}
	if diff := cmp.Diff([]pipeline.Repeats{want}, got); diff != "" {
		t.Errorf("Untold(%v) (-want +got):\n%s", of, diff)
	}
	return want
}

func told(t *testing.T, w repeats.Engine, r pipeline.Repeats) {
	t.Helper()
	if err := w.Told(t.Context(), []pipeline.Repeats{r}); err != nil {
		t.Fatalf("Told(%v): %v", r, err)
	}
}

func testQuiet(t *testing.T, w repeats.Engine) {
	step(t, w, hit("k", "a", 0), first(1, 0, 0))
	step(t, w, hit("k", "b", time.Minute), repeat)
	step(t, w, hit("k", "c", quiet-time.Microsecond), repeat)
	untold(t, w, "k", "a", 2, quiet-time.Microsecond)
}

func testRedelivery(t *testing.T, w repeats.Engine) {
	step(t, w, hit("k", "a", 0), first(1, 0, 0))
	step(t, w, hit("k", "a", 0), first(1, 0, 0))
	step(t, w, hit("k", "b", time.Minute), repeat)
	step(t, w, hit("k", "a", 0), first(1, 0, 0))
	untold(t, w, "k", "a", 1, time.Minute)
	step(t, w, hit("k", "c", quiet), first(2, time.Minute, quiet))
	step(t, w, hit("k", "c", quiet), first(2, time.Minute, quiet))
}

func testNextTells(t *testing.T, w repeats.Engine) {
	step(t, w, hit("k", "a", 0), first(1, 0, 0))
	for i := range 36 {
		step(t, w, hit("k", fmt.Sprint("r", i), time.Duration(i+1)*time.Second), repeat)
	}
	step(t, w, hit("k", "b", quiet), first(37, time.Second, quiet))
	untold(t, w, "k", "b", 0, 0)
	untold(t, w, "k", "a", 0, 0) // its repeats went with b
}

func testTold(t *testing.T, w repeats.Engine) {
	step(t, w, hit("k", "a", 0), first(1, 0, 0))
	step(t, w, hit("k", "b", time.Second), repeat)
	step(t, w, hit("k", "c", 2*time.Second), repeat)
	r := untold(t, w, "k", "a", 2, 2*time.Second)
	told(t, w, r)
	step(t, w, hit("k", "d", 3*time.Second), repeat)
	step(t, w, hit("k", "e", quiet), first(2, 3*time.Second, quiet))
}

func testToldLate(t *testing.T, w repeats.Engine) {
	step(t, w, hit("k", "a", 0), first(1, 0, 0))
	step(t, w, hit("k", "b", time.Second), repeat)
	r := untold(t, w, "k", "a", 1, time.Second)
	step(t, w, hit("k", "c", 2*time.Second), repeat)
	told(t, w, r) // c came while the message was made
	told(t, w, r)
	step(t, w, hit("k", "d", quiet), first(2, time.Second, quiet))
	told(t, w, pipeline.Repeats{Episode: r.Episode, N: 5, Last: at(quiet)}) // a is over
	step(t, w, hit("k", "e", quiet+time.Second), repeat)
	untold(t, w, "k", "d", 1, quiet+time.Second)
	told(t, w, pipeline.Repeats{Episode: pipeline.Episode{Key: "unknown", ID: "x"}, N: 1, Last: at(0)})
}

func testZero(t *testing.T, w repeats.Engine) {
	for i, id := range []string{"a", "b", "c"} {
		h := hit("k", id, time.Duration(i))
		h.For, h.At = 0, at(0)
		step(t, w, h, first(1, 0, 0))
	}
}

func testKeys(t *testing.T, w repeats.Engine) {
	step(t, w, hit("k", "a", 0), first(1, 0, 0))
	step(t, w, hit("l", "a", 0), first(1, 0, 0))
	step(t, w, hit("k", "b", 1), repeat)
	untold(t, w, "l", "a", 0, 0)
}

func testLate(t *testing.T, w repeats.Engine) {
	step(t, w, hit("k", "a", time.Minute), first(1, time.Minute, time.Minute))
	step(t, w, hit("k", "b", 0), repeat)
	untold(t, w, "k", "a", 1, time.Minute)
}

func testClockJump(t *testing.T, w repeats.Engine) {
	step(t, w, hit("k", "future", 0), first(1, 0, 0))
	step(t, w, hit("k", "now", -time.Hour), first(1, -time.Hour, -time.Hour))
	step(t, w, hit("k", "next", -time.Hour+time.Minute), repeat)
}

func testBatch(t *testing.T, w repeats.Engine) {
	hits := []pipeline.Hit{
		hit("k", "a", 0), hit("k", "b", time.Second), hit("l", "c", 0), hit("k", "d", quiet), hit("k", "a2", quiet+1e9),
	}
	got, err := w.Observe(t.Context(), hits)
	if err != nil {
		t.Fatal(err)
	}
	want := []pipeline.Seen{first(1, 0, 0), repeat, first(1, 0, 0), first(2, time.Second, quiet), repeat}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Observe(%v) (-want +got):\n%s", hits, diff)
	}
	if got, err := w.Observe(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("Observe(nothing) = %v, %v", got, err)
	}
}
