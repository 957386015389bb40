package store

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations lead from one version of the schema to the next; a file's version (PRAGMA user_version) is
// how many of them it has seen. Append only.
var migrations = []string{
	// 1: groups, and alerts waiting in them. A row of pending holds what one batch brought to a group,
	// as a JSON array: a row per alert would cost a hundred times the inserts.
	`CREATE TABLE groups (
		key      TEXT PRIMARY KEY,
		receiver TEXT NOT NULL,
		labels   TEXT NOT NULL,    -- JSON object
		interval INTEGER NOT NULL, -- ns
		due      INTEGER NOT NULL, -- ns since the epoch
		told     INTEGER NOT NULL  -- 0 or 1
	) WITHOUT ROWID;
	CREATE INDEX groups_due ON groups (due);
	CREATE TABLE pending (
		id        INTEGER PRIMARY KEY,
		group_key TEXT NOT NULL,
		alerts    BLOB NOT NULL
	);
	CREATE INDEX pending_group ON pending (group_key, id);`,
	// 2: the journal of repeats, whose rows are package repeats' own. A number is never given twice: a row
	// refers to others by it.
	`CREATE TABLE repeats (
		number INTEGER PRIMARY KEY AUTOINCREMENT,
		row    BLOB NOT NULL
	);`,
	// 3: documents of several kinds, whose bodies are their owners'. Of each kind the latest are kept.
	`CREATE TABLE documents (
		id   INTEGER PRIMARY KEY,
		kind TEXT NOT NULL,
		key  TEXT NOT NULL,
		at   INTEGER NOT NULL, -- µs since the epoch
		body BLOB NOT NULL,
		UNIQUE (kind, key)
	);
	CREATE INDEX documents_at ON documents (kind, at, key);`,
}

// migrate brings the file to this build's schema.
func (s *Store) migrate(ctx context.Context) error {
	return s.inTx(ctx, "prepare the tables", func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		if version > len(migrations) {
			return fmt.Errorf("the file was written by a newer tocsin (schema %d, this build knows %d)", version, len(migrations))
		}
		for _, m := range migrations[version:] {
			if _, err := tx.ExecContext(ctx, m); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(migrations)))
		return err
	})
}
