package groups_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store"
	"github.com/tocsin-security/tocsin/store/groups"
	"github.com/tocsin-security/tocsin/store/groupstest"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

func openLocal(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// As long as the store is there, the local one is not seen.
func TestWithLocalIsTheStore(t *testing.T) {
	server := redistest.Start(t)
	empty := flush(t, server)
	local := openLocal(t).GroupEngine()
	s := open(t, server.URL()+"?timeout=20s")
	groupstest.Run(t, groupstest.Engine{Parts: true, Fresh: func() groupstest.Groups {
		empty()
		return groups.NewWithLocal(groups.New(s), local)
	}})
	if next, err := local.NextDue(t.Context()); err != nil || !next.IsZero() {
		t.Errorf("the local store has a group due at %v, %v, want none", next, err)
	}
}

// And when it is away, the local one does all of it for events.
func TestWithLocalAlone(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.URL())
	server.Stop()
	g := groups.NewWithLocal(groups.New(s), openLocal(t).GroupEngine())
	if _, _, err := g.Put(t.Context(), t0, []pipeline.Inbox{lot("a", "1")}, []pipeline.Source{{Key: "k", Ends: t0.Add(time.Hour)}}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	if next, err := g.NextDue(t.Context()); err != nil || !next.Equal(t0) {
		t.Errorf("NextDue = %v, %v, want now", next, err)
	}
	if due, err := g.Due(t.Context(), []string{"a", "b"}); err != nil || len(due) != 1 {
		t.Errorf("Due = %v, %v, want that of a", due, err)
	}
	if sources, err := g.Sources(t.Context(), t0, []string{"k"}); err != nil || len(sources) != 1 {
		t.Errorf("Sources = %v, %v, want one", sources, err)
	}
}

// told claims what is due and settles it, and adds what it was to what was told.
func told(t *testing.T, g *groups.WithLocal, now time.Time, all *[]string) {
	t.Helper()
	claimed, err := g.Claim(t.Context(), now, 100)
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	for _, c := range claimed {
		for _, a := range c.Alerts {
			*all = append(*all, fmt.Sprintf("%s/%s of %s %s degraded=%v", c.Key, a.ID, c.Receiver, c.Route, a.Degraded))
		}
		lost, err := g.Settle(t.Context(), now, []pipeline.Settled{{Key: c.Key, Token: c.Token, Upto: c.Upto, Due: now.Add(time.Hour)}})
		if err != nil || len(lost) > 0 {
			t.Fatalf("Settle of %q: lost %q, %v", c.Key, lost, err)
		}
	}
	slices.Sort(*all)
}

func TestWithLocalThroughAnOutage(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	g := groups.NewWithLocal(groups.New(open(t, server.URL()+"?timeout=2s")), openLocal(t).GroupEngine())
	put := func(in ...pipeline.Inbox) {
		t.Helper()
		if _, absent, err := g.Put(t.Context(), t0, in, nil); err != nil || len(absent) > 0 {
			t.Fatalf("Put = absent %q, %v", absent, err)
		}
	}
	var all []string
	want := func(lines ...string) {
		t.Helper()
		if !slices.Equal(all, lines) {
			t.Fatalf("told %q, want %q", all, lines)
		}
	}
	put(lot("holds", "0"))
	claimed, err := g.Claim(t.Context(), t0, 1)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("Claim = %v, %v", claimed, err)
	}
	done := pipeline.Settled{Key: "holds", Token: claimed[0].Token, Due: t0.Add(time.Hour), Holds: true} // its inbox is not emptied
	if _, err := g.Settle(t.Context(), t0, []pipeline.Settled{done}); err != nil {
		t.Fatal(err)
	}
	put(lot("before", "1"))
	server.Stop()
	both := lot("during", "2")
	both.Alerts = append(both.Alerts, pipeline.Alert{ID: "3", Stateful: &pipeline.Stateful{StartsAt: t0}})
	fires := lot("fires")
	fires.Alerts = []pipeline.Alert{{ID: "4", Stateful: &pipeline.Stateful{StartsAt: t0}}}
	put(both, fires)
	told(t, g, t0, &all)
	want("during/2 of ops root degraded=true")
	told(t, g, t0.Add(time.Second), &all)
	want("during/2 of ops root degraded=true")
	if err := g.Wake(t.Context(), t0); err != nil {
		t.Errorf("Wake while the store is away: %v", err)
	}
	server.Start()
	now := t0.Add(time.Second)
	redistest.Eventually(t, "the store is back and has all", func() bool {
		now = now.Add(time.Second)
		told(t, g, now, &all)
		return len(all) >= 5
	})
	want("before/1 of ops root degraded=false", "during/2 of ops root degraded=true", "during/3 of ops root degraded=false", "fires/4 of ops root degraded=false", "holds/0 of ops root degraded=false")
	told(t, g, now.Add(30*time.Second), &all)
	if len(all) != 5 {
		t.Errorf("told %q once more", all)
	}
}
