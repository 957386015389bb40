package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/match"
	"github.com/tocsin-security/tocsin/stages/whitelist"
	"github.com/tocsin-security/tocsin/stages/whitelist/account"
	"github.com/tocsin-security/tocsin/store"
)

// listOf is a whitelist of one entry about backups, with more of its keys.
func listOf(t *testing.T, more string) *whitelist.List {
	t.Helper()
	text := "- {id: e, reason: because, rules: [R], match: {proc.name: [backup]}" + more + "}\n"
	list, problems := whitelist.Parse(whitelist.Config{}, []rules.Source{{Name: "w.yaml", Data: []byte(text)}}, nil, time.Now())
	if err := rules.Err(problems); err != nil {
		t.Fatal(err)
	}
	return list
}

// cover lets the entry cover an alert, as the hot half does.
func cover(t *testing.T, list *whitelist.List) {
	t.Helper()
	ev := &pipeline.Event{Type: pipeline.EventOpenat, Time: time.Now().UnixNano(), Proc: &pipeline.Process{Known: true, Comm: "backup"}}
	id, ok := list.Bypass("R", ev)
	if !ok {
		t.Fatal("Bypass = false, want true")
	}
	if list.Wants(id, "R", ev) {
		list.Keep(id, pipeline.Alert{ID: "a", Rule: "R", Time: ev.At()})
	}
}

// In the steady state an event that an entry covers costs no memory.
func TestACoveredEventAllocatesNothing(t *testing.T) {
	set := parseRules(t, twoRules)
	list := parseEntries(t, "- {id: e, reason: r, rules: [\"tag:odd\"], match: {proc.name: [worker]}}\n", set)
	m, err := match.New(match.Config{Whitelist: list}, set)
	if err != nil {
		t.Fatal(err)
	}
	ev := busy()
	told := 0
	emit := func(pipeline.Alert) { told++ }
	m.Match(ev, emit) // makes the sample
	if n := testing.AllocsPerRun(100, func() { m.Match(ev, emit) }); n != 0 || told != 0 {
		t.Errorf("%v allocations and %d alerts, want none", n, told)
	}
	if changes := list.Counts().Changes("h"); len(changes) != 1 || changes[0].Covered.Hits != 102 || changes[0].Output == "" {
		t.Errorf("changes = %+v, want 102 hits with a sample", changes)
	}
}

func TestCoveredIsReportedEveryTenSecondsAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := listOf(t, "")
		var reported []uint64
		w := &coveredWatch{host: "h", list: func() *whitelist.List { return list }, log: slog.New(slog.DiscardHandler),
			deliver: func(ctx context.Context, alerts []pipeline.Alert) error {
				if ctx.Err() != nil {
					t.Error("the last report has no time")
				}
				for _, a := range alerts {
					reported = append(reported, a.Covered.Hits)
				}
				return nil
			}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.run(ctx) }()
		cover(t, list)
		cover(t, list)
		time.Sleep(35 * time.Second) // one report: nothing changes after it
		cover(t, list)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if len(reported) != 2 || reported[0] != 2 || reported[1] != 3 {
			t.Errorf("reported hits %v, want 2, and 3 at the end", reported)
		}
	})
}

func TestAnEntryThatExpiresIsSaid(t *testing.T) {
	begun := time.Now()
	list := listOf(t, ", owner: platform, expires: "+begun.Add(5*time.Second).Format(time.RFC3339))
	var text bytes.Buffer
	w := &coveredWatch{list: func() *whitelist.List { return list }, log: slog.New(slog.NewTextHandler(&text, nil)), looked: begun}
	w.look(t.Context(), begun.Add(3*time.Second))
	if text.Len() > 0 {
		t.Errorf("log = %s, want nothing yet", &text)
	}
	w.look(t.Context(), begun.Add(13*time.Second))
	w.look(t.Context(), begun.Add(23*time.Second))
	if n := strings.Count(text.String(), "expired"); n != 1 || !strings.Contains(text.String(), "level=WARN") || !strings.Contains(text.String(), "entry=e reason=because owner=platform") {
		t.Errorf("log = %s, want one warning", &text)
	}
}

// away is a store that does not answer, until it is back.
type away struct {
	pipeline.Documents
	back bool
	gets int
}

func (a *away) Get(ctx context.Context, keys ...string) ([]pipeline.Document, error) {
	a.gets++
	if !a.back {
		return nil, errors.New("away")
	}
	return a.Documents.Get(ctx, keys...)
}

// An account whose store is away when tocsin starts begins when it is back, and has everything.
func TestAnAccountBeginsWhenItsStoreIsBack(t *testing.T) {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() // a test's own
	docs := &away{Documents: s.Documents("whitelist", 10)}
	log := slog.New(slog.DiscardHandler)
	list, book := listOf(t, ""), account.New(docs, log)
	w := &coveredWatch{host: "h", list: func() *whitelist.List { return list }, log: log, account: book, deliver: book.Add}
	cover(t, list)
	w.look(t.Context(), time.Now())
	docs.back = true
	now := time.Now()
	w.look(t.Context(), now)
	known := docs.gets
	w.look(t.Context(), now.Add(coveredPause))
	if docs.gets != known {
		t.Error("the store is asked although nothing has changed")
	}
	usage, err := account.New(docs, log).Usage(t.Context(), list.Usage(now), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	if e := usage.Entries[0]; e.Hits != 1 || !e.Since.Equal(now) {
		t.Errorf("usage = %+v, want one hit, known since %v", e, now)
	}
}
