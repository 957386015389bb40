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
	rows, err := f.blockRows(ctx, subject, limit)
	if err != nil {
		return nil, err
	}
	err = f.query(ctx, func(found *sql.Rows) error {
		var id int64
		var body sql.RawBytes
		if err := found.Scan(&id, &body); err != nil {
			return err
		}
		text, err := f.samples.unpack(ctx, body)
		if err != nil {
			return err
		}
		some, err := readSteps(text)
		rows = append(rows, stepRow{id, some})
		return err
	}, "SELECT id, step FROM steps WHERE subject = ? ORDER BY id DESC LIMIT ?", int64(subject), limit)
	return latestSteps(rows, limit), err
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
		k, err = f.readKnown(ctx, found)
		return err
	}, "SELECT c.state, o.alert FROM current c JOIN occurrences o ON o.id = c.body WHERE c.id = ?", id)
	return k, err
}

func (f *file) readKnown(ctx context.Context, found *sql.Rows) (*pipeline.Known, error) {
	var encoded, packed sql.RawBytes
	if err := found.Scan(&encoded, &packed); err != nil {
		return nil, err
	}
	body, err := f.samples.unpack(ctx, packed)
	if err != nil {
		return nil, err
	}
	return knownOf(encoded, body)
}

// liveChunk is how many alerts are read before they are shown: what becomes of them may take as long as a slow client.
const liveChunk = 256

// live reads what is live by the index of ends, so that it does not touch what is over, and sorts that itself.
func (f *file) live(ctx context.Context, now time.Time, texts []string, each func(pipeline.Live) error) error {
	of, err := f.livePlaces(ctx, now, texts)
	if err != nil {
		return err
	}
	slices.SortFunc(of, func(a, b livePlace) int { return cmp.Compare(uint64(a.fp), uint64(b.fp)) })
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

// livePlace is where the account of an alert is that is live.
type livePlace struct{ fp, id int64 }

// livePlaces are those of alerts whose JSON has all texts.
func (f *file) livePlaces(ctx context.Context, now time.Time, texts []string) (of []livePlace, err error) {
	ask := "SELECT c.fingerprint, c.id, NULL FROM current c WHERE c.ends > ?"
	if len(texts) > 0 {
		ask = "SELECT c.fingerprint, c.id, o.alert FROM current c JOIN occurrences o ON o.id = c.body WHERE c.ends > ?"
	}
	err = f.query(ctx, func(found *sql.Rows) error {
		var p livePlace
		var packed sql.RawBytes
		if err := found.Scan(&p.fp, &p.id, &packed); err != nil {
			return err
		}
		body, err := f.samples.unpack(ctx, packed)
		if err != nil {
			return err
		}
		for _, text := range texts {
			if !bytes.Contains(body, []byte(text)) {
				return nil
			}
		}
		of = append(of, p)
		return nil
	}, ask, now.UnixNano())
	return of, err
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
			k, err := f.readKnown(ctx, found)
			if errors.Is(err, errGone) {
				continue
			}
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
		var packed sql.RawBytes
		err := rows.Scan(&one.id, &one.at, &one.kind, &packed)
		if err == nil {
			one.body, err = f.samples.unpack(ctx, packed)
		}
		if err != nil {
			return err
		}
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

// query calls each with every row; those that have gone since it began to read are left out.
func (f *file) query(ctx context.Context, each func(*sql.Rows) error, text string, params ...any) error {
	found, err := f.readers.QueryContext(ctx, text, params...)
	if err != nil {
		return fmt.Errorf("history %s: %w", f.path, err)
	}
	defer found.Close()
	for found.Next() {
		if err := each(found); err != nil && !errors.Is(err, errGone) {
			return err
		}
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("history %s: %w", f.path, err)
	}
	return nil
}
