package history

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// trimStep is how many rows of a table one step removes at most: some milliseconds, which what is recorded
// meanwhile may have to wait.
const trimStep = 500

// trimBlocks is how many blocks of steps one step removes at most, each of some 4,000 of these.
const trimBlocks = 4

// step is one step of removing what came before a time.
type step struct {
	before  int64                          // of occurrences and steps, when they came; of accounts, when they ended
	keep    int64                          // accounts that end no earlier stay, with their alert, whatever goes
	removed int64                          // rows
	gone    map[pipeline.Fingerprint]int64 // ids of accounts
}

// trim removes what is too old; and of the rest, while the file is too large, what is the oldest.
func (f *file) trim(ctx context.Context, now time.Time) (more bool, err error) {
	old := now.Add(-f.maxAge).UnixNano()
	s := step{before: old, keep: old, gone: map[pipeline.Fingerprint]int64{}}
	err = f.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := f.remove(ctx, tx, &s, now); err != nil || s.removed > 0 {
			return err
		}
		large, err := f.tooLarge(ctx, tx)
		if err != nil || !large {
			return err
		}
		if s.before, err = oldestStep(ctx, tx); err != nil {
			return err
		}
		s.keep = now.UnixNano() // what is live stays
		return f.remove(ctx, tx, &s, now)
	})
	if err != nil {
		return false, err
	}
	f.placesMu.Lock()
	for fp, id := range s.gone {
		if f.places[fp] == id { // it has not begun anew meanwhile
			delete(f.places, fp)
		}
	}
	f.placesMu.Unlock()
	if s.removed > 0 {
		return true, nil
	}
	return f.shrink(ctx)
}

// remove removes accounts of alerts that were over by then, occurrences, steps.
func (f *file) remove(ctx context.Context, tx *sql.Tx, s *step, now time.Time) error {
	if err := s.removeAccounts(ctx, tx); err != nil {
		return err
	}
	moved, err := f.carry(ctx, tx, s, now)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		text string
		most int
	}{
		{"DELETE FROM occurrences WHERE id IN (SELECT id FROM occurrences WHERE id < ? ORDER BY id LIMIT ?)", trimStep},
		{"DELETE FROM steps WHERE id IN (SELECT id FROM steps WHERE id < ? ORDER BY id LIMIT ?)", trimStep},
		{"DELETE FROM stepblocks WHERE id IN (SELECT id FROM stepblocks WHERE id < ? ORDER BY id LIMIT ?)", trimBlocks},
	} {
		result, err := tx.ExecContext(ctx, part.text, s.before, part.most)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		s.removed += n
	}
	s.removed -= moved
	return removeSamples(ctx, tx)
}

// removeSamples removes those of generations whose rows have all gone.
func removeSamples(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM samples WHERE generation < (SELECT max(generation) FROM samples WHERE generation <=
		(SELECT min(id) FROM (SELECT min(id) AS id FROM occurrences UNION ALL SELECT min(id) FROM steps)))`)
	return err
}

// removeAccounts removes those of alerts that were over by then.
func (s *step) removeAccounts(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `DELETE FROM current WHERE id IN (SELECT id FROM current WHERE ends < ? ORDER BY ends LIMIT ?)
		RETURNING id, fingerprint`, min(s.before, s.keep), trimStep)
	if err != nil {
		return err
	}
	defer rows.Close()
	for ; rows.Next(); s.removed++ {
		var id, fp int64
		if err := rows.Scan(&id, &fp); err != nil {
			return err
		}
		s.gone[pipeline.Fingerprint(fp)] = id
	}
	return rows.Err()
}

// carry is for accounts whose alert goes with this step: those that stay get a new row for it, the others go too, for an
// account without its alert is of no use.
func (f *file) carry(ctx context.Context, tx *sql.Tx, s *step, now time.Time) (moved int64, err error) {
	going, of, err := firstOccurrences(ctx, tx, s.before)
	if err != nil {
		return 0, err
	}
	accounts, err := f.readAccounts(ctx, tx, of, nil)
	if err != nil {
		return 0, err
	}
	for fp, a := range accounts {
		switch {
		case !going[a.body]:
		case a.ends < s.keep:
			if _, err := tx.ExecContext(ctx, "DELETE FROM current WHERE id = ?", a.id); err != nil {
				return 0, err
			}
			s.gone[fp] = a.id
		default:
			if err := f.move(ctx, tx, a, now); err != nil {
				return 0, err
			}
			moved++
		}
	}
	return moved, nil
}

// move gives an account's alert a new row.
func (f *file) move(ctx context.Context, tx *sql.Tx, a account, now time.Time) error {
	var packed []byte
	if err := tx.QueryRowContext(ctx, "SELECT alert FROM occurrences WHERE id = ?", a.body).Scan(&packed); err != nil {
		return err
	}
	body, err := f.samples.unpack(ctx, packed) // what it is packed by may go with it
	if err != nil {
		return err
	}
	to := f.newID(now)
	_, err = tx.ExecContext(ctx, `INSERT INTO occurrences (id, at, fingerprint, kind, rule, priority, alert)
		SELECT ?, at, fingerprint, '', rule, priority, ? FROM occurrences WHERE id = ?`, to, packAlone(body), a.body)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE current SET body = ? WHERE id = ?", to, a.id)
	return err
}

// firstOccurrences are those that one step removes, and of which alerts they are.
func firstOccurrences(ctx context.Context, tx *sql.Tx, before int64) (ids map[int64]bool, of []pipeline.Fingerprint, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT id, fingerprint FROM occurrences WHERE id < ? ORDER BY id LIMIT ?", before, trimStep)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	ids = map[int64]bool{}
	for rows.Next() {
		var id, fp int64
		if err := rows.Scan(&id, &fp); err != nil {
			return nil, nil, err
		}
		ids[id] = true
		of = append(of, pipeline.Fingerprint(fp))
	}
	return ids, of, rows.Err()
}

// oldestStep is the time up to which one step removes of what came first.
func oldestStep(ctx context.Context, tx *sql.Tx) (before int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT coalesce(min(id), 0) + 1 FROM (
		SELECT max(id) AS id FROM (SELECT id FROM occurrences ORDER BY id LIMIT ?1)
		UNION ALL SELECT max(id) FROM (SELECT id FROM steps ORDER BY id LIMIT ?1)
		UNION ALL SELECT max(id) FROM (SELECT id FROM stepblocks ORDER BY id LIMIT ?2)
		UNION ALL SELECT max(ends) FROM (SELECT ends FROM current ORDER BY ends LIMIT ?1))`, trimStep, trimBlocks).Scan(&before)
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
