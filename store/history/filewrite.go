package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// prepare makes the statements. INSERT OR FAIL needs no copy of the pages that it changes, to undo what a failed
// statement did: its transaction is rolled back whole (sqlite.org/lang_conflict.html).
func (f *file) prepare(ctx context.Context) error {
	return errors.Join(
		f.accounts.prepare(ctx, f.db, "SELECT id, fingerprint, body, state FROM current WHERE id IN (VALUES $ROWS)", 1),
		f.upsert.prepare(ctx, f.db, `INSERT OR FAIL INTO current (id, fingerprint, ends, body, state) VALUES $ROWS
			ON CONFLICT (id) DO UPDATE SET ends = excluded.ends, body = excluded.body, state = excluded.state`, 5),
		f.occurred.prepare(ctx, f.db, "INSERT OR FAIL INTO occurrences (id, at, fingerprint, kind, rule, priority, alert) VALUES $ROWS", 7),
		f.unneeded.prepare(ctx, f.db, "DELETE FROM occurrences WHERE id IN (VALUES $ROWS) AND kind = ''", 1),
		f.alive.prepare(ctx, f.readers, "SELECT c.state, o.alert FROM current c JOIN occurrences o ON o.id = c.body WHERE c.id IN (VALUES $ROWS)", 1),
		f.sampled.prepare(ctx, f.db, "INSERT OR IGNORE INTO samples (id, generation, text) VALUES $ROWS", 3),
		f.stepped.prepare(ctx, f.db, "INSERT OR FAIL INTO steps (id, subject, step) VALUES $ROWS", 3),
	)
}

// inTx runs do in a transaction, to which it adds the samples that texts were packed by in it. Statements take a bounded
// time, and to watch a context costs more than most of them: they have one that does not end.
func (f *file) inTx(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("history %s: %w", f.path, err)
	}
	returned := false
	defer func() {
		if !returned { // do panicked: the one connection must not stay in its transaction
			_ = tx.Rollback()
		}
	}()
	err = do(ctx, tx)
	if err == nil {
		err = f.sampled.exec(ctx, tx, f.samples.fresh)
	}
	returned = true
	if err != nil {
		return errors.Join(fmt.Errorf("history %s: %w", f.path, err), tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("history %s: %w", f.path, err)
	}
	f.samples.written()
	return nil
}

// pack packs a text for a row that gets its number later. It needs mu.
func (f *file) pack(kind string, text []byte, now time.Time) []byte {
	return f.samples.pack(kind, text, func() int64 { return f.newID(now) })
}

// part is what is said of some alerts: decide makes of the account of each what becomes of it.
type part struct {
	of     []pipeline.Fingerprint
	decide func(i int, was *state) change
	bodies map[*pipeline.Alert][]byte // JSON of alerts, where it is there already
}

// apply brings parts to the file with one transaction, one after the other, and the number of the latest row of the
// journal that is in the file by it.
func (f *file) apply(ctx context.Context, parts iter.Seq[part], number int64) error {
	added := map[pipeline.Fingerprint]int64{}
	err := f.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for p := range parts {
			if err := f.applyPart(ctx, tx, p, added); err != nil {
				return err
			}
		}
		return noteApplied(ctx, tx, number)
	})
	if err == nil {
		f.placesMu.Lock()
		maps.Copy(f.places, added)
		f.placesMu.Unlock()
	}
	return err
}

// applyPart writes one; ids of new accounts are added to those of the parts before.
func (f *file) applyPart(ctx context.Context, tx *sql.Tx, p part, added map[pipeline.Fingerprint]int64) error {
	was, err := f.readAccounts(ctx, tx, p.of, added)
	if err != nil {
		return err
	}
	rows := rows{now: time.Now(), newID: f.newID, pack: f.pack, added: added, bodies: p.bodies}
	for i, fp := range p.of {
		had := was[fp]
		c := p.decide(i, had.state)
		if had.state == nil && c.alert == nil {
			continue
		}
		if err := rows.add(fp, had, c); err != nil {
			return err
		}
	}
	return errors.Join(
		f.upsert.exec(ctx, tx, rows.current),
		f.occurred.exec(ctx, tx, rows.occurred),
		f.unneeded.exec(ctx, tx, rows.unneeded),
	)
}

func (f *file) update(ctx context.Context, of []pipeline.Fingerprint, decide func(int, *state) change) error {
	one := func(yield func(part) bool) { yield(part{of, decide, nil}) }
	return f.apply(ctx, one, 0)
}

func noteApplied(ctx context.Context, tx *sql.Tx, number int64) error {
	if number == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, "UPDATE applied SET number = ?", number)
	return err
}

// account is what the file has of an alert.
type account struct {
	*state
	id   int64
	body int64 // where the alert is
}

// readAccounts reads what is there; added are ids of accounts that only the transaction has.
func (f *file) readAccounts(ctx context.Context, tx *sql.Tx, of []pipeline.Fingerprint, added map[pipeline.Fingerprint]int64) (map[pipeline.Fingerprint]account, error) {
	params := make([]any, 0, len(of))
	f.placesMu.RLock()
	for _, fp := range of {
		if id, there := f.places[fp]; there {
			params = append(params, id)
		} else if id, there := added[fp]; there {
			params = append(params, id)
		}
	}
	f.placesMu.RUnlock()
	was := make(map[pipeline.Fingerprint]account, len(params))
	return was, f.accounts.each(params, func(stmt *sql.Stmt, params []any) error {
		found, err := tx.StmtContext(ctx, stmt).QueryContext(ctx, params...)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var fp int64
			var a account
			var encoded sql.RawBytes
			if err := found.Scan(&a.id, &fp, &a.body, &encoded); err != nil {
				return err
			}
			if a.state, err = decodeState(encoded); err != nil {
				return err
			}
			was[pipeline.Fingerprint(fp)] = a
		}
		return found.Err()
	})
}

// rows are what a batch writes.
type rows struct {
	now                         time.Time
	newID                       func(time.Time) int64
	pack                        func(kind string, text []byte, now time.Time) []byte
	current, occurred, unneeded []any
	added                       map[pipeline.Fingerprint]int64 // ids of new accounts
	bodies                      map[*pipeline.Alert][]byte     // JSON, of those where it is there
}

// add adds what becomes of an account.
func (r *rows) add(fp pipeline.Fingerprint, had account, c change) error {
	id, body := had.id, had.body
	if id == 0 {
		id = r.newID(r.now)
		r.added[fp] = id
	}
	if c.alert != nil && body != 0 {
		r.unneeded = append(r.unneeded, body) // unless it is an occurrence
	}
	own := c.alert != nil
	for _, k := range c.kept {
		row, err := r.keep(fp, k)
		if err != nil {
			return err
		}
		if k.alert == c.alert {
			body, own = row, false
		}
	}
	if own {
		var err error
		if body, err = r.keep(fp, kept{"", c.alert}); err != nil {
			return err
		}
	}
	r.current = append(r.current, id, int64(fp), c.ends, body, c.encode())
	return nil
}

func (r *rows) keep(fp pipeline.Fingerprint, k kept) (id int64, err error) {
	body := r.bodies[k.alert]
	if body == nil {
		if body, err = encodeAlert(k.alert); err != nil {
			return 0, err
		}
	}
	body = r.pack(kindOf(k.alert), body, r.now)
	id = r.newID(r.now)
	r.occurred = append(r.occurred, id, nanos(occurredAt(k)), int64(fp), k.kind, k.alert.Rule, int64(k.alert.Priority), body)
	return id, nil
}

// kindOf are alerts that are like each other.
func kindOf(a *pipeline.Alert) string { return a.Source + " " + a.Rule }

// occurredAt is where an occurrence is in history.
func occurredAt(k kept) time.Time {
	if k.kind == pipeline.OccurredResolved {
		return k.alert.Stateful.EndsAt
	}
	return k.alert.Time
}

// note writes steps: many as a block; of few, those of one subject as a row, JSON objects one after the other.
func (f *file) note(ctx context.Context, lines []line) error {
	return f.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if len(lines) >= blockFrom {
			return f.noteBlock(ctx, tx, lines)
		}
		params := make([]any, 0, 3*len(lines))
		now := time.Now()
		err := eachSubject(lines, func(subject uint64, stage string, text []byte) {
			packed := f.pack("step "+stage, text, now)
			params = append(params, f.newID(now), int64(subject), packed)
		})
		if err != nil {
			return err
		}
		return f.stepped.exec(ctx, tx, params)
	})
}

// eachSubject calls f with the steps about one subject after the other, in the order of their first ones: with the first's
// stage, and the JSON of all, one object after the other, which is f's until it returns.
func eachSubject(lines []line, f func(subject uint64, stage string, text []byte)) error {
	var first []int
	next := make([]int, len(lines)) // about the same subject; 0: there is none
	last := make(map[uint64]int, len(lines))
	for i := range lines {
		if was, there := last[lines[i].subject]; there {
			next[was] = i
		} else {
			first = append(first, i)
		}
		last[lines[i].subject] = i
	}
	var text []byte
	for _, i := range first {
		one := &lines[i]
		text = text[:0]
		for more := true; more; more = i > 0 {
			var err error
			if text, err = appendStep(text, &lines[i].step); err != nil {
				return err
			}
			i = next[i]
		}
		f(one.subject, one.step.Stage, text)
	}
	return nil
}
