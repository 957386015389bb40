package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
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

// Groups tells which of the keys name a group that is there.
func (s *Store) Groups(ctx context.Context, keys []string) (map[string]bool, error) {
	there := make(map[string]bool, len(keys))
	err := s.inTx(ctx, "look up groups", func(tx *sql.Tx) error {
		find, err := tx.PrepareContext(ctx, "SELECT 1 FROM groups WHERE key = ?")
		if err != nil {
			return err
		}
		defer find.Close()
		for _, key := range keys {
			var one int
			switch err := find.QueryRowContext(ctx, key).Scan(&one); {
			case err == nil:
				there[key] = true
			case !errors.Is(err, sql.ErrNoRows):
				return err
			}
		}
		return nil
	})
	return there, err
}

// Put adds alerts to groups. A group that is not there is made as given; one that is keeps its Due and
// Told and takes over receiver, labels and interval. It returns the earliest Due of these groups.
func (s *Store) Put(ctx context.Context, groups []pipeline.Pending) (next time.Time, err error) {
	err = s.inTx(ctx, "store alerts", func(tx *sql.Tx) error {
		upsert, err := tx.PrepareContext(ctx, `
			INSERT INTO groups (key, receiver, labels, interval, due, told) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (key) DO UPDATE SET
				receiver = excluded.receiver, labels = excluded.labels, interval = excluded.interval
			RETURNING due`)
		if err != nil {
			return err
		}
		defer upsert.Close()
		insert, err := tx.PrepareContext(ctx, "INSERT INTO pending (group_key, alerts) VALUES (?, ?)")
		if err != nil {
			return err
		}
		defer insert.Close()
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
		rows, err := tx.QueryContext(ctx, `SELECT key, receiver, labels, interval, due, told FROM groups
			WHERE due <= ? ORDER BY due LIMIT ?`, now.UnixNano(), limit)
		if err != nil {
			return err
		}
		if due, err = scanGroups(rows); err != nil {
			return err
		}
		for i := range due {
			if err := readPending(ctx, tx, &due[i]); err != nil {
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
func readPending(ctx context.Context, tx *sql.Tx, g *pipeline.Pending) error {
	rows, err := tx.QueryContext(ctx, "SELECT id, alerts FROM pending WHERE group_key = ? ORDER BY id LIMIT ?", g.Key, maxRows+1)
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
		for i := range groups {
			if err := flushed(ctx, tx, &groups[i]); err != nil {
				return fmt.Errorf("group %s: %w", groups[i].Key, err)
			}
		}
		return nil
	})
}

func flushed(ctx context.Context, tx *sql.Tx, g *pipeline.Pending) error {
	if g.Upto == 0 {
		// If alerts have come meanwhile it stays, and stays due.
		_, err := tx.ExecContext(ctx, `DELETE FROM groups WHERE key = ?1
			AND NOT EXISTS (SELECT 1 FROM pending WHERE group_key = ?1)`, g.Key)
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM pending WHERE group_key = ? AND id <= ?", g.Key, g.Upto); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "UPDATE groups SET due = ?, told = ? WHERE key = ?", g.Due.UnixNano(), g.Told, g.Key)
	return err
}

// NextDue is the earliest Due of all groups; zero when there is none.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	var ns sql.NullInt64
	if err := s.db.QueryRowContext(ctx, "SELECT min(due) FROM groups").Scan(&ns); err != nil {
		return time.Time{}, s.explain("look for the next due group", err)
	}
	if !ns.Valid {
		return time.Time{}, nil
	}
	return time.Unix(0, ns.Int64), nil
}
