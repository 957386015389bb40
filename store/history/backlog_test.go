package history

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/journal"
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

// Whatever its alerts are, a batch says of accounts what it did before it was a row of the journal.
func TestBatchIsARow(t *testing.T) {
	counted, closing, firing, completing := event("1", "a", t0), event("2", "b", t0), event("3", "c", t0), event("4", "d", t0)
	counted.Count, counted.FirstSeen, counted.Priority, counted.Source = 7, t0.Add(-time.Hour), pipeline.Error, "syscall"
	closing.Closing, closing.Count = true, 3
	firing.Stateful = &pipeline.Stateful{StartsAt: t0, EndsAt: t0.Add(time.Hour), UpdatedAt: t0}
	completing.Completes = &pipeline.Completes{}
	rec := &batch{
		now: t0, resolve: time.Hour, passed: []pipeline.Alert{counted, closing, firing, completing}, repeats: []pipeline.Alert{event("5", "e", t0)},
	}
	row, err := rec.encode(nil)
	must(t, err)
	if n := alertsIn(row); n != 5 {
		t.Errorf("alertsIn = %d, want 5", n)
	}
	read, err := decodeBatch(row)
	must(t, err)
	want, got := newSeveral(), newSeveral()
	want.add(rec)
	got.add(read)
	for i := range want.of {
		for _, was := range []*state{nil, {id: "4", starts: 1, count: 1}} {
			w, g := want.decide(i, was), got.decide(i, was)
			if got.of[i] != want.of[i] || g.state != w.state || len(g.kept) != len(w.kept) || (g.alert == nil) != (w.alert == nil) {
				t.Errorf("alert %d: %+v, want %+v", i, g, w)
				continue
			}
			for j, k := range g.kept {
				checkKept(t, k, w.kept[j])
			}
		}
	}
	for i, body := range read.bodies {
		a, err := readAlert(body)
		if err != nil || a.ID != fmt.Sprint(i+1) {
			t.Errorf("body %d is of %q, %v", i, a.ID, err)
		}
	}
	for n := range len(row) {
		if _, err := decodeBatch(row[:n]); err == nil {
			t.Fatalf("a row that is cut at byte %d of %d is read", n, len(row))
		}
	}
}

func checkKept(t *testing.T, got, want kept) {
	t.Helper()
	g, w := got.alert, want.alert
	if got.kind != want.kind || g.Rule != w.Rule || g.Priority != w.Priority || kindOf(g) != kindOf(w) || !occurredAt(got).Equal(occurredAt(want)) {
		t.Errorf("kept is %q %+v, want %q %+v", got.kind, g, want.kind, w)
	}
}

// Rows that an earlier version wrote have alerts without heads.
func TestRowsOfAnEarlierVersion(t *testing.T) {
	a := event("1", "a", t0)
	body, err := encodeAlert(&a)
	must(t, err)
	row := binary.AppendVarint(binary.AppendVarint(nil, t0.UnixNano()), int64(time.Hour))
	row = journal.AppendText(binary.AppendUvarint(binary.AppendUvarint(row, 1), 0), body)
	rec, err := decodeBatch(row)
	must(t, err)
	if alertsIn(row) != 1 || !rec.now.Equal(t0) || rec.resolve != time.Hour || len(rec.passed) != 1 || rec.passed[0].ID != "1" {
		t.Errorf("%d alerts, %+v", alertsIn(row), rec)
	}
}

// A journal's row is not brought to the file twice, even if a kill comes before the journal forgets it.
func TestAppliedRowsAreLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	h := openAt(t, path)
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{event("1", "a", t0)}, []pipeline.Alert{event("2", "a", t0)}))
	must(t, h.backlog.applySome(t.Context(), h.backlog.first(h.backlog.last()), new(rowSpace))) // and not forgotten
	must(t, h.Close())
	h = openAt(t, path)
	defer func() { must(t, h.Close()) }()
	if n := len(h.backlog.waiting); n != 0 {
		t.Errorf("%d batches wait, want none: all is in the file", n)
	}
	wantOccurrences(t, h, "a", 2)
}

// What waits comes to the file in order.
func TestManyWait(t *testing.T) {
	h := openTestFile(t, DefaultConfig())
	const batches, each = 30, 200
	for b := range batches {
		var passed []pipeline.Alert
		for i := range each {
			a := event(fmt.Sprint(b, "-", i), fmt.Sprint(i), t0.Add(time.Duration(b)*time.Second))
			a.Output = strings.Repeat(a.ID+" ", 1+b*7%11*20) // rows are longer and shorter than those before
			passed = append(passed, a)
		}
		must(t, h.Record(t.Context(), t0, passed, nil))
	}
	if n := h.backlog.left(); n != batches*each {
		t.Fatalf("%d alerts wait, want all %d", n, batches*each)
	}
	for i := range each {
		wantOccurrences(t, h, fmt.Sprint(i), batches)
	}
	k, err := h.Get(t.Context(), event("", "7", t0).Fingerprint)
	if err != nil || k.Alert.ID != fmt.Sprint(batches-1, "-", 7) {
		t.Errorf("the latest is %q, %v", k.Alert.ID, err)
	}
	if n := h.backlog.left(); n != 0 {
		t.Errorf("%d alerts wait, want none", n)
	}
	page, err := h.Search(t.Context(), pipeline.HistoryQuery{Rule: "Rule 7"})
	if err != nil || len(page.Occurrences) != batches {
		t.Fatalf("%d occurrences, %v, want %d", len(page.Occurrences), err, batches)
	}
	for i, o := range page.Occurrences {
		if id := fmt.Sprint(batches-1-i, "-", 7); o.Alert.ID != id || !strings.HasPrefix(o.Alert.Output, id+" ") {
			t.Errorf("occurrence %d is %q: %.20q, want %s", i, o.Alert.ID, o.Alert.Output, id)
		}
	}
}

// While the process is busy, history waits: until it is not, or so much waits that a question would take long.
func TestHistoryLetsPass(t *testing.T) {
	h := openAt(t, filepath.Join(t.TempDir(), "history.db"))
	var busy atomic.Bool
	busy.Store(true)
	h.backlog.busy = busy.Load
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	left := func(want func(int) bool) bool {
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if want(h.backlog.left()) {
				return true
			}
		}
		return false
	}
	none := func(n int) bool { return n == 0 }
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{event("1", "a", t0)}, nil))
	time.Sleep(5 * applyAfter)
	if none(h.backlog.left()) {
		t.Error("the file was written while the process was busy")
	}
	busy.Store(false)
	if !left(none) {
		t.Error("the file was not written when the process was not busy any more")
	}
	busy.Store(true)
	const each = 1024
	for b := range maxLeft / each {
		passed := make([]pipeline.Alert, each)
		for i := range passed {
			passed[i] = event(fmt.Sprint(b, "-", i), fmt.Sprint(i%8), t0)
		}
		must(t, h.Record(t.Context(), t0, passed, nil))
	}
	if !left(none) {
		t.Errorf("%d alerts wait while the process is busy, more than %d", h.backlog.left(), maxLeft)
	}
	stop()
	must(t, <-ended)
	must(t, h.Close())
}
