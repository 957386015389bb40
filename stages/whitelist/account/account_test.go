package account

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store"
	"github.com/tocsin-security/tocsin/store/documents"
	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// covered is the account of an entry and rule R of a run, at a host that is named as the run begins.
func covered(entry, run string, hits uint64, from, until int) pipeline.Alert {
	host, _, _ := strings.Cut(run, "-")
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	return pipeline.Alert{ID: "travels", Rule: "R", Time: at(until), Output: run, Covered: &pipeline.Covered{
		Entry: entry, Alert: "sample", Run: run, Host: host, Hits: hits, First: at(from), Last: at(until)}}
}

// open opens an account in a store of its own, as a router does.
func open(t *testing.T) (*Account, pipeline.Documents) {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	docs := s.Documents("whitelist", MaxDocuments)
	return New(docs, slog.New(slog.DiscardHandler)), docs
}

// openShared opens an account in a store of a fleet.
func openShared(t *testing.T) (*Account, pipeline.Documents) {
	t.Helper()
	s, err := shared.Open(t.Context(), redistest.Start(t).URL()+"?timeout=20s", documents.Scripts(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	docs := documents.New(s, "whitelist", MaxDocuments)
	return New(docs, slog.New(slog.DiscardHandler)), docs
}

// onBoth runs a test with each kind of store.
func onBoth(t *testing.T, test func(t *testing.T, a *Account, docs pipeline.Documents)) {
	for name, open := range map[string]func(*testing.T) (*Account, pipeline.Documents){"file": open, "redis": openShared} {
		t.Run(name, func(t *testing.T) {
			a, docs := open(t)
			test(t, a, docs)
		})
	}
}

func add(t *testing.T, a *Account, alerts ...pipeline.Alert) {
	t.Helper()
	if err := a.Add(t.Context(), alerts); err != nil {
		t.Fatal(err)
	}
}

func usage(t *testing.T, a *Account, own []pipeline.Alert, ids ...string) []pipeline.EntryUsage {
	t.Helper()
	var entries []pipeline.EntryUsage
	for _, id := range ids {
		entries = append(entries, pipeline.EntryUsage{ID: id, State: pipeline.EntryActive, Rules: []pipeline.RuleUsage{}})
	}
	u, err := a.Usage(t.Context(), entries, own, noon)
	if err != nil {
		t.Fatal(err)
	}
	return u.Entries
}

func TestAccountAddsUp(t *testing.T) { onBoth(t, accountAddsUp) }

func accountAddsUp(t *testing.T, a *Account, docs pipeline.Documents) {
	if err := a.Begin(t.Context(), []pipeline.EntryUsage{{ID: "e"}, {ID: "idle"}}, noon); err != nil {
		t.Fatal(err)
	}
	add(t, a, covered("e", "web-1", 5, 0, 10), covered("gone", "web-1", 1, 0, 0))
	add(t, a, covered("e", "db-1", 2, 5, 30))
	add(t, a, covered("e", "web-1", 7, 0, 20))   // the same run, later
	a = New(docs, slog.New(slog.DiscardHandler)) // the router restarts
	add(t, a, covered("e", "web-2", 1, 25, 25))  // and so did the node
	if err := a.Begin(t.Context(), []pipeline.EntryUsage{{ID: "e"}, {ID: "new"}}, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	got := usage(t, a, []pipeline.Alert{covered("new", "here-1", 3, 1, 2)}, "e", "idle", "new")
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	sample := func(run string, second int) *pipeline.Alert {
		return &pipeline.Alert{ID: "sample", Rule: "R", Time: at(second), Output: run}
	}
	want := []pipeline.EntryUsage{
		{ID: "e", State: pipeline.EntryActive, Since: noon, Hits: 10, First: at(0), Last: at(30), Rules: []pipeline.RuleUsage{
			{Rule: "R", Hits: 10, First: at(0), Last: at(30), Hosts: []string{"db", "web"}, Sample: sample("db-1", 30)}}},
		{ID: "idle", State: pipeline.EntryActive, Since: noon, Rules: []pipeline.RuleUsage{}},
		{ID: "new", State: pipeline.EntryActive, Since: noon.Add(time.Hour), Hits: 3, First: at(1), Last: at(2), Rules: []pipeline.RuleUsage{
			{Rule: "R", Hits: 3, First: at(1), Last: at(2), Hosts: []string{"here"}, Sample: sample("here-1", 2)}}},
		{ID: "gone", State: pipeline.EntryGone, Hits: 1, First: at(0), Last: at(0), Rules: []pipeline.RuleUsage{
			{Rule: "R", Hits: 1, First: at(0), Last: at(0), Hosts: []string{"web"}, Sample: sample("web-1", 0)}}},
	}
	normal := cmp.Transformer("text", func(a *pipeline.Alert) string {
		if a == nil {
			return ""
		}
		return a.ID + " " + a.Output + " " + a.Time.String()
	})
	if diff := cmp.Diff(want, got, normal); diff != "" {
		t.Errorf("Usage (-want +got):\n%s", diff)
	}
}

// However often and in whatever order messages come, the account is the same: the last word of each run.
func TestRedeliveryChangesNothing(t *testing.T) { onBoth(t, redeliveryChangesNothing) }

func redeliveryChangesNothing(t *testing.T, a *Account, _ pipeline.Documents) {
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		entry := "e" + strings.Repeat("x", n)
		last := map[string]uint64{}
		var messages []pipeline.Alert
		for _, run := range []string{"h-1", "h-2", "k-1"} {
			hits := uint64(0)
			for i := range rapid.IntRange(0, 4).Draw(rt, run) {
				hits += uint64(rapid.IntRange(1, 9).Draw(rt, "hits"))
				messages = append(messages, covered(entry, run, hits, 0, i))
			}
			last[run] = hits
		}
		order := rapid.Permutation(append(messages, messages...)).Draw(rt, "order")
		for len(order) > 0 {
			size := rapid.IntRange(1, len(order)).Draw(rt, "batch")
			if err := a.Add(t.Context(), order[:size]); err != nil {
				rt.Fatal(err)
			}
			order = order[size:]
		}
		if got, want := usage(t, a, nil, entry)[0].Hits, last["h-1"]+last["h-2"]+last["k-1"]; got != want {
			rt.Fatalf("%d hits, want %d of %v", got, want, messages)
		}
	})
}

// A node that restarts all day is still one small record, and nothing is forgotten.
func TestManyRunsAreOneRecord(t *testing.T) {
	a, docs := open(t)
	for i := range 100 {
		add(t, a, covered("e", "h-"+string(rune('a'+i%26))+string(rune('a'+i/26)), 2, i, i))
	}
	if got := usage(t, a, nil, "e")[0].Hits; got != 200 {
		t.Errorf("%d hits of 100 runs, want 200", got)
	}
	all, err := docs.All(t.Context())
	if err != nil || len(all) != 2 || len(all[0].Body)+len(all[1].Body) > 4096 {
		t.Errorf("%d documents, want a record and a sample of less than 4 KiB: %v", len(all), err)
	}
}

// failing is a store that is away.
type failing struct{ pipeline.Documents }

func (failing) Get(context.Context, ...string) ([]pipeline.Document, error) {
	return nil, errors.New("away")
}

func TestAStoreThatIsAwayLosesNothing(t *testing.T) {
	a, docs := open(t)
	a.docs = failing{docs}
	if err := a.Add(t.Context(), []pipeline.Alert{covered("e", "h-1", 5, 0, 1)}); err == nil || !strings.Contains(err.Error(), "keep the account of the whitelist: away") {
		t.Fatalf("Add = %v, want that the store is away", err)
	}
	a.docs = docs
	if got := usage(t, a, nil, "e")[0].Hits; got != 5 {
		t.Errorf("%d hits while the store was away, want 5", got)
	}
	add(t, a) // nothing new: what waits is written
	if got := usage(t, New(docs, slog.New(slog.DiscardHandler)), nil, "e")[0].Hits; got != 5 {
		t.Errorf("%d hits in the store once it is back, want 5", got)
	}
}

func TestASampleThatIsTooLargeIsLeftOut(t *testing.T) {
	a, _ := open(t)
	large := covered("e", "h-1", 1, 0, 0)
	large.Output = strings.Repeat("x", pipeline.MaxDocumentBody)
	add(t, a, large)
	if rule := usage(t, a, nil, "e")[0].Rules[0]; rule.Hits != 1 || rule.Sample != nil {
		t.Errorf("rule = %+v, want a hit without a sample", rule)
	}
}

func TestTakeSplits(t *testing.T) {
	c, r := covered("e", "h-1", 1, 0, 0), pipeline.Alert{ID: "a"}
	got, rest := Take([]pipeline.Alert{r, c, r})
	if len(got) != 1 || got[0].Covered == nil || len(rest) != 2 || rest[0].ID != "a" {
		t.Errorf("Take = %v, %v", got, rest)
	}
	if got, rest = Take([]pipeline.Alert{r}); got != nil || len(rest) != 1 {
		t.Errorf("Take = %v, %v, want nothing covered", got, rest)
	}
}
