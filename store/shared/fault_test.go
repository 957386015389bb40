package shared_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

// inTime is the budget, and what a machine that does other things besides may add to it.
const inTime = 400 * time.Millisecond

// wantAway runs a batch and wants to hear in time that the store is away.
func wantAway(t *testing.T, s *shared.Store) {
	t.Helper()
	begun := time.Now()
	_, err := s.Run(t.Context(), counter, count(names(256)...))
	if took := time.Since(begun); took > inTime {
		t.Errorf("Run took %s, want the budget", took)
	}
	if !errors.Is(err, shared.ErrAway) || !s.Degraded() {
		t.Fatalf("Run: %v, degraded %v; want ErrAway and degraded", err, s.Degraded())
	}
}

// wantBack waits for the store and runs a batch in it.
func wantBack(t *testing.T, s *shared.Store, log *logged) {
	t.Helper()
	redistest.Eventually(t, "the store is back", func() bool { return !s.Degraded() })
	if _, err := s.Run(t.Context(), counter, count(names(256)...)); err != nil {
		t.Fatalf("Run after the store is back: %v", err)
	}
	if o := s.LastOutage(); o.Ended.Before(o.Begun) {
		t.Errorf("outage %+v, want its end", o)
	}
	if !strings.Contains(log.String(), "is back") || !strings.Contains(log.String(), "away=") {
		t.Errorf("log %q, want it to say how long the store was away", log)
	}
}

// what a fault is made of.
type fault struct {
	why        string
	begin, end func(*testing.T, *redistest.Server, *redistest.Proxy)
}

func config(key, value string) func(*testing.T, *redistest.Server, *redistest.Proxy) {
	return func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Do("CONFIG", "SET", key, value) }
}

func TestFaults(t *testing.T) {
	for name, f := range map[string]fault{
		"killed": {
			"closed the connection",
			func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Stop() },
			func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Start() },
		},
		"stopped": {
			"in time",
			func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Signal(syscall.SIGSTOP) },
			func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Signal(syscall.SIGCONT) },
		},
		"slow by 2 s": {
			"in time",
			func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Slow(2 * time.Second) },
			func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Slow(0) },
		},
		"a little too slow": {
			"in time",
			func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Slow(150 * time.Millisecond) },
			func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Slow(0) },
		},
		"full": {"is full", config("maxmemory", "1"), config("maxmemory", "0")},
		"a replica behind its back": {
			"is a replica",
			func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Do("REPLICAOF", "127.0.0.1", "1") },
			func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Do("REPLICAOF", "NO", "ONE") },
		},
		"too few replicas": {"too few replicas", config("min-replicas-to-write", "1"), config("min-replicas-to-write", "0")},
		"locked out": {
			"wants a password",
			func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) {
				s.Do("CONFIG", "SET", "requirepass", "s3cret")
				s.DoAs("s3cret", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") // who is in stays in
			},
			func(t *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Stop(); s.Start() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			proxy := redistest.StartProxy(t, server.Addr)
			s, log := open(t, "redis://"+proxy.Addr)
			if s.Degraded() {
				t.Fatalf("degraded from the start: %s", log)
			}
			if _, err := s.Run(t.Context(), counter, count(names(256)...)); err != nil {
				t.Fatalf("Run: %v", err)
			}
			f.begin(t, server, proxy)
			wantAway(t, s)
			// It stays away, however often it is looked for: what is there takes no writes in time.
			redistest.Eventually(t, "the store is looked for twice", func() bool { return s.LastOutage().Looks >= 2 || !s.Degraded() })
			if !s.Degraded() {
				t.Error("the store is back while the fault goes on")
			}
			if o := s.LastOutage(); !strings.Contains(o.Reason, f.why) {
				t.Errorf("outage %+v, want its reason to say %q", o, f.why)
			}
			f.end(t, server, proxy)
			wantBack(t, s, log)
			if n, _ := s.Outage(); n != 1 {
				t.Errorf("%d outages, want 1", n)
			}
			if n := strings.Count(log.String(), "local windows take over"); n != 1 {
				t.Errorf("the log says %d times that the store is away, want once", n)
			}
		})
	}
}

// A Redis that is starting answers LOADING.
func TestLoading(t *testing.T) {
	server := redistest.Start(t, "--key-load-delay", "100000", "--loading-process-events-interval-bytes", "1024", "--rdbcompression", "no")
	for i := range 50 { // 5 s of loading when it starts again
		server.Do("SET", i, strings.Repeat("x", 2048))
	}
	s, log := open(t, server.URL())
	server.Do("CONFIG", "SET", "save", "3600 1000")
	server.Do("SAVE")
	server.Stop()
	server.Start()
	redistest.Eventually(t, "redis is loading", func() bool {
		_, err := s.Run(t.Context(), counter, count("k"))
		return err != nil && strings.Contains(s.LastOutage().Reason, "starting")
	})
	wantBack(t, s, log)
}

func TestFlushedScripts(t *testing.T) {
	for name, c := range map[string]struct {
		start func(t *testing.T) (string, []*redistest.Server)
	}{
		"alone": {func(t *testing.T) (string, []*redistest.Server) {
			s := redistest.Start(t)
			return s.URL(), []*redistest.Server{s}
		}},
		"one node of a cluster": {func(t *testing.T) (string, []*redistest.Server) {
			c := redistest.StartCluster(t)
			return c.URL(), c.Nodes[:1]
		}},
	} {
		t.Run(name, func(t *testing.T) {
			url, nodes := c.start(t)
			s, _ := open(t, url)
			for _, n := range nodes {
				n.Do("SCRIPT", "FLUSH")
			}
			wantCounts(t, s) // each call was run once, those of other nodes too
		})
	}
}

// The caller's giving up says nothing of the store.
func TestCancelledIsNoOutage(t *testing.T) {
	server := redistest.Start(t)
	s, _ := open(t, server.URL())
	server.Signal(syscall.SIGSTOP)
	defer server.Signal(syscall.SIGCONT)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := s.Run(ctx, counter, count("k"))
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, shared.ErrAway) || s.Degraded() {
		t.Errorf("Run with a cancelled context: %v, degraded %v; want the context's error and no outage", err, s.Degraded())
	}
}

func TestClusterFaults(t *testing.T) {
	c := redistest.StartCluster(t)
	s, log := open(t, c.URL())
	t.Run("a slot that moves is followed", func(t *testing.T) {
		owner, other, slot := c.Owner("{k}")
		if _, err := s.Run(t.Context(), counter, count("k")); err != nil {
			t.Fatal(err)
		}
		ownerID, otherID := owner.Do("CLUSTER", "MYID"), other.Do("CLUSTER", "MYID")
		other.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", ownerID)
		owner.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", otherID)
		host, port, _ := net.SplitHostPort(other.Addr)
		owner.Do("MIGRATE", host, port, "tocsin:{k}:count", 0, 5000)
		if got, err := s.Run(t.Context(), counter, count("k")); err != nil || got[0] != int64(2) {
			t.Errorf("while the slot moves (ASK): %v, %v, want 2", got, err)
		}
		for _, n := range []*redistest.Server{other, owner} {
			n.Do("CLUSTER", "SETSLOT", slot, "NODE", otherID)
		}
		if got, err := s.Run(t.Context(), counter, count("k")); err != nil || got[0] != int64(3) {
			t.Errorf("after the slot has moved (MOVED): %v, %v, want 3", got, err)
		}
		if s.Degraded() {
			t.Errorf("degraded: %s", log)
		}
	})
	t.Run("a master is gone", func(t *testing.T) {
		c.Nodes[1].Stop()
		wantAway(t, s)
		redistest.Eventually(t, "the cluster says that it is down", func() bool {
			return strings.Contains(log.String(), "the cluster is down") || strings.Contains(log.String(), "cannot be reached")
		})
		c.Nodes[1].Start()
		wantBack(t, s, log)
	})
}

// After a failover the new master serves; the old one, when it comes back as a replica, does no harm.
func TestSentinelFailover(t *testing.T) {
	w := redistest.StartWatched(t)
	s, log := open(t, w.URL())
	if _, err := s.Run(t.Context(), counter, count("k")); err != nil {
		t.Fatalf("Run: %v; the log: %s", err, log)
	}
	w.Master.Stop()
	wantAway(t, s)
	wantBack(t, s, log)
	got, err := w.Replica.Client().Get(t.Context(), "tocsin:{k0}:count").Int()
	if err != nil || got == 0 {
		t.Errorf("at the new master: %v, %v, want what was counted after the failover", got, err)
	}
	w.Master.Start()
	redistest.Eventually(t, "the old master is a replica", func() bool {
		role, err := w.Master.Client().Do(t.Context(), "ROLE").Slice()
		return err == nil && role[0] == "slave"
	})
	if _, err := s.Run(t.Context(), counter, count("k")); err != nil {
		t.Errorf("Run beside the old master: %v", err)
	}
}
