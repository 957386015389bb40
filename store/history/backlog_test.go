package history

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

func openAt(t *testing.T, path string) *History {
	t.Helper()
	h, err := OpenFile(t.Context(), DefaultConfig(), path, resolve, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wantOccurrences(t *testing.T, h *History, what string, want uint64) {
	t.Helper()
	k, err := h.Get(t.Context(), event("", what, t0).Fingerprint)
	if err != nil || k == nil || k.Occurrences != want {
		t.Errorf("%s: %+v, %v, want %d occurrences", what, k, err, want)
	}
}

// What was recorded when a process ended comes to the file in the next one, once.
func TestWhatWaitedIsKeptOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	h := openAt(t, path)
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{event("1", "a", t0)}, nil))
	h.catchUp(t.Context())
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{event("2", "a", t0)}, []pipeline.Alert{event("3", "a", t0)}))
	must(t, h.Close()) // nothing brought the second batch to the file
	for range 2 {
		h = openAt(t, path)
		wantOccurrences(t, h, "a", 3)
		page, err := h.Search(t.Context(), pipeline.HistoryQuery{})
		if err != nil || len(page.Occurrences) != 2 {
			t.Errorf("Search finds %d, %v, want the two that passed", len(page.Occurrences), err)
		}
		must(t, h.Close())
	}
}

// A journal's row is not brought to the file twice, even if a kill comes before the journal forgets it.
func TestAppliedRowsAreLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	h := openAt(t, path)
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{event("1", "a", t0)}, []pipeline.Alert{event("2", "a", t0)}))
	must(t, h.backlog.applySome(t.Context(), h.backlog.first(h.backlog.last()))) // and not forgotten
	must(t, h.Close())
	h = openAt(t, path)
	defer func() { must(t, h.Close()) }()
	if n := len(h.backlog.waiting); n != 0 {
		t.Errorf("%d batches wait, want none: all is in the file", n)
	}
	wantOccurrences(t, h, "a", 2)
}

// More waits than memory holds: the rest is read from the journal, in order.
func TestMoreWaitsThanMemoryHolds(t *testing.T) {
	h := openTestFile(t, DefaultConfig())
	const batches, each = 30, 200
	for b := range batches {
		var passed []pipeline.Alert
		for i := range each {
			passed = append(passed, event(fmt.Sprint(b, "-", i), fmt.Sprint(i), t0))
		}
		must(t, h.Record(t.Context(), t0, passed, nil))
	}
	last := h.backlog.waiting[batches-1]
	if h.backlog.inMemory > maxInMemory || last.batch != nil {
		t.Fatalf("%d alerts are in memory, the last among them: %v; the test tests nothing", h.backlog.inMemory, last.batch != nil)
	}
	for i := range each {
		wantOccurrences(t, h, fmt.Sprint(i), batches)
	}
	k, err := h.Get(t.Context(), event("", "7", t0).Fingerprint)
	if err != nil || k.Alert.ID != fmt.Sprint(batches-1, "-", 7) {
		t.Errorf("the latest is %q, %v", k.Alert.ID, err)
	}
	if h.backlog.alerts != 0 || h.backlog.inMemory != 0 {
		t.Errorf("%d alerts wait, %d in memory, want none", h.backlog.alerts, h.backlog.inMemory)
	}
}
