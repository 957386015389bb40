package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// A file that is none of ours is moved away, and a new one begun.
func TestDamagedFileIsMovedAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := OpenFile(t.Context(), DefaultConfig(), path, resolve, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{event("1", "a", t0)}, nil))
	if k, err := h.Get(t.Context(), event("", "a", t0).Fingerprint); err != nil || k == nil {
		t.Errorf("Get from the new file: %v, %v", k, err)
	}
	if old, err := os.ReadFile(path + ".damaged"); err != nil || !strings.HasPrefix(string(old), "this is no") {
		t.Errorf("the old file: %v", err)
	}
}

// Where no file can be opened, alerts go on: what is written is dropped, what is asked is an error that says so.
func TestHistoryThatIsOff(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "history.db")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	h, err := OpenFile(t.Context(), DefaultConfig(), folder, resolve, quiet())
	if err == nil || h == nil {
		t.Fatalf("OpenFile of a folder = %v, %v, want a history that is off and the error", h, err)
	}
	if err := h.Record(t.Context(), t0, []pipeline.Alert{event("1", "a", t0)}, nil); err != nil {
		t.Errorf("Record: %v", err)
	}
	h.Note(pipeline.Step{})
	h.Attempt(pipeline.Notification{}, 1, "sent", "", 0)
	if _, err := h.Live(t.Context(), t0); !errors.Is(err, ErrOff) {
		t.Errorf("Live: %v, want ErrOff", err)
	}
	if _, err := h.Search(t.Context(), pipeline.HistoryQuery{}); !errors.Is(err, ErrOff) {
		t.Errorf("Search: %v, want ErrOff", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := errors.Join(h.Run(ctx), h.Close()); err != nil {
		t.Error(err)
	}
}

// What cannot be written is counted, and alerts wait until it can.
func TestWritesThatFailAreCounted(t *testing.T) {
	h := openTestFile(t, DefaultConfig())
	f := h.engine.(*file)
	if _, err := f.db.Exec("ALTER TABLE occurrences RENAME TO gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.db.Exec("ALTER TABLE steps RENAME TO gone_too"); err != nil {
		t.Fatal(err)
	}
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{event("1", "a", t0)}, nil))
	if h.catchUp(t.Context()); h.Errors() != 1 {
		t.Errorf("%d errors, want one", h.Errors())
	}
	if lines := h.write(t.Context(), []line{{}, {}}); len(lines) != 0 || h.Errors() != 2 || h.LostSteps() != 2 {
		t.Errorf("%d lines wait, %d errors, %d steps lost; want 0, 2, 2", len(lines), h.Errors(), h.LostSteps())
	}
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{event("2", "b", t0)}, nil))
	if _, err := f.db.Exec("ALTER TABLE gone RENAME TO occurrences"); err != nil {
		t.Fatal(err)
	}
	if live, err := h.Live(t.Context(), t0); err != nil || len(live) != 2 {
		t.Errorf("Live after the disk is well again: %v, %v, want both alerts", live, err)
	}
}

// Note does not block when nobody writes: what is too much is lost, and counted.
func TestTooManySteps(t *testing.T) {
	h := openTestFile(t, DefaultConfig())
	for range queueLen + 10 {
		h.Note(pipeline.Step{Verdict: "passed"}, pipeline.Step{Verdict: "notified"})
	}
	if h.LostSteps() != 20 {
		t.Errorf("%d steps lost, want 20", h.LostSteps())
	}
}

// What was recorded is there after a restart, and goes on.
func TestFileOutlivesItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	for n := range 3 {
		h, err := OpenFile(t.Context(), DefaultConfig(), path, resolve, quiet())
		if err != nil {
			t.Fatal(err)
		}
		must(t, h.Record(t.Context(), t0, []pipeline.Alert{event(fmt.Sprint(n), "a", t0)}, nil))
		k, err := h.Get(t.Context(), event("", "a", t0).Fingerprint)
		if err != nil || k.Occurrences != uint64(n+1) {
			t.Errorf("in process %d: %+v, %v", n, k, err)
		}
		must(t, h.Close())
	}
}

// Routers that keep the same alerts at once lose nothing of each other's.
func TestRedisForSeveralRouters(t *testing.T) {
	server := redistest.Start(t)
	open := openTestRedis(server.URL(), func() {})
	const routers, batches = 4, 20
	var all sync.WaitGroup
	for r := range routers {
		h := open(t, DefaultConfig())
		all.Go(func() {
			for b := range batches {
				at := t0.Add(time.Duration(b) * time.Second)
				passed := []pipeline.Alert{event(fmt.Sprintf("p%d-%d", r, b), "a", at), event(fmt.Sprintf("q%d-%d", r, b), "b", at)}
				if err := h.Record(context.Background(), at, passed, []pipeline.Alert{event(fmt.Sprintf("r%d-%d", r, b), "a", at)}); err != nil {
					t.Errorf("Record: %v", err)
				}
			}
		})
	}
	all.Wait()
	h := open(t, DefaultConfig())
	for what, want := range map[string]uint64{"a": 2 * routers * batches, "b": routers * batches} {
		k, err := h.Get(t.Context(), event("", what, t0).Fingerprint)
		if err != nil || k.Occurrences != want {
			t.Errorf("%s: %+v, %v, want %d occurrences", what, k, err, want)
		}
	}
	page, err := h.Search(t.Context(), pipeline.HistoryQuery{Limit: 1000})
	if err != nil || len(page.Occurrences) != 2*routers*batches {
		t.Errorf("Search finds %d, %v", len(page.Occurrences), err)
	}
}

// A store that is away is an error at once, and history goes on when it is back.
func TestRedisThatIsAway(t *testing.T) {
	server := redistest.Start(t)
	store, err := shared.Open(t.Context(), server.URL()+"?timeout=20s", Scripts(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	opened := OpenShared(store, DefaultConfig(), resolve, quiet())
	server.Stop()
	if err := opened.Record(t.Context(), t0, []pipeline.Alert{event("1", "a", t0)}, nil); err == nil || opened.Errors() != 1 {
		t.Errorf("Record = %v with %d errors, want one", err, opened.Errors())
	}
	server.Start()
	redistest.Eventually(t, "the store is back", func() bool {
		return opened.Record(t.Context(), t0, []pipeline.Alert{event("1", "a", t0)}, nil) == nil
	})
}
