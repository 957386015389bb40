package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// trimStep is how many rows of a table one step removes at most: some milliseconds, which what is recorded
// meanwhile may have to wait.
const trimStep = 500

// trim removes what is too old; and of the rest, while the file is too large, what is the oldest.
func (f *file) trim(ctx context.Context, now time.Time) (more bool, err error) {
	old := now.Add(-f.maxAge).UnixNano()
	err = f.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		removed, err := f.remove(ctx, tx, old, now)
		if err != nil || removed > 0 {
			more = removed > 0
			return err
		}
		large, err := f.tooLarge(ctx, tx)
		if err != nil || !large {
			return err
		}
		oldest, err := oldestStep(ctx, tx)
		if err != nil {
			return err
		}
		removed, err = f.remove(ctx, tx, oldest, now)
		more = removed > 0
		return err
	})
	if err != nil || more {
		return more, err
	}
	return f.shrink(ctx)
}

// remove removes a step of what came before a time: accounts of alerts that were over by then, occurrences, steps.
// What is live stays, with its alert.
func (f *file) remove(ctx context.Context, tx *sql.Tx, before int64, now time.Time) (removed int64, err error) {
	moved, err := f.carry(ctx, tx, before, now)
	if err != nil {
		return 0, err
	}
	over, err := f.removeAccounts(ctx, tx, min(before, now.UnixNano()))
	if err != nil {
		return 0, err
	}
	removed += over
	for _, r := range []struct {
		text   string
		before int64
	}{
		{"DELETE FROM occurrences WHERE id IN (SELECT id FROM occurrences WHERE id < ? ORDER BY id LIMIT ?)", before},
		{"DELETE FROM steps WHERE id IN (SELECT id FROM steps WHERE id < ? ORDER BY id LIMIT ?)", before},
	} {
		result, err := tx.ExecContext(ctx, r.text, r.before, trimStep)
		if err != nil {
			return removed, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return removed, err
		}
		removed += n
	}
	return removed - moved, nil
}

// removeAccounts removes those of alerts that were over before a time. If the transaction fails after all, these
// alerts begin anew.
func (f *file) removeAccounts(ctx context.Context, tx *sql.Tx, before int64) (removed int64, err error) {
	rows, err := tx.QueryContext(ctx, `DELETE FROM current WHERE id IN (SELECT id FROM current WHERE ends < ? ORDER BY ends LIMIT ?)
		RETURNING fingerprint`, before, trimStep)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	f.placesMu.Lock()
	defer f.placesMu.Unlock()
	for ; rows.Next(); removed++ {
		var fp int64
		if err := rows.Scan(&fp); err != nil {
			return 0, err
		}
		delete(f.places, pipeline.Fingerprint(fp))
	}
	return removed, rows.Err()
}

// carry gives alerts that are live, and whose row goes with the next step, a new row of their own.
func (f *file) carry(ctx context.Context, tx *sql.Tx, before int64, now time.Time) (moved int64, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT o.id, o.fingerprint FROM (SELECT id, fingerprint FROM occurrences WHERE id < ? ORDER BY id LIMIT ?) o
		JOIN current c ON c.body = o.id WHERE c.ends >= ?`, before, trimStep, now.UnixNano())
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var ids, fps []int64
	for rows.Next() {
		var id, fp int64
		if err := rows.Scan(&id, &fp); err != nil {
			return 0, err
		}
		ids, fps = append(ids, id), append(fps, fp)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return 0, err
	}
	for i, id := range ids {
		to := f.newID(now)
		_, err := tx.ExecContext(ctx, `INSERT INTO occurrences (id, at, fingerprint, kind, rule, priority, alert)
			SELECT ?, at, fingerprint, '', rule, priority, alert FROM occurrences WHERE id = ?`, to, id)
		if err != nil {
			return 0, err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE current SET body = ? WHERE fingerprint = ?", to, fps[i]); err != nil {
			return 0, err
		}
	}
	return int64(len(ids)), nil
}

// oldestStep is the time up to which one step removes of what came first.
func oldestStep(ctx context.Context, tx *sql.Tx) (before int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT coalesce(min(id), 0) + 1 FROM (
		SELECT max(id) AS id FROM (SELECT id FROM occurrences ORDER BY id LIMIT ?1)
		UNION ALL SELECT max(id) FROM (SELECT id FROM steps ORDER BY id LIMIT ?1)
		UNION ALL SELECT max(ends) FROM (SELECT ends FROM current ORDER BY ends LIMIT ?1))`, trimStep).Scan(&before)
	return before, err
}

// tooLarge reports whether what is in the file is more than may be; its free pages do not count.
func (f *file) tooLarge(ctx context.Context, tx *sql.Tx) (bool, error) {
	var used int64
	err := tx.QueryRowContext(ctx, "SELECT (p.page_count - f.freelist_count) * s.page_size FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s").Scan(&used)
	return used > f.maxSize, err
}

// vacuumPages is how many free pages one step gives back to the disk.
const vacuumPages = 256

// shrink gives free pages back while the file is larger than it may be.
func (f *file) shrink(ctx context.Context) (more bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var size, free int64
	err = f.db.QueryRowContext(ctx, "SELECT p.page_count * s.page_size, f.freelist_count FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s").Scan(&size, &free)
	if err != nil || size <= f.maxSize || free == 0 {
		return false, err
	}
	rows, err := f.db.QueryContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", vacuumPages))
	if err != nil {
		return false, err
	}
	defer rows.Close()
	for rows.Next() { // a row for each page: the work is done as they are read
	}
	return free > vacuumPages, rows.Err()
}

// settle brings the log to where its pages belong, and syncs them: aside, since a write that did it would take as
// long as the disk.
func (f *file) settle(ctx context.Context) error {
	var busy, pages, done int
	if err := f.readers.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &done); err != nil {
		return fmt.Errorf("history %s: write the log back: %w", f.path, err)
	}
	return nil
}
