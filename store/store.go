// Package store is the embedded state: one SQLite file in the data folder. It keeps documents: silences, deployments,
// findings, accounts of exceptions. It decides nothing; the stages declare what they need of it. Groups and repeats,
// which change with every alert, are in journals (store/groups, store/journal).
//
// Every method is one transaction. Transactions are in the file's write-ahead log when they return, so
// that kill -9 loses none; the log is synced to the device at checkpoints only, so that a power cut can
// lose the last ones (never tear them).
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tocsin-security/tocsin/store/sqlite"
)

// Store is an open database. It is safe for concurrent use; there is one connection, since SQLite has
// one writer anyway and all that happens here writes. Run has to run beside.
type Store struct {
	path    string
	db      *sql.DB
	aside   *sql.DB     // Run's
	written atomic.Bool // since Run looked
}

// Open opens the file at path, making it and its folder (0700) if needed.
func Open(ctx context.Context, path string) (*Store, error) {
	if err := sqlite.Make(path); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	db, err := sqlite.Writer(path)
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", path, err)
	}
	s := &Store{path: path, db: db}
	if s.aside, err = sqlite.Writer(path); err != nil {
		return nil, errors.Join(fmt.Errorf("open the store %s: %w", path, err), db.Close())
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.explain("close", errors.Join(s.aside.Close(), s.db.Close())) }

// inTx runs f in a transaction.
func (s *Store) inTx(ctx context.Context, doing string, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.explain(doing, err)
	}
	returned := false
	defer func() {
		if !returned { // f panicked: the one connection must not stay in its transaction
			_ = tx.Rollback()
		}
	}()
	err = f(tx)
	returned = true
	if err != nil {
		return errors.Join(s.explain(doing, err), s.explain("undo: "+doing, tx.Rollback()))
	}
	s.written.Store(true)
	return s.explain(doing, tx.Commit())
}

// hints say in the operator's words what SQLite's result codes mean.
var hints = map[int]string{
	sqlite3.SQLITE_FULL:     "the disk is full",
	sqlite3.SQLITE_BUSY:     "another process holds the file: give each tocsin its own data_dir",
	sqlite3.SQLITE_CORRUPT:  "the file is damaged: move it away to start with an empty one; alerts waiting in it are lost",
	sqlite3.SQLITE_NOTADB:   "the file is not a database: move it away to start with an empty one",
	sqlite3.SQLITE_READONLY: "the file or its folder is read-only",
	sqlite3.SQLITE_CANTOPEN: "the file cannot be opened: check the folder's rights",
	sqlite3.SQLITE_IOERR:    "the disk reports an error",
}

// explain wraps an error with what was being done and, where there is one, a hint. nil stays nil.
func (s *Store) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	var code *driver.Error
	if errors.As(err, &code) {
		// The low byte is the primary code, the rest details of it.
		if hint := hints[code.Code()&0xff]; hint != "" {
			return fmt.Errorf("store %s: %s: %s: %w", s.path, doing, hint, err)
		}
	}
	return fmt.Errorf("store %s: %s: %w", s.path, doing, err)
}
