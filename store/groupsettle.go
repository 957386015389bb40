package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// never is later than anything.
const never = math.MaxInt64

// Settle ends leases, and returns the keys of those that are not the caller's.
func (g *Groups) Settle(ctx context.Context, now time.Time, done []pipeline.Settled) (lost []string, err error) {
	keys := make([]string, len(done))
	for i := range done {
		keys[i] = done[i].Key
	}
	err = g.s.inTx(ctx, "note flushed groups", func(tx *sql.Tx) error {
		there, err := g.lookUp(ctx, tx, keys)
		if err != nil {
			return err
		}
		for i := range done {
			d := &done[i]
			f := there[d.Key]
			if f == nil || f.token == 0 || strconv.FormatInt(f.token, 10) != d.Token {
				lost = append(lost, d.Key)
				continue
			}
			if err := g.settle(ctx, tx, now.UnixMicro(), d, f); err != nil {
				return fmt.Errorf("group %s: %w", d.Key, err)
			}
			f.token = 0
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return lost, nil
}

// settle ends one lease.
func (g *Groups) settle(ctx context.Context, tx *sql.Tx, now int64, d *pipeline.Settled, f *found) error {
	if d.Upto > 0 {
		if _, err := tx.StmtContext(ctx, g.stmt.trim).ExecContext(ctx, f.id, d.Upto); err != nil {
			return err
		}
	}
	if d.Gone {
		var left bool
		if err := tx.StmtContext(ctx, g.stmt.left).QueryRowContext(ctx, f.id).Scan(&left); err != nil {
			return err
		}
		if !left {
			if _, err := tx.StmtContext(ctx, g.stmt.dropMembers).ExecContext(ctx, f.id); err != nil {
				return err
			}
			_, err := tx.StmtContext(ctx, g.stmt.remove).ExecContext(ctx, f.id)
			return err
		}
	}
	if err := g.changeMembers(ctx, tx, f.id, d); err != nil {
		return err
	}
	_, err := tx.StmtContext(ctx, g.stmt.settle).ExecContext(ctx, g.dueAfter(now, d, f), microOrZero(d.Ready), d.Holds, d.State, f.id)
	return err
}

// dueAfter is when a group is due that is settled.
func (g *Groups) dueAfter(now int64, d *pipeline.Settled, f *found) int64 {
	if f.more || d.Holds && f.token < g.woken {
		return now
	}
	due := int64(never)
	if !d.Gone {
		due = d.Due.UnixMicro()
	}
	if f.wish != 0 {
		due = min(due, max(f.wish, microOrZero(d.Ready)))
	}
	if due == never {
		return now
	}
	return due
}

func microOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func (g *Groups) changeMembers(ctx context.Context, tx *sql.Tx, id int64, d *pipeline.Settled) error {
	for _, m := range d.Set {
		_, err := tx.StmtContext(ctx, g.stmt.setMember).ExecContext(ctx, id, int64(m.Fingerprint), notNil(m.Body))
		if err != nil {
			return err
		}
	}
	for _, fingerprint := range d.Remove {
		if _, err := tx.StmtContext(ctx, g.stmt.dropMember).ExecContext(ctx, id, int64(fingerprint)); err != nil {
			return err
		}
	}
	return nil
}
