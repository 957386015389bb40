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

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store"
)

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

// put keeps a document of some size.
func put(ctx context.Context, s *store.Store, key string) error {
	return s.Documents("things", 1_000_000).Put(ctx, pipeline.Document{Key: key, At: t0, Body: make([]byte, 500)})
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
		err = put(t.Context(), s, fmt.Sprint("thing ", i))
	}
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Fatalf("Put: %v, want it to say that the disk is full", err)
	}
	if _, err := s.Documents("things", 1).Get(t.Context(), "thing 0"); err != nil {
		t.Errorf("Get afterwards: %v, want the store to go on", err)
	}
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	if err := put(t.Context(), open(t, path), "a"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + "-wal"} {
		info, err := os.Stat(p)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("Stat(%s) = %v, %v, want mode 0600: findings are nobody else's business", p, info.Mode(), err)
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

func TestAPanicDoesNotKeepTheConnection(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tocsin.db"))
	func() {
		defer func() { _ = recover() }()
		_ = s.InTx(t.Context(), func(*sql.Tx) error { panic("in a transaction") })
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := put(ctx, s, "a"); err != nil {
		t.Errorf("Put after a panic: %v, want the connection free", err)
	}
}
