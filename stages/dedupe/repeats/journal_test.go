package repeats_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats/repeatstest"
)

// memJournal is a Journal in memory.
type memJournal struct {
	rows map[int64][]byte
	last int64
	fail error
}

func newJournal() *memJournal { return &memJournal{rows: map[int64][]byte{}} }

func (j *memJournal) Append(_ context.Context, row []byte, remove []int64) (int64, error) {
	if j.fail != nil {
		return 0, j.fail
	}
	j.last++
	j.rows[j.last] = append([]byte(nil), row...)
	for _, n := range remove {
		if j.rows[n] == nil {
			return 0, fmt.Errorf("row %d is removed twice", n)
		}
		delete(j.rows, n)
	}
	return j.last, nil
}

func (j *memJournal) Each(_ context.Context, f func(int64, []byte)) error {
	for n := int64(1); n <= j.last; n++ {
		if row := j.rows[n]; row != nil {
			f(n, row)
		}
	}
	return j.fail
}

func (j *memJournal) Row(_ context.Context, n int64) ([]byte, error) { return j.rows[n], j.fail }

func (j *memJournal) bytes() (n int) {
	for _, row := range j.rows {
		n += len(row)
	}
	return n
}

func openMemory(t *testing.T, j repeats.Journal) *repeats.Memory {
	return repeats.OpenMemory(t.Context(), 0, j, slog.New(slog.DiscardHandler))
}

// With a journal a Memory does what it does without, and a restart at any moment changes nothing.
func TestMemoryWithJournal(t *testing.T) {
	repeatstest.Run(t, func(t *testing.T) repeats.Engine { return openMemory(t, newJournal()) })
	var j *memJournal
	repeatstest.RunRestarts(t, func(t *testing.T) repeats.Engine {
		j = newJournal()
		return openMemory(t, j)
	}, func(t *testing.T, _ repeats.Engine) repeats.Engine { return openMemory(t, j) })
}

func loudHit(key, id string, at time.Time) pipeline.Hit {
	return pipeline.Hit{Key: key, ID: id, At: at, For: time.Minute, Alert: &pipeline.Alert{Rule: strings.Repeat("r", 500)}}
}

// The journal holds about what is alive, whatever was: some keys live on beside many that come and go.
func TestJournalIsCleaned(t *testing.T) {
	j := newJournal()
	w := openMemory(t, j)
	now := time.Now()
	most := 0
	for batch := range 400 {
		var hits []pipeline.Hit
		for i := range 100 {
			hits = append(hits, loudHit(fmt.Sprint("k", batch, "-", i), "id", now))
		}
		long := loudHit(fmt.Sprint("long", batch%50), fmt.Sprint(batch), now)
		long.For = 24 * time.Hour
		observe(t, w, append(hits, long))
		now = now.Add(time.Minute)
		most = max(most, j.bytes())
	}
	// 10,000 short-lived at a time would be far more than the 200 or so that are alive at a time.
	if limit := 6 << 20; most > limit || len(j.rows) > 150 {
		t.Errorf("the journal has %d rows and had up to %d bytes, want at most 150 and %d: 400 batches are 25 MB", len(j.rows), most, limit)
	}
	again := openMemory(t, j)
	for i := range 50 {
		if seen := observe(t, again, []pipeline.Hit{loudHit(fmt.Sprint("long", i), "x", now)}); seen[0].First {
			t.Errorf("long%d is first after a restart, want it known", i)
		}
	}
	ended, err := again.Ended(t.Context(), now.Add(48*time.Hour), 1000)
	if err != nil || len(ended) != 50 {
		t.Fatalf("Ended = %d episodes, %v, want 50, each with its alert", len(ended), err)
	}
	for _, e := range ended {
		if len(e.Alert.Rule) != 500 {
			t.Errorf("%s is to be summed up with %+v, want the alert that opened it", e.Key, e.Alert)
		}
	}
}

// A journal that cannot be written holds nothing back, and has all of it once it can.
func TestJournalThatFails(t *testing.T) {
	j := newJournal()
	w, now := openMemory(t, j), time.Now()
	j.fail = errors.New("the disk is full")
	if seen := observe(t, w, []pipeline.Hit{loudHit("k", "a", now), loudHit("k", "b", now)}); !seen[0].First || seen[1].First {
		t.Errorf("while the journal fails: %+v, want the first and a repeat", seen)
	}
	if w.JournalErrors() == 0 {
		t.Error("JournalErrors() = 0, want the failure counted")
	}
	j.fail = nil
	observe(t, w, []pipeline.Hit{loudHit("l", "a", now)})
	again := openMemory(t, j)
	if seen := observe(t, again, []pipeline.Hit{loudHit("k", "c", now)}); seen[0].First {
		t.Error("what was observed while the journal failed is not in it afterwards")
	}
	j.fail = errors.New("the disk reports an error")
	if seen := observe(t, openMemory(t, j), []pipeline.Hit{loudHit("new", "c", now)}); !seen[0].First {
		t.Error("with a journal that cannot be read an alert was held back")
	}
}

func TestJournalWithDamagedRows(t *testing.T) {
	j := newJournal()
	now := time.Now()
	w := openMemory(t, j)
	for _, key := range []string{"a", "b", "c"} {
		observe(t, w, []pipeline.Hit{loudHit(key, "id", now)})
	}
	j.rows[2] = j.rows[2][:len(j.rows[2])-1]
	again := openMemory(t, j)
	if again.JournalErrors() != 1 {
		t.Errorf("JournalErrors() = %d, want 1", again.JournalErrors())
	}
	for key, first := range map[string]bool{"a": false, "b": true, "c": false} {
		if seen := observe(t, again, []pipeline.Hit{loudHit(key, "x", now)}); seen[0].First != first {
			t.Errorf("%s: first = %v, want %v: only b's row is damaged", key, seen[0].First, first)
		}
	}
}

func TestJournalForgetsWhatIsOver(t *testing.T) {
	j := newJournal()
	observe(t, openMemory(t, j), hits(100, "old", time.Now().Add(-48*time.Hour)))
	w := openMemory(t, j)
	if n := w.Len(); n != 0 {
		t.Errorf("Len() = %d after a restart, want 0: all are over", n)
	}
	observe(t, w, hits(1, "new", time.Now()))
	if len(j.rows) != 1 {
		t.Errorf("%d rows, want 1: the other is dead", len(j.rows))
	}
}
