package store

import (
	"context"
	"database/sql"
	"encoding/json"
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
		var ours []settling
		for i := range done {
			d := &done[i]
			f := there[d.Key]
			if f == nil || f.token == 0 || strconv.FormatInt(f.token, 10) != d.Token {
				lost = append(lost, d.Key)
				continue
			}
			ours = append(ours, settling{d, *f})
			f.token = 0
		}
		return g.settle(ctx, tx, now.UnixMicro(), ours)
	})
	if err != nil {
		return nil, err
	}
	return lost, nil
}

// settling is a group that is settled, as it was found.
type settling struct {
	*pipeline.Settled
	found
}

// settle ends leases: inboxes first, since what is left in them says which groups go.
func (g *Groups) settle(ctx context.Context, tx *sql.Tx, now int64, ours []settling) error {
	left, err := g.trim(ctx, tx, ours)
	if err != nil {
		return err
	}
	var gone []int64
	for i := range ours {
		d := &ours[i]
		if d.Gone && !left[d.id] {
			gone = append(gone, d.id)
			continue
		}
		if err := g.changeMembers(ctx, tx, d.id, d.Settled); err != nil {
			return fmt.Errorf("group %s: %w", d.Key, err)
		}
		_, err := tx.StmtContext(ctx, g.stmt.settle).ExecContext(ctx, g.dueAfter(now, d.Settled, &d.found), microOrZero(d.Ready), d.Holds, d.State, d.id)
		if err != nil {
			return fmt.Errorf("group %s: %w", d.Key, err)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	list, err := json.Marshal(gone)
	if err != nil {
		return err
	}
	for _, remove := range []*sql.Stmt{g.stmt.dropMembers, g.stmt.remove} {
		if _, err := tx.StmtContext(ctx, remove).ExecContext(ctx, string(list)); err != nil {
			return err
		}
	}
	return nil
}

// trim empties inboxes as far as they were read. Of the groups that are to go it tells which have something left.
func (g *Groups) trim(ctx context.Context, tx *sql.Tx, ours []settling) (left map[int64]bool, err error) {
	marks := make([][2]int64, 0, len(ours))
	var going []int64
	for i := range ours {
		if d := &ours[i]; d.Upto > 0 {
			marks = append(marks, [2]int64{d.id, d.Upto})
		}
		if ours[i].Gone {
			going = append(going, ours[i].id)
		}
	}
	list, err := json.Marshal(marks)
	if err != nil {
		return nil, err
	}
	if _, err := tx.StmtContext(ctx, g.stmt.trim).ExecContext(ctx, string(list)); err != nil {
		return nil, err
	}
	if list, err = json.Marshal(going); err != nil || len(going) == 0 {
		return nil, err
	}
	rows, err := tx.StmtContext(ctx, g.stmt.left).QueryContext(ctx, string(list))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	left = map[int64]bool{}
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		left[id] = true
	}
	return left, rows.Err()
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
