package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// What Due reads of one group at a time: enough for many messages, little enough for memory when a
// group has gathered for hours.
const (
	maxRows   = 64
	maxAlerts = 4096
)

// groupStatements are prepared once: compiling one costs more than running it.
type groupStatements struct {
	find, upsert, insert, due, read, trim, update, remove, next *sql.Stmt
}

func (g *groupStatements) prepare(ctx context.Context, db *sql.DB) error {
	for to, text := range map[**sql.Stmt]string{
		&g.find: "SELECT key FROM groups WHERE key IN (SELECT value FROM json_each(?))",
		&g.upsert: `INSERT INTO groups (key, receiver, labels, interval, due, told) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (key) DO UPDATE SET
				receiver = excluded.receiver, labels = excluded.labels, interval = excluded.interval
			RETURNING due`,
		&g.insert: "INSERT INTO pending (group_key, alerts) VALUES (?, ?)",
		&g.due: `SELECT key, receiver, labels, interval, due, told FROM groups
			WHERE due <= ? ORDER BY due LIMIT ?`,
		&g.read:   "SELECT id, alerts FROM pending WHERE group_key = ? ORDER BY id LIMIT ?",
		&g.trim:   "DELETE FROM pending WHERE group_key = ? AND id <= ?",
		&g.update: "UPDATE groups SET due = ?, told = ? WHERE key = ?",
		&g.remove: `DELETE FROM groups WHERE key = ?1
			AND NOT EXISTS (SELECT 1 FROM pending WHERE group_key = ?1)`,
		&g.next: "SELECT min(due) FROM groups",
	} {
		stmt, err := db.PrepareContext(ctx, text)
		if err != nil {
			return err
		}
		*to = stmt // closed with the database
	}
	return nil
}

// Groups tells which of the keys name a group that is there.
func (s *Store) Groups(ctx context.Context, keys []string) (map[string]bool, error) {
	const doing = "look up groups"
	list, err := json.Marshal(keys)
	if err != nil {
		return nil, s.explain(doing, err)
	}
	rows, err := s.groups.find.QueryContext(ctx, string(list))
	if err != nil {
		return nil, s.explain(doing, err)
	}
	defer rows.Close()
	there := make(map[string]bool, len(keys))
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, s.explain(doing, err)
		}
		there[key] = true
	}
	return there, s.explain(doing, rows.Err())
}

// Put adds alerts to groups. A group that is not there is made as given; one that is keeps its Due and
// Told and takes over receiver, labels and interval. It returns the earliest Due of these groups.
func (s *Store) Put(ctx context.Context, groups []pipeline.Pending) (next time.Time, err error) {
	err = s.inTx(ctx, "store alerts", func(tx *sql.Tx) error {
		upsert, insert := tx.StmtContext(ctx, s.groups.upsert), tx.StmtContext(ctx, s.groups.insert)
		for i := range groups {
			due, err := putGroup(ctx, upsert, insert, &groups[i])
			if err != nil {
				return fmt.Errorf("group %s: %w", groups[i].Key, err)
			}
			if next.IsZero() || due.Before(next) {
				next = due
			}
		}
		return nil
	})
	return next, err
}

func putGroup(ctx context.Context, upsert, insert *sql.Stmt, g *pipeline.Pending) (due time.Time, err error) {
	labels, err := json.Marshal(g.Labels)
	if err != nil {
		return due, err
	}
	var ns int64
	row := upsert.QueryRowContext(ctx, g.Key, g.Receiver, string(labels), int64(g.Interval), g.Due.UnixNano(), g.Told)
	if err := row.Scan(&ns); err != nil {
		return due, err
	}
	if len(g.Alerts) > 0 {
		alerts, err := json.Marshal(g.Alerts)
		if err != nil {
			return due, err
		}
		if _, err := insert.ExecContext(ctx, g.Key, alerts); err != nil {
			return due, err
		}
	}
	return time.Unix(0, ns), nil
}

// Due returns at most limit groups whose time has come, longest due first, with their alerts.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) (due []pipeline.Pending, err error) {
	err = s.inTx(ctx, "read due groups", func(tx *sql.Tx) error {
		rows, err := tx.StmtContext(ctx, s.groups.due).QueryContext(ctx, now.UnixNano(), limit)
		if err != nil {
			return err
		}
		if due, err = scanGroups(rows); err != nil {
			return err
		}
		read := tx.StmtContext(ctx, s.groups.read)
		for i := range due {
			if err := readPending(ctx, read, &due[i]); err != nil {
				return fmt.Errorf("group %s: %w", due[i].Key, err)
			}
		}
		return nil
	})
	return due, err
}

func scanGroups(rows *sql.Rows) (groups []pipeline.Pending, err error) {
	defer rows.Close()
	for rows.Next() {
		var g pipeline.Pending
		var labels string
		var interval, due int64
		if err := rows.Scan(&g.Key, &g.Receiver, &labels, &interval, &due, &g.Told); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(labels), &g.Labels); err != nil {
			return nil, fmt.Errorf("labels of group %s: %w", g.Key, err)
		}
		g.Interval, g.Due = time.Duration(interval), time.Unix(0, due)
		groups = append(groups, g)
	}
	return groups, rows.Err()
}

// readPending reads the group's alerts, oldest first, up to the bounds above.
func readPending(ctx context.Context, read *sql.Stmt, g *pipeline.Pending) error {
	rows, err := read.QueryContext(ctx, g.Key, maxRows+1)
	if err != nil {
		return err
	}
	defer rows.Close()
	for n := 0; rows.Next(); n++ {
		if n == maxRows || len(g.Alerts) >= maxAlerts {
			g.More = true
			break
		}
		var blob []byte
		if err := rows.Scan(&g.Upto, &blob); err != nil {
			return err
		}
		var alerts []pipeline.Alert
		if err := json.Unmarshal(blob, &alerts); err != nil {
			return fmt.Errorf("alerts in row %d: %w", g.Upto, err)
		}
		g.Alerts = append(g.Alerts, alerts...)
	}
	return rows.Err()
}

// Flushed removes the alerts up to each group's mark and sets its Due and Told. A group that was given
// without alerts and has none now is removed.
func (s *Store) Flushed(ctx context.Context, groups []pipeline.Pending) error {
	return s.inTx(ctx, "note flushed groups", func(tx *sql.Tx) error {
		trim, update := tx.StmtContext(ctx, s.groups.trim), tx.StmtContext(ctx, s.groups.update)
		remove := tx.StmtContext(ctx, s.groups.remove)
		for i := range groups {
			g := &groups[i]
			var err error
			if g.Upto != 0 {
				_, err = trim.ExecContext(ctx, g.Key, g.Upto)
			}
			switch {
			case err != nil:
			case len(g.Alerts) == 0:
				_, err = remove.ExecContext(ctx, g.Key) // if alerts have come meanwhile it stays, and stays due
			default:
				_, err = update.ExecContext(ctx, g.Due.UnixNano(), g.Told, g.Key)
			}
			if err != nil {
				return fmt.Errorf("group %s: %w", g.Key, err)
			}
		}
		return nil
	})
}

// NextDue is the earliest Due of all groups; zero when there is none.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	var ns sql.NullInt64
	if err := s.groups.next.QueryRowContext(ctx).Scan(&ns); err != nil {
		return time.Time{}, s.explain("look for the next due group", err)
	}
	if !ns.Valid {
		return time.Time{}, nil
	}
	return time.Unix(0, ns.Int64), nil
}
