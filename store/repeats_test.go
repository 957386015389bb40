package store_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats/repeatstest"
	"github.com/tocsin-security/tocsin/store"
)

var _ repeats.Journal = store.Repeats{}

func appendRow(t *testing.T, s *store.Store, row string, remove ...int64) int64 {
	t.Helper()
	n, err := s.Repeats().Append(t.Context(), []byte(row), remove)
	if err != nil {
		t.Fatalf("Append(%q): %v", row, err)
	}
	return n
}

func rows(t *testing.T, s *store.Store) (all []string) {
	t.Helper()
	err := s.Repeats().Each(t.Context(), func(n int64, row []byte) { all = append(all, fmt.Sprint(n, " ", string(row))) })
	if err != nil {
		t.Fatalf("Each: %v", err)
	}
	return all
}

func TestJournalOfRepeats(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	s := open(t, path)
	a, b := appendRow(t, s, "a"), appendRow(t, s, "b")
	c := appendRow(t, s, "c", a, b)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if row, err := s.Repeats().Row(t.Context(), c); err != nil || string(row) != "c" {
		t.Errorf("Row(%d) = %q, %v, want c", c, row, err)
	}
	appendRow(t, s, "d", c)
	appendRow(t, s, "e", 4)
	if diff := cmp.Diff([]string{"5 e"}, rows(t, s)); diff != "" {
		t.Errorf("rows, no number being given twice (-want +got):\n%s", diff)
	}
	if _, err := s.Repeats().Row(t.Context(), 99); err == nil || !strings.Contains(err.Error(), "tocsin.db") {
		t.Errorf("Row of what is not there: %v, want an error with the file's name", err)
	}
}

// A Memory over the file does what any does, and a restart changes nothing.
func TestMemoryOverTheStore(t *testing.T) {
	dir, n := t.TempDir(), 0
	var s *store.Store
	over := func(t *testing.T) repeats.Engine {
		return repeats.OpenMemory(t.Context(), 0, s.Repeats(), slog.New(slog.DiscardHandler))
	}
	repeatstest.Run(t, func(t *testing.T) repeats.Engine {
		n++
		s = open(t, filepath.Join(dir, fmt.Sprint(n)))
		return over(t)
	})
}

// A full disk costs what a kill would then forget, and no alert.
func TestRepeatsOnAFullDisk(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tocsin.db"))
	if err := s.LimitPages(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	m := repeats.OpenMemory(t.Context(), 0, s.Repeats(), slog.New(slog.DiscardHandler))
	for i := range 200 {
		h := pipeline.Hit{Key: fmt.Sprint(i), ID: "a", At: time.Now(), For: time.Minute, Alert: &pipeline.Alert{Rule: strings.Repeat("r", 1000)}}
		seen, err := m.Observe(t.Context(), []pipeline.Hit{h})
		if err != nil || !seen[0].First {
			t.Fatalf("Observe on a full disk = %v, %v, want the alert to pass", seen, err)
		}
	}
	if m.JournalErrors() == 0 {
		t.Error("JournalErrors() = 0, want the full disk counted: the test fills nothing")
	}
}
