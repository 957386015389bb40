package history

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// generation begins a new one, as if the one before had packed all that it may.
func generation(h *History) {
	h.catchUp(context.Background())
	h.engine.(*file).samples.packed = maxLike
	h.engine.(*file).samples.written()
}

func wantFound(t *testing.T, h *History, want int) {
	t.Helper()
	page, err := h.Search(t.Context(), pipeline.HistoryQuery{Limit: maxLimit})
	if err != nil || len(page.Occurrences) != want {
		t.Fatalf("Search finds %d, %v; want %d", len(page.Occurrences), err, want)
	}
	for _, o := range page.Occurrences {
		if o.Alert.Output != "output of "+o.Alert.Labels["pod"] {
			t.Fatalf("%s says %q", o.Alert.ID, o.Alert.Output)
		}
	}
}

// What is packed is small, and what it was whoever reads it: the process that wrote it, or the next one.
func TestAlertsArePacked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	h := openAt(t, path)
	const all = 300
	for i := range all {
		if i%100 == 0 {
			generation(h)
		}
		a := event(fmt.Sprint(i), fmt.Sprint("pod-", i), t0.Add(time.Duration(i)*time.Millisecond))
		a.Rule = "the same"
		must(t, h.Record(t.Context(), t0, []pipeline.Alert{a}, nil))
		if i%10 == 0 {
			h.catchUp(t.Context())
		}
	}
	wantFound(t, h, all)
	var rows, bytes, samples int
	must(t, h.engine.(*file).db.QueryRow("SELECT count(*), sum(length(alert)), (SELECT count(*) FROM samples) FROM occurrences").Scan(&rows, &bytes, &samples))
	if rows != all || bytes/rows > 150 || samples != 3 {
		t.Errorf("%d rows of %d bytes each, %d samples; want %d of at most 150, 3", rows, bytes/rows, samples, all)
	}
	must(t, h.Close())
	h = openAt(t, path)
	defer func() { must(t, h.Close()) }()
	wantFound(t, h, all)
}

// Samples go when nothing is packed by them any more, not before; an alert that lives on lives on without.
func TestSamplesGo(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxAge = pipeline.Duration(time.Hour)
	h := openTestFile(t, cfg)
	f := h.engine.(*file)
	forever := posted("lives", "lives", "x", pipeline.Stateful{StartsAt: t0, EndsAt: t0.Add(1000 * time.Hour), UpdatedAt: t0})
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{event("1", "a", t0), forever}, nil))
	h.catchUp(t.Context())
	generation(h)
	time.Sleep(10 * time.Millisecond) // numbers are times
	between := time.Now()
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{event("2", "b", t0), event("3", "b", t0)}, nil))
	wantFound(t, h, 4)
	count := func() (n int) {
		must(t, f.db.QueryRow("SELECT count(*) FROM samples").Scan(&n))
		return n
	}
	if count() != 3 {
		t.Fatalf("%d samples, want one of each rule in each generation", count())
	}
	trimAll(t, h, between.Add(time.Hour))
	if count() != 1 {
		t.Errorf("%d samples are left, want the one that rows need", count())
	}
	wantFound(t, h, 2)
	if live, err := h.Live(t.Context(), t0.Add(time.Hour)); err != nil || len(live) != 1 || live[0].Output != forever.Output {
		t.Errorf("live are %+v, %v", live, err)
	}
}

// What an older tocsin wrote is JSON as it is.
func TestTextsThatAreNotPacked(t *testing.T) {
	h := openTestFile(t, DefaultConfig())
	f := h.engine.(*file)
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{event("1", "a", t0)}, nil))
	h.catchUp(t.Context())
	body, err := encodeAlert(new(event("1", "a", t0)))
	must(t, err)
	if _, err := f.db.Exec("UPDATE occurrences SET alert = ?", body); err != nil {
		t.Fatal(err)
	}
	wantFound(t, h, 1)
}

// More kinds than there are samples, texts that are too long for one, and no text at all come back, too.
func TestPackAnything(t *testing.T) {
	f := openTestFile(t, DefaultConfig()).engine.(*file)
	texts := [][]byte{nil, []byte("{"), []byte(noise(100)), bytes.Repeat([]byte("long "), maxSample), []byte(noise(3 * maxSample))}
	for kind := range 2 * maxKinds {
		for _, text := range texts {
			packed := f.pack(fmt.Sprint(kind), text, t0)
			must(t, f.inTx(t.Context(), func(context.Context, *sql.Tx) error { return nil })) // brings samples to the file
			if got, err := f.samples.unpack(t.Context(), packed); err != nil || !bytes.Equal(got, text) {
				t.Fatalf("a text of %d bytes comes back as one of %d, %v", len(text), len(got), err)
			}
		}
	}
	for _, damaged := range [][]byte{{packedAlone}, {packedLike}, {packedLike, 0xff}, {packedAlone, 0xff, 0xff, 0xff}} {
		if got, err := f.samples.unpack(t.Context(), damaged); err == nil {
			t.Errorf("%v is unpacked to %v", damaged, got)
		}
	}
}
