package history

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

func (f *file) steps(ctx context.Context, subject uint64, limit int) (steps []pipeline.Step, err error) {
	var rows [][]pipeline.Step // the latest first
	err = f.query(ctx, func(found *sql.Rows) error {
		var body sql.RawBytes
		if err := found.Scan(&body); err != nil {
			return err
		}
		row, err := readSteps(body)
		rows = append(rows, row)
		return err
	}, "SELECT step FROM steps WHERE subject = ? ORDER BY id DESC LIMIT ?", int64(subject), limit)
	slices.Reverse(rows)
	steps = slices.Concat(rows...)
	return steps[max(0, len(steps)-limit):], err
}

// readSteps reads a row of them.
func readSteps(body []byte) (steps []pipeline.Step, err error) {
	for row := json.NewDecoder(bytes.NewReader(body)); row.More(); {
		var s pipeline.Step
		if err := row.Decode(&s); err != nil {
			return steps, fmt.Errorf("read a step: %w", err)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func (f *file) get(ctx context.Context, of pipeline.Fingerprint) (k *pipeline.Known, err error) {
	f.placesMu.RLock()
	id, there := f.places[of]
	f.placesMu.RUnlock()
	if !there {
		return nil, nil
	}
	err = f.query(ctx, func(found *sql.Rows) error {
		k, err = readKnown(found)
		return err
	}, "SELECT c.state, o.alert FROM current c JOIN occurrences o ON o.id = c.body WHERE c.id = ?", id)
	return k, err
}

func readKnown(found *sql.Rows) (*pipeline.Known, error) {
	var encoded, body sql.RawBytes
	if err := found.Scan(&encoded, &body); err != nil {
		return nil, err
	}
	return knownOf(encoded, body)
}

// liveChunk is how many alerts are read before they are shown: what becomes of them may take as long as a slow client.
const liveChunk = 256

// live reads what is live by the index of ends, so that it does not touch what is over, and sorts that itself.
func (f *file) live(ctx context.Context, now time.Time, texts []string, each func(pipeline.Live) error) error {
	type place struct{ fp, id int64 }
	var of []place
	ask, params := "SELECT c.fingerprint, c.id FROM current c WHERE c.ends > ?", []any{now.UnixNano()}
	if len(texts) > 0 {
		ask = "SELECT c.fingerprint, c.id FROM current c JOIN occurrences o ON o.id = c.body WHERE c.ends > ?"
	}
	for _, text := range texts {
		ask, params = ask+" AND instr(o.alert, ?) > 0", append(params, []byte(text))
	}
	err := f.query(ctx, func(found *sql.Rows) error {
		var p place
		err := found.Scan(&p.fp, &p.id)
		of = append(of, p)
		return err
	}, ask, params...)
	if err != nil {
		return err
	}
	slices.SortFunc(of, func(a, b place) int { return cmp.Compare(uint64(a.fp), uint64(b.fp)) })
	for some := range slices.Chunk(of, liveChunk) {
		if err := ctx.Err(); err != nil {
			return err
		}
		ids := make([]any, len(some))
		for i := range some {
			ids[i] = some[i].id
		}
		page, err := f.livePage(context.WithoutCancel(ctx), ids, now) // it takes milliseconds
		if err != nil {
			return fmt.Errorf("history %s: %w", f.path, err)
		}
		for i := range page {
			if err := each(page[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// livePage reads what is live of some accounts.
func (f *file) livePage(ctx context.Context, ids []any, now time.Time) (page []pipeline.Live, err error) {
	err = f.alive.each(ids, func(stmt *sql.Stmt, ids []any) error {
		found, err := stmt.QueryContext(ctx, ids...)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			k, err := readKnown(found)
			if err != nil {
				return err
			}
			if k.EndsAt.After(now) { // it has not changed meanwhile
				page = append(page, k.Live)
			}
		}
		return found.Err()
	})
	slices.SortFunc(page, func(a, b pipeline.Live) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	return page, err
}

var errEnough = errors.New("enough")

func (f *file) scan(ctx context.Context, s scan, each func(found) bool) error {
	before := s.before
	if before == (place{}) {
		before = place{math.MaxInt64, math.MaxInt64}
	}
	if s.to != 0 && before.at >= s.to {
		before = place{s.to, math.MinInt64}
	}
	// What is not wanted is passed over here, without its bytes, and yet counts for whoever bounds how much is looked at.
	text := `SELECT id, at, kind, CASE WHEN priority <= ?4 AND (?5 = '' OR rule = ?5) THEN alert END FROM occurrences
		WHERE kind <> '' AND at >= ?1 AND (at, id) < (?2, ?3) ORDER BY at DESC, id DESC`
	err := f.query(ctx, func(rows *sql.Rows) error {
		var one found
		var body sql.RawBytes
		if err := rows.Scan(&one.id, &one.at, &one.kind, &body); err != nil {
			return err
		}
		one.body = body
		if !each(one) {
			return errEnough
		}
		return nil
	}, text, s.from, before.at, before.id, int64(s.priority), s.rule)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// query calls each with every row.
func (f *file) query(ctx context.Context, each func(*sql.Rows) error, text string, params ...any) error {
	found, err := f.readers.QueryContext(ctx, text, params...)
	if err != nil {
		return fmt.Errorf("history %s: %w", f.path, err)
	}
	defer found.Close()
	for found.Next() {
		if err := each(found); err != nil {
			return err
		}
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("history %s: %w", f.path, err)
	}
	return nil
}
