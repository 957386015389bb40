package groups

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// apply makes true in memory what a row of the journal says. What cannot be read of it is left out.
func (m *Memory) apply(number int64, row []byte) error {
	return eachEntry(row, func(e *entry) error {
		m.applyEntry(e, piece{number, e.off, e.size})
		return nil
	})
}

func (m *Memory) applyEntry(e *entry, at piece) {
	switch e.kind {
	case entrySource:
		m.setSource(e, at)
		return
	case entryTrim, entryMemberGone, entryGone:
		if g := m.groups[e.id]; g != nil {
			m.takeAway(g, e)
		}
		return
	}
	g := m.groups[e.id]
	if g == nil {
		g = &group{id: e.id, way: &unread, place: notOrdered}
		m.groups[e.id] = g
	}
	switch e.kind {
	case entryMeta:
		g.way, g.labels, g.meaning = m.wayOf(e.route, e.receiver), hashOf(e.text), nil
		m.replace(&g.meta, at)
	case entryTimes:
		if g.holds {
			m.holding--
		}
		if g.status = e.status; g.holds {
			m.holding++
		}
		m.order.fix(g)
		m.replace(&g.times, at)
	case entryState:
		if len(e.text) == 0 {
			m.release(g.state)
			g.state = piece{}
		} else {
			m.replace(&g.state, at)
		}
	case entryLot:
		m.addLot(g, lot{piece: at, mark: e.mark, alerts: e.alerts})
	case entryMember:
		if g.members == nil {
			g.members = map[pipeline.Fingerprint]piece{}
		}
		p := g.members[e.fingerprint]
		m.replace(&p, at)
		g.members[e.fingerprint] = p
	}
}

// takeAway removes a part of a group, or all of it.
func (m *Memory) takeAway(g *group, e *entry) {
	switch e.kind {
	case entryTrim:
		n := 0
		for n < len(g.inbox) && g.inbox[n].mark <= e.mark {
			m.drop(&g.inbox[n])
			n++
		}
		if g.inbox = g.inbox[n:]; len(g.inbox) == 0 {
			g.inbox, g.meaning = nil, nil
		}
	case entryMemberGone:
		m.release(g.members[e.fingerprint])
		delete(g.members, e.fingerprint)
	case entryGone:
		m.remove(g)
	}
}

// addLot adds a lot behind those before it, or takes note that one is elsewhere now.
func (m *Memory) addLot(g *group, l lot) {
	m.lastMark = max(m.lastMark, l.mark)
	i, there := slices.BinarySearchFunc(g.inbox, l.mark, func(l lot, mark int64) int { return int(l.mark - mark) })
	if there {
		m.replace(&g.inbox[i].piece, l.piece)
		return
	}
	m.journal.Take(l.row, int(l.size))
	g.inbox = slices.Insert(g.inbox, i, l)
}

// remove forgets a group.
func (m *Memory) remove(g *group) {
	for _, p := range []piece{g.meta, g.times, g.state} {
		m.release(p)
	}
	for i := range g.inbox {
		m.drop(&g.inbox[i])
	}
	for _, p := range g.members {
		m.release(p)
	}
	if g.holds {
		m.holding--
	}
	m.order.drop(g)
	delete(m.groups, g.id)
}

// lives reports whether an entry of a row is the one that is right.
func (m *Memory) lives(number int64, e *entry) bool {
	at := piece{number, e.off, e.size}
	if e.kind == entrySource {
		return slices.ContainsFunc(m.sources[string(e.key)], func(s source) bool { return s.piece == at })
	}
	g := m.groups[e.id]
	if g == nil {
		return false
	}
	switch e.kind {
	case entryMeta:
		return g.meta == at
	case entryTimes:
		return g.times == at
	case entryState:
		return g.state == at
	case entryLot:
		return slices.ContainsFunc(g.inbox, func(l lot) bool { return l.piece == at })
	case entryMember:
		return g.members[e.fingerprint] == at
	}
	return false
}

// replace makes p where the journal has something.
func (m *Memory) replace(p *piece, at piece) {
	m.journal.Take(at.row, int(at.size))
	m.release(*p)
	*p = at
}

func (m *Memory) release(p piece) { m.journal.Release(p.row, int(p.size)) }

// wayOf is a way that many groups share, once.
func (m *Memory) wayOf(route, receiver []byte) *way {
	if known := m.ways[way{string(route), string(receiver)}]; known != nil { // a look that copies neither
		return known
	}
	if len(m.ways) > maxWays {
		clear(m.ways) // of configurations long ago, mostly
	}
	w := &way{string(route), string(receiver)}
	m.ways[*w] = w
	return w
}

// unread is the way of a group of which that has not been read yet, or cannot be.
var unread way

// maxWays bounds the ways that are kept once.
const maxWays = 10_000

var seed = maphash.MakeSeed()

func hashOf(b []byte) uint64 { return maphash.Bytes(seed, b) }

// setSource takes a source in the place of the one with its key and fingerprint.
func (m *Memory) setSource(e *entry, at piece) {
	s := source{piece: at, Source: pipeline.Source{Key: string(e.key), Fingerprint: e.fingerprint, Ends: time.UnixMicro(e.ends), Both: e.both}}
	m.journal.Take(at.row, int(at.size))
	all := m.sources[s.Key]
	if i := slices.IndexFunc(all, func(o source) bool { return o.Fingerprint == s.Fingerprint }); i >= 0 {
		m.release(all[i].piece)
		all[i] = s
		return
	}
	m.sources[s.Key] = append(all, s)
}
