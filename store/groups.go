package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

// lease is how long a claimed group is its claimer's. Less takes groups away from a flush that waits for a slow bus;
// more lets what a flush gave up on wait longer.
const lease = 10 * time.Second

// Groups keeps groups in the file, for one process: leases of an earlier one are void. It is safe for concurrent use.
type Groups struct {
	s       *Store
	stmt    groupStatements
	buffers sync.Pool // of *buffer

	// These are used within transactions only, of which there is one at a time.
	group, row int64 // the next id
	token      int64 // the next claim's
	woken      int64 // claims below this one were made before the latest Wake
}

// Groups returns the groups of this file.
func (s *Store) Groups() *Groups { return s.groups }

// groupStatements are prepared once, as all others. Lists go in as JSON; rows by several at a time, since running a
// statement costs more than a row.
type groupStatements struct {
	find, change, waking, next          *sql.Stmt // groups
	look, claim, noteMore               *sql.Stmt
	settle, remove                      *sql.Stmt
	list, read, trim, left              *sql.Stmt
	members, setMember, dropMember      *sql.Stmt
	dropMembers                         *sql.Stmt
	setSource, expireSources, sourcesOf *sql.Stmt
	addGroups, addRows                  inserter
}

func (st *groupStatements) prepare(ctx context.Context, db *sql.DB) error {
	for to, text := range map[**sql.Stmt]string{
		&st.find: `SELECT g.id, g.key, route, receiver, labels, at, due, ready, wish, token, more
			FROM json_each(?) JOIN route_groups g ON hash = value`,
		&st.change: `UPDATE route_groups SET route = ?, receiver = ?, labels = ?, at = ?, due = ?, wish = ? WHERE id = ?`,
		&st.waking: `UPDATE route_groups INDEXED BY route_groups_holds SET at = ?1, due = ?1 WHERE holds AND token = 0 AND at > ?1`,
		&st.next:   `SELECT min(at) FROM route_groups`,
		&st.look: `SELECT id, key, route, receiver, labels, due, state, token <> 0 FROM route_groups
			WHERE at <= ? ORDER BY at LIMIT ?`,
		&st.claim: `UPDATE route_groups SET at = ?, token = ?, wish = 0, more = 0
			WHERE id IN (SELECT value FROM json_each(?))`,
		&st.noteMore: `UPDATE route_groups SET more = 1 WHERE id = ?`,
		&st.settle: `UPDATE route_groups SET at = ?1, due = ?1, ready = ?2, wish = 0, token = 0, more = 0, holds = ?3, state = ?4
			WHERE id = ?5`,
		&st.remove: `DELETE FROM route_groups WHERE id IN (SELECT value FROM json_each(?))`,
		&st.list: `SELECT i.grp, i.id, length(i.alerts) FROM json_each(?1) JOIN inbox i ON i.id IN
			(SELECT id FROM inbox WHERE grp = value ORDER BY id LIMIT ?2) ORDER BY i.grp, i.id`,
		&st.read: `SELECT grp, id, alerts FROM inbox WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id`,
		&st.trim: `DELETE FROM inbox WHERE id IN (SELECT i.id FROM json_each(?) JOIN inbox i
			ON i.grp = value ->> 0 AND i.id <= value ->> 1)`,
		&st.left:          `SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM inbox WHERE grp = value)`,
		&st.members:       `SELECT grp, fingerprint, body FROM json_each(?) JOIN members ON grp = value`,
		&st.setMember:     `INSERT INTO members (grp, fingerprint, body) VALUES (?, ?, ?) ON CONFLICT (grp, fingerprint) DO UPDATE SET body = excluded.body`,
		&st.dropMember:    `DELETE FROM members WHERE grp = ? AND fingerprint = ?`,
		&st.dropMembers:   `DELETE FROM members WHERE grp IN (SELECT value FROM json_each(?))`,
		&st.setSource:     `INSERT OR REPLACE INTO sources (key, fingerprint, both, ends) VALUES (?, ?, ?, ?)`,
		&st.expireSources: `DELETE FROM sources WHERE ends <= ?`,
		&st.sourcesOf: `SELECT key, fingerprint, both, ends FROM sources
			WHERE key = ?1 AND both = ?2 AND ends > ?3 ORDER BY ends DESC LIMIT ?4`,
	} {
		stmt, err := db.PrepareContext(ctx, text)
		if err != nil {
			return err
		}
		*to = stmt // closed with the database
	}
	err := st.addGroups.prepare(ctx, db, "INSERT OR FAIL INTO route_groups (id, hash, key, route, receiver, labels, at, due) VALUES", 8)
	if err != nil {
		return err
	}
	return st.addRows.prepare(ctx, db, "INSERT OR FAIL INTO inbox (id, grp, alerts) VALUES", 3)
}

func (g *Groups) prepare(ctx context.Context, db *sql.DB) error { return g.stmt.prepare(ctx, db) }

// start voids the leases of the process before, and learns what ids are taken.
func (g *Groups) start(ctx context.Context) error {
	g.buffers.New = func() any { return new(buffer) }
	g.token = 1 + rand.Int64N(1<<61) // a token of another process is none of ours
	return g.s.inTx(ctx, "look through the groups", func(tx *sql.Tx) error {
		// Only what is claimed has no index; that of at has all it takes to look.
		_, err := tx.ExecContext(ctx, `UPDATE route_groups SET at = due WHERE id IN (SELECT id FROM route_groups WHERE token <> 0)`)
		if err != nil {
			return err
		}
		if err := rehash(ctx, tx); err != nil {
			return err
		}
		row := tx.QueryRowContext(ctx, `SELECT (SELECT coalesce(max(id), 0) FROM route_groups), (SELECT coalesce(max(id), 0) FROM inbox)`)
		if err := row.Scan(&g.group, &g.row); err != nil {
			return err
		}
		g.group, g.row = g.group+1, g.row+1
		return nil
	})
}

// rehash makes the hashes of groups that a migration brought along.
func rehash(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT id, key FROM route_groups WHERE hash = 0`)
	if err != nil {
		return err
	}
	defer rows.Close()
	hashes := map[int64]int64{}
	for rows.Next() {
		var id int64
		var key string
		if err := rows.Scan(&id, &key); err != nil {
			return err
		}
		hashes[id] = hashOf(key)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for id, hash := range hashes {
		if _, err := tx.ExecContext(ctx, `UPDATE route_groups SET hash = ? WHERE id = ?`, hash, id); err != nil {
			return err
		}
	}
	return nil
}

// hashOf is what a group is looked up by: an index of keys, which are long, would be read and written more. Two keys
// may share it.
func hashOf(key string) int64 {
	h := fnv.New64a()
	h.Write([]byte(key)) // cannot fail
	return int64(h.Sum64())
}

// Wake makes all groups that hold something back due now.
func (g *Groups) Wake(ctx context.Context, now time.Time) error {
	return g.s.inTx(ctx, "wake groups", func(tx *sql.Tx) error {
		g.woken = g.token
		_, err := tx.StmtContext(ctx, g.stmt.waking).ExecContext(ctx, now.UnixMicro())
		return err
	})
}

// NextDue is the earliest time at which a group is due or a lease runs out; zero: nothing is there.
func (g *Groups) NextDue(ctx context.Context) (time.Time, error) {
	var at sql.NullInt64
	if err := g.stmt.next.QueryRowContext(ctx).Scan(&at); err != nil {
		return time.Time{}, g.s.explain("look for the next due group", err)
	}
	if !at.Valid {
		return time.Time{}, nil
	}
	return time.UnixMicro(at.Int64), nil
}

// Due tells when groups are due.
func (g *Groups) Due(ctx context.Context, keys []string) (due map[string]time.Time, err error) {
	err = g.s.inTx(ctx, "look up groups", func(tx *sql.Tx) error {
		there, err := g.lookUp(ctx, tx, keys)
		if err != nil {
			return err
		}
		due = make(map[string]time.Time, len(there))
		for _, key := range keys {
			if f, ok := there[key]; ok {
				due[key] = time.UnixMicro(f.due)
			}
		}
		return nil
	})
	return due, err
}

// found is what is there of a group that is looked up.
type found struct {
	id                          int64
	route, receiver, labels     string
	at, due, ready, wish, token int64
	more                        bool
}

// lookUp finds groups by their keys, and maybe others.
func (g *Groups) lookUp(ctx context.Context, tx *sql.Tx, keys []string) (map[string]*found, error) {
	hashes := make([]int64, len(keys))
	for i, key := range keys {
		hashes[i] = hashOf(key)
	}
	list, err := json.Marshal(hashes)
	if err != nil {
		return nil, err
	}
	rows, err := tx.StmtContext(ctx, g.stmt.find).QueryContext(ctx, string(list))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	there := make(map[string]*found, len(keys))
	for rows.Next() {
		var key string
		var f found
		if err := rows.Scan(&f.id, &key, &f.route, &f.receiver, &f.labels, &f.at, &f.due, &f.ready, &f.wish, &f.token, &f.more); err != nil {
			return nil, err
		}
		there[key] = &f
	}
	return there, rows.Err()
}
