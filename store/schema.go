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
	// 4: groups that can be claimed, and what inhibits. Times are µs since the epoch. Alerts that waited come along,
	// with their groups; a group where none did has nothing to tell. The hash is that of the next build to open
	// the file: SQLite cannot make it.
	`CREATE TABLE route_groups (
		id       INTEGER PRIMARY KEY,
		hash     INTEGER NOT NULL,           -- of key; see hashOf
		key      TEXT NOT NULL,
		route    TEXT NOT NULL,
		receiver TEXT NOT NULL,
		labels   TEXT NOT NULL,              -- JSON object
		at       INTEGER NOT NULL,           -- when it can be claimed: when it is due, or its lease ends
		due      INTEGER NOT NULL,           -- when it is due, or was when it was claimed
		ready    INTEGER NOT NULL DEFAULT 0, -- 0: at any time
		wish     INTEGER NOT NULL DEFAULT 0, -- when alerts that came since it was claimed are due; 0: none came
		token    INTEGER NOT NULL DEFAULT 0, -- of the claim; 0: it is not claimed
		more     INTEGER NOT NULL DEFAULT 0, -- 1: the claim did not have all that was there
		holds    INTEGER NOT NULL DEFAULT 0, -- 1: Wake makes it due
		state    BLOB
	);
	CREATE INDEX route_groups_hash ON route_groups (hash);
	CREATE INDEX route_groups_at ON route_groups (at, token);
	CREATE INDEX route_groups_holds ON route_groups (id) WHERE holds;
	CREATE TABLE inbox (
		id     INTEGER PRIMARY KEY,
		grp    INTEGER NOT NULL,
		alerts BLOB NOT NULL -- JSON array: what a batch brought to a group
	);
	CREATE INDEX inbox_group ON inbox (grp);
	CREATE TABLE members (
		id          INTEGER PRIMARY KEY,
		grp         INTEGER NOT NULL,
		fingerprint INTEGER NOT NULL,
		body        BLOB NOT NULL
	);
	CREATE UNIQUE INDEX members_group ON members (grp, fingerprint);
	CREATE TABLE sources (
		key         TEXT NOT NULL,
		fingerprint INTEGER NOT NULL,
		both        INTEGER NOT NULL, -- 0 or 1
		ends        INTEGER NOT NULL,
		PRIMARY KEY (key, fingerprint)
	) WITHOUT ROWID;
	CREATE INDEX sources_longest ON sources (key, both, ends);
	CREATE INDEX sources_ends ON sources (ends);
	INSERT INTO route_groups (hash, key, route, receiver, labels, at, due)
		SELECT 0, key, '', receiver, labels, due / 1000, due / 1000 FROM groups
		WHERE key IN (SELECT group_key FROM pending) ORDER BY due;
	INSERT INTO inbox (id, grp, alerts)
		SELECT p.id, g.id, p.alerts FROM pending p JOIN route_groups g ON g.key = p.group_key ORDER BY p.id;
	DROP TABLE pending;
	DROP TABLE groups;`,
	// 5: groups and repeats have journals of their own.
	`DROP TABLE repeats;
	DROP TABLE route_groups;
	DROP TABLE inbox;
	DROP TABLE members;
	DROP TABLE sources;`,
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
