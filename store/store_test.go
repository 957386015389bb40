package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/route"
	"github.com/tocsin-security/tocsin/store"
)

var _ route.Store = (*store.Store)(nil)

var t0 = time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)

func open(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatalf("Open(%s): %v", path, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func group(key string, due time.Duration, ids ...string) pipeline.Pending {
	p := pipeline.Pending{Group: pipeline.Group{
		Key: key, Receiver: "ops", Labels: map[string]string{"rule": "终端 \"Shell\""}, Interval: time.Minute, Due: t0.Add(due),
	}}
	for _, id := range ids {
		p.Alerts = append(p.Alerts, pipeline.Alert{ID: id, Time: t0, Count: 1})
	}
	return p
}

func put(t *testing.T, s *store.Store, groups ...pipeline.Pending) time.Time {
	t.Helper()
	next, err := s.Put(t.Context(), groups)
	if err != nil {
		t.Fatalf("Put: %v", err)
	}
	return next
}

func due(t *testing.T, s *store.Store, now time.Duration) []pipeline.Pending {
	t.Helper()
	groups, err := s.Due(t.Context(), t0.Add(now), 100)
	if err != nil {
		t.Fatalf("Due: %v", err)
	}
	return groups
}

// show is what a test compares: key, ids of the alerts, told, more.
func show(groups []pipeline.Pending) string {
	var all []string
	for _, g := range groups {
		var ids []string
		for _, a := range g.Alerts {
			ids = append(ids, a.ID)
		}
		all = append(all, fmt.Sprintf("%s%v told=%v", g.Key, ids, g.Told))
	}
	return strings.Join(all, " ")
}

func TestGroupsWaitAndAreFlushed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "tocsin.db")
	s := open(t, path)
	if next := put(t, s, group("a", time.Minute, "1", "2"), group("b", time.Second, "3")); !next.Equal(t0.Add(time.Second)) {
		t.Errorf("Put returned %s, want the earliest due, 10:00:01", next)
	}
	later := group("a", time.Hour, "4")
	later.Receiver, later.Interval = "oncall", 2*time.Minute
	if next := put(t, s, later); !next.Equal(t0.Add(time.Minute)) {
		t.Errorf("Put to a group that is there returned %s, want its own due, 10:01", next)
	}
	if got := show(due(t, s, 0)); got != "" {
		t.Errorf("due at 10:00: %s, want nothing", got)
	}
	if err := s.Close(); err != nil { // a restart
		t.Fatal(err)
	}
	s = open(t, path)
	all := due(t, s, time.Minute)
	if got, want := show(all), "b[3] told=false a[1 2 4] told=false"; got != want {
		t.Fatalf("due at 10:01: %s, want %s", got, want)
	}
	want := group("a", time.Minute).Group
	want.Receiver, want.Interval = "oncall", 2*time.Minute
	if diff := cmp.Diff(want, all[1].Group, cmp.Transformer("utc", time.Time.UTC)); diff != "" {
		t.Errorf("group a (-want +got):\n%s", diff)
	}

	put(t, s, group("a", 0, "5")) // comes while the others are published
	for i := range all {
		all[i].Due, all[i].Told = t0.Add(2*time.Minute), true
	}
	if err := s.Flushed(t.Context(), all); err != nil {
		t.Fatalf("Flushed: %v", err)
	}
	all = due(t, s, 2*time.Minute)
	if got := show(all); got != "a[5] told=true b[] told=true" && got != "b[] told=true a[5] told=true" {
		t.Fatalf("due at 10:02: %s, want a with 5 and b with nothing, both told", got)
	}
}

// What is left of a group's rows may be nothing that is told: completions of alerts that were told before.
func TestGroupWhoseRowsHaveNothingNewGoes(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tocsin.db"))
	put(t, s, group("a", 0, "1"))
	all := due(t, s, 0)
	all[0].Alerts = nil // as merging leaves it
	if err := s.Flushed(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if there, err := s.Groups(t.Context(), []string{"a"}); err != nil || there["a"] {
		t.Errorf("Groups = %v, %v, want none", there, err)
	}
	put(t, s, group("a", 0, "2"))
	all = due(t, s, 0)
	put(t, s, group("a", 0, "3")) // comes while it is looked through
	all[0].Alerts = nil
	if err := s.Flushed(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if got, want := show(due(t, s, 0)), "a[3] told=false"; got != want {
		t.Errorf("due: %s, want %s", got, want)
	}
}

func TestGroupWithNothingNewGoes(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tocsin.db"))
	put(t, s, group("idle", 0), group("revived", 0))
	all := due(t, s, 0)
	put(t, s, group("revived", 0, "1")) // comes between reading and noting
	if err := s.Flushed(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	there, err := s.Groups(t.Context(), []string{"idle", "revived", "never"})
	if err != nil || !cmp.Equal(there, map[string]bool{"revived": true}) {
		t.Errorf("Groups = %v, %v, want only revived", there, err)
	}
	if got := show(due(t, s, 0)); got != "revived[1] told=false" {
		t.Errorf("due: %s, want revived, still due, with its alert", got)
	}
}

func TestNextDue(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tocsin.db"))
	if next, err := s.NextDue(t.Context()); err != nil || !next.IsZero() {
		t.Errorf("NextDue of nothing = %s, %v, want zero", next, err)
	}
	put(t, s, group("a", time.Hour), group("b", time.Minute))
	if next, err := s.NextDue(t.Context()); err != nil || !next.Equal(t0.Add(time.Minute)) {
		t.Errorf("NextDue = %s, %v, want 10:01", next, err)
	}
}

// A group that has gathered for long is read in parts.
func TestDueIsBounded(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tocsin.db"))
	const batches = 150
	for i := range batches {
		put(t, s, group("a", 0, fmt.Sprint(i)))
	}
	total := 0
	for range batches {
		all := due(t, s, 0)
		total += len(all[0].Alerts)
		if len(all[0].Alerts) > 64 {
			t.Fatalf("%d batches read at once, want at most 64", len(all[0].Alerts))
		}
		if err := s.Flushed(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		if !all[0].More {
			break
		}
	}
	if total != batches {
		t.Errorf("%d alerts in all parts, want %d", total, batches)
	}
}

func TestOpenErrorsAreForPeople(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, path string)
		want    string
	}{
		"a file that is no database": {func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 500)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "the file is not a database: move it away"},
		"a file of a newer build": {func(t *testing.T, path string) {
			raw(t, path, "PRAGMA user_version = 99")
		}, "written by a newer tocsin (schema 99"},
		"a folder in the place of the file": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "open the store"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tocsin.db")
			tc.prepare(t, path)
			s, err := store.Open(t.Context(), path)
			if err == nil {
				s.Close()
				t.Fatal("Open succeeded")
			}
			if !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "tocsin.db") {
				t.Errorf("Open: %v, want %q and the file's name", err, tc.want)
			}
		})
	}
}

func TestFullDiskSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	s := open(t, path)
	if err := s.LimitPages(t.Context(), 20); err != nil { // SQLite answers a full disk and a full file alike
		t.Fatal(err)
	}
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		_, err = s.Put(t.Context(), []pipeline.Pending{group(fmt.Sprint("group ", i), 0, "1", "2", "3")})
	}
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Fatalf("Put: %v, want it to say that the disk is full", err)
	}
	if _, err := s.NextDue(t.Context()); err != nil {
		t.Errorf("NextDue afterwards: %v, want the store to go on", err)
	}
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	put(t, open(t, path), group("a", 0, "1"))
	for _, p := range []string{path, path + "-wal"} {
		info, err := os.Stat(p)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("Stat(%s) = %v, %v, want mode 0600: alerts hold command lines", p, info.Mode(), err)
		}
	}
}

// raw runs a statement on the file behind the store's back.
func raw(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}
