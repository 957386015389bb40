package repeats_test

import (
	"log/slog"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats/repeatstest"
	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

func openStore(t *testing.T, url string) *shared.Store {
	t.Helper()
	store, err := shared.Open(t.Context(), url, repeats.Scripts(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return store
}

func openShared(t *testing.T, url string) *repeats.Shared {
	return repeats.NewShared(openStore(t, url))
}

func TestShared(t *testing.T) {
	const patient = "?timeout=20s" // a machine that does other things may stall
	t.Run("alone", func(t *testing.T) {
		s := redistest.Start(t)
		testShared(t, s.URL()+patient, s.Client())
	})
	t.Run("a cluster", func(t *testing.T) {
		c := redistest.StartCluster(t)
		testShared(t, c.URL()+patient, c.Nodes[0].Client(), c.Nodes[1].Client(), c.Nodes[2].Client())
	})
}

func testShared(t *testing.T, url string, nodes ...*redis.Client) {
	store := openStore(t, url)
	repeatstest.Run(t, func(t *testing.T) repeats.Engine {
		for _, node := range nodes {
			if err := node.FlushDB(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if store.Degraded() {
			t.Fatalf("the store is away: %+v", store.LastOutage())
		}
		return repeats.NewShared(store)
	})
}

// Two processes on one Redis count as one.
func TestSharedIsShared(t *testing.T) {
	s := redistest.Start(t)
	one, two, now := openShared(t, s.URL()), openShared(t, s.URL()), time.Now()
	h := func(id string) []pipeline.Hit {
		return []pipeline.Hit{{Key: "k", ID: id, At: now, For: time.Minute}}
	}
	if seen := observe(t, one, h("a")); !seen[0].First {
		t.Errorf("first occurrence: %+v, want First", seen)
	}
	if seen := observe(t, two, h("b")); seen[0].First {
		t.Errorf("repeat at the other process: %+v, want not First", seen)
	}
}

// The rights that the documentation gives are enough.
func TestSharedNeedsFewRights(t *testing.T) {
	w, now := openShared(t, redistest.StartWithUser(t)), time.Now()
	h := hits(1, "k", now)
	observe(t, w, h)
	h[0].ID = "a repeat"
	if seen := observe(t, w, h); seen[0].First || seen[0].Degraded {
		t.Errorf("a repeat, with the documented rights: %+v, want not First", seen)
	}
	of := []pipeline.Episode{{Key: h[0].Key, ID: "id"}}
	untold, err := w.Untold(t.Context(), of)
	if err != nil || untold[0].N != 1 {
		t.Fatalf("Untold = %+v, %v, want 1", untold, err)
	}
	if err := w.Told(t.Context(), untold); err != nil {
		t.Fatal(err)
	}
	if seen := observe(t, w, h); seen[0].Degraded {
		t.Errorf("after Told, with the documented rights: %+v, want not Degraded", seen)
	}
}

func TestSharedKeysAllExpire(t *testing.T) {
	s := redistest.Start(t)
	w := openShared(t, s.URL())
	observe(t, w, hits(3, "k", time.Now()))
	repeats := hits(2, "k", time.Now())
	repeats[0].ID, repeats[0].Alert = "repeat", &pipeline.Alert{}
	observe(t, w, repeats)
	c := s.Client()
	keys, err := c.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 4 {
		t.Fatalf("KEYS = %v, %v, want 3 episodes and what is due of one", keys, err)
	}
	for _, key := range keys {
		ttl, err := c.TTL(t.Context(), key).Result()
		if err != nil || ttl <= 0 || ttl > 25*time.Hour {
			t.Errorf("TTL %s = %s, %v: want one", key, ttl, err)
		}
		if !strings.HasPrefix(key, "tocsin:{dedupe") {
			t.Errorf("key %s is not hash-tagged by its partition", key)
		}
	}
}

func TestSharedForgetsItsScripts(t *testing.T) {
	s := redistest.Start(t)
	w := openShared(t, s.URL())
	c := s.Client()
	if err := c.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if seen := observe(t, w, hits(1, "k", time.Now())); !seen[0].First || seen[0].Degraded {
		t.Errorf("after SCRIPT FLUSH: %+v, want First and not Degraded", seen)
	}
}

func TestSharedGoneAndBack(t *testing.T) {
	for name, trouble := range map[string]struct{ begin, end func(*redistest.Server) }{
		"killed":  {(*redistest.Server).Stop, (*redistest.Server).Start},
		"stopped": {func(s *redistest.Server) { s.Signal(syscall.SIGSTOP) }, func(s *redistest.Server) { s.Signal(syscall.SIGCONT) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := redistest.Start(t)
			store := openStore(t, s.URL())
			w := repeats.NewShared(store)
			now := time.Now()
			observe(t, w, hits(1, "k", now))

			trouble.begin(s)
			again := hits(1, "k", now)
			again[0].ID = "during"
			if seen := observe(t, w, again); !seen[0].First || !seen[0].Degraded {
				t.Errorf("while redis is away: %+v, want First (in doubt deliver) and Degraded", seen)
			}
			again[0].ID = "during too"
			if seen := observe(t, w, again); seen[0].First {
				t.Errorf("while redis is away, again: %+v, want the local window to know it", seen)
			}

			trouble.end(s)
			redistest.Eventually(t, "the store is back", func() bool { return !store.Degraded() })
			if seen := observe(t, w, hits(1, "after", now)); !seen[0].First || seen[0].Degraded {
				t.Errorf("after redis is back: %+v, want First and not Degraded", seen)
			}
		})
	}
}

func TestSharedThatDoesNotLetUsIn(t *testing.T) {
	s := redistest.Start(t, "--requirepass", "s3cret")
	w := openShared(t, "redis://:wrong@"+s.Addr)
	if seen := observe(t, w, hits(1, "k", time.Now())); !seen[0].First || !seen[0].Degraded {
		t.Errorf("with a wrong password: %+v, want First and Degraded", seen)
	}
	w = openShared(t, "redis://:s3cret@"+s.Addr)
	if seen := observe(t, w, hits(1, "k", time.Now())); !seen[0].First || seen[0].Degraded {
		t.Errorf("with the right password: %+v, want First and not Degraded", seen)
	}
}

// Of two processes on one Redis one sums an episode up, or the other when that is killed over it; and only one
// of them lets the 10th occurrence pass.
func TestSharedTellsOnce(t *testing.T) {
	s := redistest.Start(t)
	both := []*repeats.Shared{openShared(t, s.URL()), openShared(t, s.URL())}
	now := time.Now()
	escalated := 0
	for i := range 12 {
		seen := observe(t, both[i%2], []pipeline.Hit{{
			Key: "k", ID: strconv.Itoa(i), At: now, For: time.Minute, Escalate: 10, Alert: &pipeline.Alert{Rule: "r"},
		}})
		if seen[0].Escalated {
			escalated++
		}
	}
	if escalated != 1 {
		t.Errorf("%d of 12 occurrences escalated, want the 10th alone", escalated)
	}
	over := now.Add(2 * time.Minute)
	ended := func(w *repeats.Shared, at time.Time) []pipeline.Ending {
		e, err := w.Ended(t.Context(), at, 10)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if e := ended(both[0], over); len(e) != 1 || e[0].N != 11 || e[0].Alert.Rule != "r" {
		t.Errorf("Ended at the first process: %+v, want the episode with 11 repeats", e)
	}
	if e := ended(both[1], over.Add(time.Second)); len(e) != 0 {
		t.Errorf("Ended at the second process a second later: %+v, want nothing: the first has it", e)
	}
	e := ended(both[1], over.Add(time.Minute)) // the first was killed
	if len(e) != 1 {
		t.Fatalf("Ended a minute later: %+v, want the episode: it was not closed", e)
	}
	if err := both[1].Closed(t.Context(), []pipeline.Repeats{e[0].Repeats}); err != nil {
		t.Fatal(err)
	}
	if e := ended(both[0], over.Add(time.Hour)); len(e) != 0 {
		t.Errorf("Ended after Closed: %+v, want nothing", e)
	}
}
