package silence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store"
	"github.com/tocsin-security/tocsin/store/documents"
	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

var t0 = time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)

// clock is a time that tests set.
type clock struct{ now time.Time }

func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

// world is one Silences over real documents, with what it told others.
type world struct {
	*Silences
	clock *clock
	woken int
	told  []string // ids of silences whose end was told
	fail  error    // of Wake and Ending
}

// opener opens documents of a kind that all worlds of a test share.
type opener func(kind string, limit int) Documents

func files(t testing.TB) opener {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return func(kind string, limit int) Documents { return s.Documents(kind, limit) }
}

// redis opens another connection for each world, as another router does.
func redis(t *testing.T, url string) opener {
	t.Helper()
	s, err := shared.Open(t.Context(), url+"?timeout=20s", documents.Scripts(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return func(kind string, limit int) Documents { return documents.New(s, kind, limit) }
}

func open(t testing.TB, docs opener, process string, c *clock, cfg Config) *world {
	t.Helper()
	w := &world{clock: c}
	w.Silences = New(t.Context(), cfg, Deps{
		Silences: docs("silence", cfg.SilenceDocuments()), Acks: docs("ack", AckDocuments), Hits: docs("silence_hits", HitDocuments),
		Process: process,
		Wake:    func(context.Context) error { w.woken++; return w.fail },
		Ending: func(_ context.Context, s pipeline.Silence, hits pipeline.Hits) error {
			if w.fail == nil {
				w.told = append(w.told, fmt.Sprint(s.ID, " ", hits.Alerts))
			}
			return w.fail
		},
		Now: func() time.Time { return c.now },
		Log: slog.New(slog.DiscardHandler),
	})
	return w
}

func openOne(t testing.TB) *world {
	t.Helper()
	return open(t, files(t), "self", &clock{t0}, DefaultConfig())
}

func (w *world) put(t testing.TB, s pipeline.Silence) string {
	t.Helper()
	id, err := w.Put(t.Context(), s)
	if err != nil {
		t.Fatalf("Put: %v", err)
	}
	return id
}

// tick is what Run does now and then.
func (w *world) tick(t testing.TB) {
	t.Helper()
	if err := w.work(t.Context()); err != nil {
		t.Fatalf("work: %v", err)
	}
}

func (w *world) get(t testing.TB, id string) pipeline.Silence {
	t.Helper()
	s, err := w.Get(id)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	return s
}

func is(name, value string) pipeline.Matcher {
	return pipeline.Matcher{Name: name, Value: value, IsEqual: true}
}

func like(name, value string) pipeline.Matcher {
	return pipeline.Matcher{Name: name, Value: value, IsEqual: true, IsRegex: true}
}

// silenceOfRule is a valid one, from now on for an hour.
func silenceOfRule(rule string) pipeline.Silence {
	return pipeline.Silence{Matchers: []pipeline.Matcher{is("alertname", rule)}, EndsAt: t0.Add(time.Hour), CreatedBy: "zhang.wei", Comment: "maintenance"}
}

func quiet(w *world, labels ...string) bool {
	set := map[string]string{}
	for i := 0; i < len(labels); i += 2 {
		set[labels[i]] = labels[i+1]
	}
	return len(w.Silenced(set, w.clock.now)) > 0
}

func wantStatus(t *testing.T, err error, status int, text string) {
	t.Helper()
	var coded interface{ HTTPStatus() int }
	if !errors.As(err, &coded) || coded.HTTPStatus() != status || !strings.Contains(err.Error(), text) {
		t.Errorf("error = %v, want status %d and %q", err, status, text)
	}
}

func TestASilenceAppliesWhileItLasts(t *testing.T) {
	w := openOne(t)
	s := silenceOfRule("A")
	s.StartsAt = t0.Add(time.Minute)
	id := w.put(t, s)
	for _, step := range []struct {
		at    time.Duration
		state string
		quiet bool
	}{{0, Pending, false}, {time.Minute, Active, true}, {time.Hour - 1, Active, true}, {time.Hour, Expired, false}} {
		w.clock.now = t0.Add(step.at)
		one := w.get(t, id)
		if one.State(w.clock.now) != step.state || quiet(w, "alertname", "A") != step.quiet || quiet(w, "alertname", "B") {
			t.Errorf("after %s: %s, quiet %v, want %s, %v and nothing else quiet", step.at, one.State(w.clock.now), quiet(w, "alertname", "A"), step.state, step.quiet)
		}
	}
}

// What is put is there for whoever opens the store next, whatever happened to the process.
func TestSilencesAreDurable(t *testing.T) {
	docs, c := files(t), &clock{t0}
	w := open(t, docs, "self", c, DefaultConfig())
	id := w.put(t, silenceOfRule("A"))
	if _, err := w.Ack(t.Context(), pipeline.Ack{Fingerprint: 7, By: "li.na"}); err != nil {
		t.Fatal(err)
	}
	again := open(t, docs, "self", c, DefaultConfig())
	if one := again.get(t, id); one.Comment != "maintenance" || !quiet(again, "alertname", "A") {
		t.Errorf("after the restart: %+v, want it in force", one)
	}
	if by, ok := again.Acked(7, t0); !ok || by.By != "li.na" {
		t.Errorf("after the restart acked = %+v, %v, want by li.na", by, ok)
	}
}

func TestRoutersShareSilences(t *testing.T) {
	url, c := redistest.Start(t).URL(), &clock{t0}
	a := open(t, redis(t, url), "a", c, DefaultConfig())
	b := open(t, redis(t, url), "b", c, DefaultConfig())
	id := a.put(t, silenceOfRule("A"))
	if quiet(b, "alertname", "A") {
		t.Fatal("b knows it without having looked")
	}
	if err := b.Refresh(t.Context()); err != nil || !quiet(b, "alertname", "A") {
		t.Fatalf("after Refresh: %v, quiet %v, want what a took", err, quiet(b, "alertname", "A"))
	}
	a.Hit(id, 3)
	b.Hit(id, 4)
	c.pass(time.Minute)
	b.Hit(id, 1)
	a.tick(t)
	b.tick(t)
	for name, w := range map[string]*world{"a": a, "b": b} {
		hits, err := w.Hits(t.Context())
		if want := (pipeline.Hits{Alerts: 8, Last: c.now}); err != nil || hits[id] != want {
			t.Errorf("hits as %s sees them: %+v, %v, want %+v", name, hits[id], err, want)
		}
	}
	if err := b.Expire(t.Context(), id, "wang.fang"); err != nil {
		t.Fatal(err)
	}
	if err := a.Refresh(t.Context()); err != nil || quiet(a, "alertname", "A") || a.get(t, id).EndedWhy != "expired by wang.fang" {
		t.Errorf("a after b expired it: %v, %+v", err, a.get(t, id))
	}
	if a.woken != 0 || b.woken != 1 {
		t.Errorf("woken: a %d, b %d, want only whoever ended it to do so", a.woken, b.woken)
	}
}

// Both are decided on what the other router did a moment before.
func TestAnUpdateSeesWhatAnotherRouterDid(t *testing.T) {
	url, c := redistest.Start(t).URL(), &clock{t0}
	a := open(t, redis(t, url), "a", c, DefaultConfig())
	b := open(t, redis(t, url), "b", c, DefaultConfig())
	id := a.put(t, silenceOfRule("A"))
	if err := b.Expire(t.Context(), id, ""); err != nil {
		t.Fatal(err)
	}
	s := silenceOfRule("A")
	s.ID, s.StartsAt = id, t0
	if again := a.put(t, s); again == id {
		t.Error("one that b had expired was changed in place")
	}
}

func TestAStoreThatIsAwayKeepsWhatIsKnown(t *testing.T) {
	server := redistest.Start(t)
	w := open(t, redis(t, server.URL()), "a", &clock{t0}, DefaultConfig())
	w.put(t, silenceOfRule("A"))
	server.Stop()
	_, err := w.Put(t.Context(), silenceOfRule("B"))
	wantStatus(t, err, 503, "the store does not answer")
	if !quiet(w, "alertname", "A") || quiet(w, "alertname", "B") {
		t.Error("want what was kept to apply, and nothing that was not")
	}
}

// A router whose clock is behind has the last word all the same.
func TestAClockThatIsBehindChangesWhatIsThere(t *testing.T) {
	url, ahead := redistest.Start(t).URL(), &clock{t0.Add(time.Minute)}
	a := open(t, redis(t, url), "a", ahead, DefaultConfig())
	b := open(t, redis(t, url), "b", &clock{t0}, DefaultConfig())
	s := silenceOfRule("A")
	s.StartsAt = t0
	id := a.put(t, s)
	if err := b.Expire(t.Context(), id, "li.na"); err != nil {
		t.Fatal(err)
	}
	if err := a.Refresh(t.Context()); err != nil || quiet(a, "alertname", "A") {
		t.Errorf("after Refresh: %v, quiet %v, want it over", err, quiet(a, "alertname", "A"))
	}
}

// What another router writes between a look and a write of ours is not missed.
func TestAMirrorMissesNothing(t *testing.T) {
	url, log := redistest.Start(t).URL(), slog.New(slog.DiscardHandler)
	a := newMirror[int](redis(t, url)("x", 10), "x", log, nil)
	b := newMirror[int](redis(t, url)("x", 10), "x", log, nil)
	if err := a.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, m := range []*mirror[int]{b, a} {
		if err := m.put(t.Context(), pipeline.Document{Key: fmt.Sprint(i), At: t0, Body: []byte("1")}); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.all) != 2 {
		t.Errorf("after its own write it has %v, want what b wrote, too", a.all)
	}
}
