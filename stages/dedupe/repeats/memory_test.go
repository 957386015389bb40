package repeats_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats/repeatstest"
)

func TestMemory(t *testing.T) {
	repeatstest.Run(t, func(*testing.T) repeats.Engine { return repeats.NewMemory(0) })
}

func hits(n int, key string, at time.Time) []pipeline.Hit {
	all := make([]pipeline.Hit, n)
	for i := range all {
		all[i] = pipeline.Hit{Key: fmt.Sprint(key, i), ID: "id", At: at, For: time.Minute}
	}
	return all
}

func observe(t *testing.T, w repeats.Engine, h []pipeline.Hit) []pipeline.Seen {
	t.Helper()
	seen, err := w.Observe(t.Context(), h)
	if err != nil {
		t.Fatalf("Observe: %v", err)
	}
	return seen
}

func TestMemoryForgetsWhatHasExpired(t *testing.T) {
	w, now := repeats.NewMemory(0), time.Now()
	observe(t, w, hits(1000, "old", now))
	observe(t, w, hits(2000, "new", now.Add(time.Hour)))
	if n := w.Len(); n > 2300 {
		t.Errorf("Len() = %d after 1000 of 3000 keys have expired, want nearly 2000", n)
	}
	if n := w.Evicted(); n != 0 {
		t.Errorf("Evicted() = %d, want 0: there was room", n)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	w := repeats.NewMemory(100)
	observe(t, w, hits(300, "k", time.Now()))
	if n := w.Len(); n > 100 {
		t.Errorf("Len() = %d, want at most 100", n)
	}
	if n := w.Evicted(); n < 200 {
		t.Errorf("Evicted() = %d, want at least the 200 that have no room", n)
	}
}

func TestMemoryCountsUnderConcurrency(t *testing.T) {
	w, now := repeats.NewMemory(0), time.Now()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 100 {
				_, err := w.Observe(t.Context(), []pipeline.Hit{{Key: "k", ID: fmt.Sprint(g, "-", i), At: now, For: time.Minute}})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	next := observe(t, w, []pipeline.Hit{{Key: "k", ID: "next", At: now.Add(time.Minute), For: time.Minute}})
	if next[0].Count != 800 {
		t.Errorf("Count = %d, want 800: 799 repeats and the one that passes", next[0].Count)
	}
}
