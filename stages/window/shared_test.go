package window_test

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/window"
	"github.com/tocsin-security/tocsin/stages/window/windowtest"
	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

func openStore(t testing.TB, url string) *shared.Store {
	t.Helper()
	store, err := shared.Open(t.Context(), url, window.Scripts(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// inTurn shows occurrences to several engines in turn, as a broker gives alerts to routers.
type inTurn struct {
	engines []window.Engine
	n       atomic.Int64
}

func (e *inTurn) Observe(ctx context.Context, observed []pipeline.Observation) ([]pipeline.Judged, error) {
	return e.engines[int(e.n.Add(1))%len(e.engines)].Observe(ctx, observed)
}

// Any number of processes on one store answer as one.
func TestShared(t *testing.T) {
	for name, c := range map[string]struct {
		cluster bool
		engines int
	}{
		"alone":                      {engines: 1},
		"three processes":            {engines: 3},
		"two processes on a cluster": {engines: 2, cluster: true},
	} {
		t.Run(name, func(t *testing.T) {
			url, nodes := startRedis(t, c.cluster)
			stores := make([]*shared.Store, c.engines)
			for i := range stores {
				stores[i] = openStore(t, url+"?timeout=20s") // a machine that does other things may stall
			}
			windowtest.Run(t, func(t *testing.T, cfg window.Config) window.Engine {
				e := &inTurn{}
				for _, store := range stores {
					if store.Degraded() {
						t.Fatalf("the store is away: %+v", store.LastOutage())
					}
					e.engines = append(e.engines, window.NewShared(store, cfg))
				}
				for _, node := range nodes {
					if err := node.FlushAll(t.Context()).Err(); err != nil {
						t.Fatal(err)
					}
				}
				return e
			})
		})
	}
}

func startRedis(t *testing.T, cluster bool) (url string, nodes []*redis.Client) {
	t.Helper()
	if !cluster {
		s := redistest.Start(t)
		return s.URL(), []*redis.Client{s.Client()}
	}
	c := redistest.StartCluster(t)
	for _, n := range c.Nodes {
		nodes = append(nodes, n.Client())
	}
	return c.URL(), nodes
}

// all is a window with every clause, so that everything that can be known of a key is.
var all = pipeline.Window{
	Within: time.Minute, Count: 1, Distinct: 1, Rate: 0.01, RateSpan: 10 * time.Second, Changed: time.Hour, New: time.Hour, Steps: 2,
}

func TestSharedKeys(t *testing.T) {
	s := redistest.Start(t)
	e, c, now := window.NewShared(openStore(t, s.URL()), window.DefaultConfig()), s.Client(), time.Now()
	for i := range 200 {
		judge(t, e, pipeline.Observation{
			Window: &all, Key: "a user's secret " + strings.Repeat("x", i*10), ID: fmt.Sprint(i), At: now, Arrived: now,
			Distinct: "d", Changed: "c", New: "n", Steps: 3,
		})
	}
	keys, err := c.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 200 {
		t.Fatalf("%d keys, %v, want 200", len(keys), err)
	}
	form := regexp.MustCompile(`^tocsin:\{w\d{1,2}\}:[A-Za-z0-9_-]{22}$`)
	for _, key := range keys {
		if !form.MatchString(key) {
			t.Errorf("key %q: want it hash-tagged, short, and without what people wrote", key)
		}
		if ttl, err := c.TTL(t.Context(), key).Result(); err != nil || ttl < time.Hour || ttl > 2*time.Hour {
			t.Errorf("TTL %s = %s, %v, want the hour that values are remembered and a little", key, ttl, err)
		}
	}
}

func judge(t *testing.T, e window.Engine, o ...pipeline.Observation) []pipeline.Judged {
	t.Helper()
	judged, err := e.Observe(t.Context(), o)
	if err != nil || len(judged) != len(o) {
		t.Fatalf("Observe = %v, %v, want %d answers", judged, err, len(o))
	}
	return judged
}

// third is an occurrence of a key that fires from the third on.
func third(id string) pipeline.Observation {
	now := time.Now()
	return pipeline.Observation{Window: &pipeline.Window{Within: time.Minute, Count: 2}, Key: "k", ID: id, At: now, Arrived: now}
}

func TestSharedForgets(t *testing.T) {
	for name, c := range map[string]struct {
		flush string
		fires bool
	}{
		"its scripts: nothing is lost": {"SCRIPT FLUSH", true},
		"its keys: counts begin anew":  {"FLUSHALL", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := redistest.Start(t)
			e := window.NewShared(openStore(t, s.URL()), window.DefaultConfig())
			judge(t, e, third("a"), third("b"))
			words := strings.Fields(c.flush)
			args := make([]any, len(words))
			for i, w := range words {
				args[i] = w
			}
			s.Do(args...)
			if got := judge(t, e, third("c"))[0]; got.Fired != c.fires || got.Degraded {
				t.Errorf("after %s: %+v, want fired %v", c.flush, got, c.fires)
			}
		})
	}
}

// The rights that the documentation gives are enough, for what is done twice too.
func TestSharedNeedsFewRights(t *testing.T) {
	url := redistest.StartWithUser(t)
	one, two := window.NewShared(openStore(t, url), window.DefaultConfig()), window.NewShared(openStore(t, url), window.DefaultConfig())
	judge(t, one, third("a"))
	judge(t, two, third("b"))
	if got := judge(t, one, third("c"))[0]; !got.Fired || got.Degraded {
		t.Errorf("the third, with the documented rights: %+v, want fired", got)
	}
}

func TestSharedIsAway(t *testing.T) {
	for name, trouble := range map[string]struct{ begin, end func(*redistest.Server) }{
		"killed":  {(*redistest.Server).Stop, (*redistest.Server).Start},
		"stopped": {func(s *redistest.Server) { s.Signal(syscall.SIGSTOP) }, func(s *redistest.Server) { s.Signal(syscall.SIGCONT) }},
		"full": {
			func(s *redistest.Server) { s.Do("CONFIG", "SET", "maxmemory", "1") },
			func(s *redistest.Server) { s.Do("CONFIG", "SET", "maxmemory", "0") },
		},
		"read-only": {
			func(s *redistest.Server) { s.Do("REPLICAOF", "127.0.0.1", "1") },
			func(s *redistest.Server) { s.Do("REPLICAOF", "NO", "ONE") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := redistest.Start(t)
			store := openStore(t, s.URL())
			e := window.NewShared(store, window.DefaultConfig())
			judge(t, e, third("a"), third("b"))

			for spell := range 2 {
				trouble.begin(s)
				begun, fired := time.Now(), []bool{}
				for _, id := range []string{"c", "d", "e"} {
					got := judge(t, e, third(id))[0]
					if !got.Degraded {
						t.Errorf("while redis is away: %+v, want Degraded", got)
					}
					fired = append(fired, got.Fired)
				}
				if took := time.Since(begun); took > 500*time.Millisecond {
					t.Errorf("three answers took %s, want the store's budget once", took)
				}
				// Redis may have taken the third and call it told: it fires on what was known. Then an empty window judges.
				if diff := cmp.Diff([]bool{true, false, true}, fired); diff != "" {
					t.Errorf("spell %d: fired (-want +got):\n%s", spell, diff)
				}
				trouble.end(s)
				redistest.Eventually(t, "the store is back", func() bool { return !store.Degraded() })
			}
			got, most := judge(t, e, third("f"))[0], uint64(3)
			if name == "stopped" {
				most += 2 // what it was asked when it stopped it does when it goes on
			}
			if want := name != "killed"; got.Fired != want || got.Degraded || want && (got.Count < 3 || got.Count > most) {
				t.Errorf("after redis is back: %+v, want fired %v: what the store knew and no more", got, want)
			}
		})
	}
}

// A store that holds what nobody wrote, or another version did, is a store that knows nothing.
func TestSharedFindsOddThings(t *testing.T) {
	s := redistest.Start(t)
	e, c := window.NewShared(openStore(t, s.URL()), window.DefaultConfig()), s.Client()
	judge(t, e, third("a"), third("b"))
	key := c.Keys(t.Context(), "*").Val()[0]
	for _, odd := range []string{"x", "0123456789abcdef", "0123456789abcdef\xff and so on", "0123456789abcdef\x01\x02\x03"} {
		if err := c.Set(t.Context(), key, odd, time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
		if got := judge(t, e, third("c"), third("d")); got[1].Fired || got[1].Degraded {
			t.Errorf("with %q in the store: %+v, want a count from one", odd, got)
		}
		if got := judge(t, e, third("e"))[0]; !got.Fired {
			t.Errorf("with %q in the store: %+v, want the third to fire", odd, got)
		}
	}
}
