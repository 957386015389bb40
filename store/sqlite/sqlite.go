// Package sqlite opens files of SQLite's the way all of ours are kept: made for their owner alone, with a write-ahead log
// that kill -9 loses nothing of and that is synced at checkpoints, which are whoever opened the file's to make. It knows
// nothing of what is in them.
package sqlite

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver
)

// written are the options of connections that write, beside those of the file itself. A transaction takes the lock at its
// begin, since SQLite has one writer; it writes the log back itself only where nobody has for 16,384 pages.
const written = "_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=temp_store(MEMORY)" +
	"&_pragma=wal_autocheckpoint(16384)&_pragma=journal_size_limit(16777216)&_pragma=cache_size(-4096)"

// Make makes a file (0600) and its folder (0700) where they are not there. SQLite would make the file readable for all; its
// logs take over its mode.
func Make(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// Writer opens a file that is there with one connection. Pragmas, as "page_size(8192)", are for a file that is new.
func Writer(path string, pragmas ...string) (*sql.DB, error) {
	var of strings.Builder
	for _, p := range pragmas { // before the log is: it cannot be changed then
		of.WriteString("_pragma=" + p + "&")
	}
	return open(path, of.String()+written, 1)
}

// Readers opens a file that is there for n questions at once.
func Readers(path string, n int) (*sql.DB, error) { return open(path, "_pragma=query_only(1)", n) }

func open(path, options string, connections int) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: abs, RawQuery: "_pragma=busy_timeout(5000)&" + options}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	return db, nil
}
