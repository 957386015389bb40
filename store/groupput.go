package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// maxRowBytes is how much of a batch goes into one row: a claim reads at least one.
const maxRowBytes = 256 << 10

// brought is an Inbox as it is written.
type brought struct {
	*pipeline.Inbox
	labels string
	rows   [][]byte
}

// Put adds alerts to inboxes and sources to what inhibits.
func (g *Groups) Put(ctx context.Context, now time.Time, in []pipeline.Inbox, sources []pipeline.Source) (next time.Time, absent []string, err error) {
	buf := g.buffers.Get().(*buffer)
	defer g.buffers.Put(buf)
	all, err := buf.write(in)
	if err != nil {
		return next, nil, err
	}
	keys := make([]string, len(in))
	for i := range in {
		keys[i] = in[i].Key
	}
	err = g.s.inTx(ctx, "store alerts", func(tx *sql.Tx) error {
		there, err := g.lookUp(ctx, tx, keys)
		if err != nil {
			return err
		}
		plan := &putting{now: now.UnixMicro(), there: there, group: g.group, row: g.row}
		for i := range all {
			plan.take(&all[i])
		}
		g.group, g.row = plan.group, plan.row
		if plan.next != 0 {
			next = time.UnixMicro(plan.next)
		}
		absent = plan.absent
		if err := g.write(ctx, tx, plan); err != nil {
			return err
		}
		return g.putSources(ctx, tx, now, sources)
	})
	if err != nil {
		return time.Time{}, nil, err
	}
	return next, absent, nil
}

// buffer holds rows while they are written: SQLite copies them.
type buffer struct{ bytes []byte }

// write makes the rows of all.
func (b *buffer) write(in []pipeline.Inbox) ([]brought, error) {
	all := make([]brought, len(in))
	ends := make([][]int, len(in))
	b.bytes = b.bytes[:0]
	for i := range in {
		labels, err := json.Marshal(in[i].Labels)
		if err != nil {
			return nil, fmt.Errorf("store alerts of group %s: %w", in[i].Key, err)
		}
		if b.bytes, ends[i], err = alertjson.AppendRows(b.bytes, in[i].Alerts, maxRowBytes); err != nil {
			return nil, fmt.Errorf("store alerts of group %s: %w", in[i].Key, err)
		}
		all[i] = brought{Inbox: &in[i], labels: string(labels)}
	}
	begin := 0
	for i := range all {
		for _, end := range ends[i] {
			all[i].rows = append(all[i].rows, b.bytes[begin:end])
			begin = end
		}
	}
	return all, nil
}

// putting is what a Put comes to, before it is written.
type putting struct {
	now        int64
	there      map[string]*found // and those that are made
	group, row int64             // the next ids
	made       []*found
	keys       []string // of made
	changed    []*found
	rows       []any // of the inbox
	next       int64 // 0: no group
	absent     []string
}

// take adds what came for one group.
func (p *putting) take(b *brought) {
	f := p.there[b.Key]
	switch {
	case f == nil && b.IfThere:
		p.absent = append(p.absent, b.Key)
		return
	case f == nil:
		f = &found{id: p.group, at: p.now, route: b.Route, receiver: b.Receiver, labels: b.labels}
		if !b.AtOnce {
			f.at += b.Wait.Microseconds()
		}
		f.due = f.at
		p.group++
		p.there[b.Key] = f
		p.made, p.keys = append(p.made, f), append(p.keys, b.Key)
	default:
		if f.join(b, p.now) {
			p.changed = append(p.changed, f)
		}
	}
	if p.next == 0 || f.at < p.next {
		p.next = f.at
	}
	for _, row := range b.rows {
		p.rows = append(p.rows, p.row, f.id, row)
		p.row++
	}
}

// join is what alerts change about a group that is there; it reports whether they do.
func (f *found) join(b *brought, now int64) bool {
	was := *f
	f.route, f.receiver, f.labels = b.Route, b.Receiver, b.labels
	switch due := now + b.Wait.Microseconds(); {
	case f.token == 0:
		if due = max(due, f.ready); due < f.due {
			f.at, f.due = due, due
		}
	case f.wish == 0 || due < f.wish:
		f.wish = due
	}
	return *f != was
}

func (g *Groups) write(ctx context.Context, tx *sql.Tx, p *putting) error {
	args := make([]any, 0, 8*len(p.made))
	for i, f := range p.made {
		args = append(args, f.id, hashOf(p.keys[i]), p.keys[i], f.route, f.receiver, f.labels, f.at, f.due)
	}
	if err := g.stmt.addGroups.add(ctx, tx, args); err != nil {
		return err
	}
	for _, f := range p.changed { // one that was made may be among them
		_, err := tx.StmtContext(ctx, g.stmt.change).ExecContext(ctx, f.route, f.receiver, f.labels, f.at, f.due, f.wish, f.id)
		if err != nil {
			return err
		}
	}
	return g.stmt.addRows.add(ctx, tx, p.rows)
}
