package groups

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Settle ends leases, and returns the keys of those that are not the caller's.
func (m *Memory) Settle(_ context.Context, now time.Time, done []pipeline.Settled) (lost []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.begin()
	ended := make(map[*group]bool, len(done))
	for i := range done {
		g := m.groups[idOf(done[i].Key)]
		if g == nil || g.token == 0 || ended[g] || strconv.FormatInt(g.token, 10) != done[i].Token {
			lost = append(lost, done[i].Key)
			continue
		}
		ended[g] = true
		row = m.settle(row, g, &done[i], now.UnixMicro())
	}
	defer m.keep(row)
	if err := m.write(row); err != nil {
		return nil, fmt.Errorf("note flushed groups: %w", err)
	}
	return lost, nil
}

// settle writes what becomes of a group.
func (m *Memory) settle(row []byte, g *group, d *pipeline.Settled, now int64) []byte {
	if d.Gone && (len(g.inbox) == 0 || d.Upto >= g.inbox[len(g.inbox)-1].mark) {
		return appendGone(row, g.id)
	}
	if d.Upto > 0 {
		row = appendTrim(row, g.id, d.Upto)
	}
	for _, member := range d.Set {
		row = appendMember(row, g.id, member)
	}
	for _, f := range d.Remove {
		if _, there := g.members[f]; there {
			row = appendMemberGone(row, g.id, f)
		}
	}
	if len(d.State) > 0 || g.state.size > 0 {
		row = appendState(row, g.id, d.State)
	}
	due := m.dueAfter(now, d, &g.status)
	return appendTimes(row, g.id, &status{at: due, due: due, ready: microOrZero(d.Ready), holds: d.Holds})
}

// dueAfter is when a group is due that is settled.
func (m *Memory) dueAfter(now int64, d *pipeline.Settled, was *status) int64 {
	if was.more || d.Holds && was.token < m.woken {
		return now
	}
	due := int64(never)
	if !d.Gone {
		due = d.Due.UnixMicro()
	}
	if was.wish != 0 {
		due = min(due, max(was.wish, microOrZero(d.Ready)))
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
