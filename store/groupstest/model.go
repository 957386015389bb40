package groupstest

import (
	"cmp"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// model does what an engine does, in memory, slowly and plainly. Times are µs after base.
type model struct {
	groups  map[string]*modelGroup
	claims  int // how many were made: each has a number
	sources map[string]map[pipeline.Fingerprint]pipeline.Source
}

type modelGroup struct {
	route, receiver, labels string
	state                   string
	members                 map[pipeline.Fingerprint]string
	inbox                   []string // ids
	due                     int64
	ready                   int64
	holds                   bool
	claim                   *modelClaim // nil: none
}

type modelClaim struct {
	number int
	ends   int64
	read   int   // how many of the inbox
	came   bool  // since then
	wish   int64 // when what came is due
	woken  bool
}

// base is before all times that come up.
var base = t0.Add(-time.Hour)

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro() - base.UnixMicro()
}

// can is when the group can be claimed.
func (g *modelGroup) can() int64 {
	if g.claim != nil {
		return g.claim.ends
	}
	return g.due
}

func (m *model) put(now int64, in []pipeline.Inbox) (next int64, absent []string) {
	next = -1
	for _, lot := range in {
		g, there := m.groups[lot.Key]
		due := now + lot.Wait.Microseconds()
		switch {
		case !there && lot.IfThere:
			absent = append(absent, lot.Key)
			continue
		case !there && lot.AtOnce:
			g = &modelGroup{due: now}
		case !there:
			g = &modelGroup{due: due}
		case g.claim == nil:
			g.due = min(g.due, max(due, g.ready))
		case !g.claim.came:
			g.claim.came, g.claim.wish = true, due
		default:
			g.claim.wish = min(g.claim.wish, due)
		}
		m.groups[lot.Key] = g
		g.route, g.receiver, g.labels = lot.Route, lot.Receiver, lot.Labels["l"]
		g.inbox = append(g.inbox, idsOf(lot.Alerts)...)
		if next < 0 || g.can() < next {
			next = g.can()
		}
	}
	return next, absent
}

// dueAt returns the keys of what can be claimed, the longest due first.
func (m *model) dueAt(now int64) []string {
	var keys []string
	for key, g := range m.groups {
		if g.can() <= now {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Compare(m.groups[a].can(), m.groups[b].can()) })
	return keys
}

// claim claims a group; it returns the claim's number and whether there was one that was not settled.
func (m *model) claim(now int64, key string) (number int, retaken bool) {
	g := m.groups[key]
	retaken = g.claim != nil
	m.claims++
	g.claim = &modelClaim{number: m.claims, ends: now + Lease.Microseconds(), read: len(g.inbox)}
	return m.claims, retaken
}

// settle settles the claim with that number; it reports whether it was lost.
func (m *model) settle(now int64, number int, d *pipeline.Settled) (lost bool) {
	g := m.groups[d.Key]
	if g == nil || g.claim == nil || g.claim.number != number {
		return true
	}
	c := g.claim
	g.claim = nil
	if d.Upto > 0 {
		g.inbox = g.inbox[c.read:]
	}
	if d.Gone && len(g.inbox) == 0 {
		delete(m.groups, d.Key)
		return false
	}
	if g.members == nil {
		g.members = map[pipeline.Fingerprint]string{}
	}
	for _, member := range d.Set {
		g.members[member.Fingerprint] = string(member.Body)
	}
	for _, f := range d.Remove {
		delete(g.members, f)
	}
	g.state, g.holds, g.ready = string(d.State), d.Holds, micros(d.Ready)
	const never = 1 << 62
	g.due = never
	if !d.Gone {
		g.due = micros(d.Due)
	}
	if c.came {
		g.due = min(g.due, max(c.wish, g.ready))
	}
	if g.due == never || c.woken && d.Holds {
		g.due = now
	}
	return false
}

func (m *model) wake(now int64) {
	for _, g := range m.groups {
		if g.claim != nil {
			g.claim.woken = true
		} else if g.holds {
			g.due = min(g.due, now)
		}
	}
}

func (m *model) nextDue() (next int64, any bool) {
	for _, g := range m.groups {
		if !any || g.can() < next {
			next, any = g.can(), true
		}
	}
	return next, any
}
