package groups_test

import (
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/groups"
	"github.com/tocsin-security/tocsin/store/groupstest"
	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

func open(t testing.TB, url string) *shared.Store {
	t.Helper()
	s, err := shared.Open(t.Context(), url, groups.Scripts(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// suite runs the suite, for which flush empties the store.
func suite(t *testing.T, url string, flush func()) {
	url += "?timeout=20s"
	s := open(t, url)
	groupstest.Run(t, groupstest.Engine{
		Fresh: func() groupstest.Groups {
			flush()
			return groups.NewShared(s)
		},
		Another: func() groupstest.Groups { return groups.NewShared(open(t, url)) },
		Parts:   true,
	})
	if s.Degraded() {
		t.Errorf("the store is away: %+v", s.LastOutage())
	}
}

// flush empties a server.
func flush(t *testing.T, server *redistest.Server) func() {
	client := server.Client()
	return func() {
		if err := client.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGroups(t *testing.T) {
	t.Run("alone", func(t *testing.T) {
		server := redistest.Start(t)
		suite(t, server.URL(), flush(t, server))
	})
	t.Run("a cluster", func(t *testing.T) {
		cluster := redistest.StartCluster(t)
		suite(t, cluster.URL(), cluster.Flush)
	})
	t.Run("with the documented rights", func(t *testing.T) {
		server := redistest.Start(t)
		suite(t, server.AddUser(), flush(t, server))
	})
}

var t0 = time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)

func lot(key string, ids ...string) pipeline.Inbox {
	in := pipeline.Inbox{Key: key, Route: "root", Receiver: "ops"}
	for _, id := range ids {
		in.Alerts = append(in.Alerts, pipeline.Alert{ID: id, Time: t0})
	}
	return in
}

// While the store is away everything is an error that says so; when it is back nothing that was taken is missing.
func TestAStoreThatGoesAndComes(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	g := groups.NewShared(open(t, server.URL()+"?timeout=2s"))
	if _, _, err := g.Put(t.Context(), t0, []pipeline.Inbox{lot("a", "1"), lot("b", "2")}, nil); err != nil {
		t.Fatal(err)
	}
	claimed, err := g.Claim(t.Context(), t0, 1)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("Claim = %d groups, %v", len(claimed), err)
	}
	server.Stop()
	done := []pipeline.Settled{{Key: claimed[0].Key, Token: claimed[0].Token, Upto: claimed[0].Upto, Gone: true}}
	for doing, do := range map[string]func() error{
		"Put":     func() error { _, _, err := g.Put(t.Context(), t0, []pipeline.Inbox{lot("a", "3")}, nil); return err },
		"sources": func() error { _, _, err := g.Put(t.Context(), t0, nil, make([]pipeline.Source, 1)); return err },
		"Claim":   func() error { _, err := g.Claim(t.Context(), t0, 10); return err },
		"Settle":  func() error { _, err := g.Settle(t.Context(), t0, done); return err },
		"Wake":    func() error { return g.Wake(t.Context(), t0) },
		"NextDue": func() error { _, err := g.NextDue(t.Context()); return err },
		"Due":     func() error { _, err := g.Due(t.Context(), []string{"a"}); return err },
		"Sources": func() error { _, err := g.Sources(t.Context(), t0, []string{"a"}); return err },
	} {
		if err := do(); !errors.Is(err, shared.ErrAway) || !strings.Contains(err.Error(), "away") {
			t.Errorf("%s while the store is away: %v, want ErrAway", doing, err)
		}
	}
	server.Start()
	redistest.Eventually(t, "the store is back", func() bool {
		lost, err := g.Settle(t.Context(), t0, done)
		return err == nil && len(lost) == 0
	})
	rest, err := g.Claim(t.Context(), t0, 10)
	if err != nil || len(rest) != 1 || rest[0].Key == claimed[0].Key || len(rest[0].Alerts) != 1 {
		t.Errorf("Claim when it is back = %+v, %v, want the other group with its alert", rest, err)
	}
}

// A line that is slow loses answers, not alerts: what was put again comes again, and nothing is told by two.
func TestASlowLine(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr)
	g := groups.NewShared(open(t, "redis://"+proxy.Addr+"?timeout=300ms"))
	want := map[string]bool{}
	for i := range 6 {
		if i%2 == 1 {
			proxy.Slow(time.Second)
		}
		id := strconv.Itoa(i)
		want[id] = true
		redistest.Eventually(t, "the alert is taken", func() bool {
			_, _, err := g.Put(t.Context(), t0, []pipeline.Inbox{lot("group "+id, id)}, nil)
			if err != nil {
				proxy.Slow(0)
			}
			return err == nil
		})
	}
	got := map[string]int{}
	now := t0
	redistest.Eventually(t, "all alerts are told", func() bool {
		claimed, err := g.Claim(t.Context(), now, 2)
		if err != nil {
			proxy.Slow(0)
			return false
		}
		if len(claimed) == 0 {
			now = now.Add(groupstest.Lease) // what a claim took whose answer was lost
		}
		for _, c := range claimed {
			for _, a := range c.Alerts {
				got[a.ID]++
			}
			if _, err := g.Settle(t.Context(), now, []pipeline.Settled{{Key: c.Key, Token: c.Token, Upto: c.Upto, Gone: true}}); err != nil {
				t.Fatalf("Settle: %v", err)
			}
		}
		return len(got) == len(want)
	})
}

func TestEveryKeyIsOneOfOurs(t *testing.T) {
	server := redistest.Start(t)
	g := groups.NewShared(open(t, server.URL()+"?timeout=20s"))
	if _, _, err := g.Put(t.Context(), t0, []pipeline.Inbox{lot("a", "1")}, []pipeline.Source{{Key: "k", Ends: t0.Add(time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	claimed, err := g.Claim(t.Context(), t0, 1)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("Claim = %v, %v", claimed, err)
	}
	done := pipeline.Settled{Key: "a", Token: claimed[0].Token, Holds: true, Set: []pipeline.Member{{Fingerprint: 1}}, Due: t0}
	if _, err := g.Settle(t.Context(), t0, []pipeline.Settled{done}); err != nil {
		t.Fatal(err)
	}
	if err := g.Wake(t.Context(), t0); err != nil {
		t.Fatal(err)
	}
	keys, _ := server.Do("KEYS", "*").([]any)
	for _, key := range keys {
		if text, _ := key.(string); !strings.HasPrefix(text, "tocsin:{groups") {
			t.Errorf("there is a key %q", key)
		}
	}
	// Of a group that goes nothing stays.
	if claimed, err = g.Claim(t.Context(), t0, 1); err != nil || len(claimed) != 1 {
		t.Fatalf("Claim = %v, %v", claimed, err)
	}
	if _, err := g.Settle(t.Context(), t0, []pipeline.Settled{{Key: "a", Token: claimed[0].Token, Upto: claimed[0].Upto, Gone: true}}); err != nil {
		t.Fatal(err)
	}
	for _, key := range server.Do("KEYS", "*").([]any) {
		text, _ := key.(string)
		if !strings.Contains(text, ":sources:") && !strings.HasSuffix(text, "}:wakes") {
			t.Errorf("the key %q stays", text)
		}
	}
}

// What cannot be read is lost; it does not stop what can.
func TestADamagedGroupStopsNoOther(t *testing.T) {
	server := redistest.Start(t)
	g := groups.NewShared(open(t, server.URL()+"?timeout=20s"))
	if _, _, err := g.Put(t.Context(), t0, []pipeline.Inbox{lot("bad", "1")}, nil); err != nil {
		t.Fatal(err)
	}
	client := server.Client()
	inboxes, err := client.Keys(t.Context(), "tocsin:{groups*}:inbox:*").Result()
	if err != nil || len(inboxes) != 1 {
		t.Fatalf("inboxes are %q, %v", inboxes, err)
	}
	if err := client.LSet(t.Context(), inboxes[0], 0, "[{").Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.HSet(t.Context(), strings.Replace(inboxes[0], ":inbox:", ":group:", 1), "labels", "{").Err(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.Put(t.Context(), t0, []pipeline.Inbox{lot("good", "2")}, nil); err != nil {
		t.Fatal(err)
	}
	claimed, err := g.Claim(t.Context(), t0, 10)
	if err != nil || len(claimed) != 2 {
		t.Fatalf("Claim = %d groups, %v, want both", len(claimed), err)
	}
	for _, c := range claimed {
		if bad := c.Key == "bad"; (c.Damaged != nil) != bad || (len(c.Alerts) == 0) != bad || c.Upto == 0 {
			t.Errorf("claimed %+v, damaged: %v", c, c.Damaged)
		}
	}
}
