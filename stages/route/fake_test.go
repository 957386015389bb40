package route_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/route"
)

var _ route.Groups = (*memGroups)(nil)

// memGroups are Groups in memory, held to the comments of that interface. What goes in and out is copied by way of
// JSON, as a real store does.
type memGroups struct {
	mu      sync.Mutex
	groups  map[string]*memGroup
	sources map[string]pipeline.Source // by key and fingerprint
	mark    int64
	claims  int
	fail    error
	settle  error // what the next Settle fails with
}

type memGroup struct {
	pipeline.Claimed
	inbox   []memRow
	members map[pipeline.Fingerprint][]byte
	ready   time.Time
	lease   time.Time // zero: not claimed
	wish    time.Time // when it is due for what came while it was claimed
	woken   bool
	holds   bool
}

type memRow struct {
	mark  int64
	alert []byte
}

const (
	memLease = 10 * time.Second
	memRead  = 1000 // alerts of a claim
)

func newGroups() *memGroups {
	return &memGroups{groups: map[string]*memGroup{}, sources: map[string]pipeline.Source{}}
}

func (s *memGroups) breakWith(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// failSettle makes the next Settle fail, as if the process had died between publishing and noting it.
func (s *memGroups) failSettle(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle = err
}

func (s *memGroups) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups = map[string]*memGroup{}
}

func (s *memGroups) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.groups)
}

func (s *memGroups) Put(_ context.Context, now time.Time, in []pipeline.Inbox, sources []pipeline.Source) (next time.Time, absent []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return next, nil, s.fail
	}
	for _, src := range sources {
		s.sources[fmt.Sprint(src.Key, src.Fingerprint)] = src
	}
	for _, box := range in {
		g := s.groups[box.Key]
		switch {
		case g == nil && box.IfThere:
			absent = append(absent, box.Key)
			continue
		case g == nil:
			g = &memGroup{members: map[pipeline.Fingerprint][]byte{}}
			g.Key, g.Due = box.Key, now.Add(box.Wait)
			if box.AtOnce {
				g.Due = now
			}
			s.groups[box.Key] = g
		default:
			at := now.Add(box.Wait)
			if g.ready.After(at) {
				at = g.ready
			}
			if !g.lease.IsZero() {
				if g.wish.IsZero() || at.Before(g.wish) {
					g.wish = at
				}
			} else if at.Before(g.Due) {
				g.Due = at
			}
		}
		g.Route, g.Receiver, g.Labels = box.Route, box.Receiver, box.Labels
		for _, a := range box.Alerts {
			s.mark++
			body, err := json.Marshal(a)
			if err != nil {
				return next, nil, err
			}
			g.inbox = append(g.inbox, memRow{s.mark, body})
		}
		if at := g.at(); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next, absent, nil
}

// at is when it can be claimed.
func (g *memGroup) at() time.Time {
	if !g.lease.IsZero() {
		return g.lease
	}
	return g.Due
}

func (s *memGroups) Claim(_ context.Context, now time.Time, limit int) (due []pipeline.Claimed, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return nil, s.fail
	}
	var all []*memGroup
	for _, g := range s.groups {
		if !g.at().After(now) {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *memGroup) int {
		if c := a.at().Compare(b.at()); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
	for _, g := range all[:min(limit, len(all))] {
		s.claims++
		g.Retaken = !g.lease.IsZero()
		g.Token, g.lease, g.wish = fmt.Sprint(s.claims), now.Add(memLease), time.Time{}
		g.Alerts, g.Members, g.Upto = nil, nil, 0
		for _, row := range g.inbox[:min(memRead, len(g.inbox))] {
			var a pipeline.Alert
			if err := json.Unmarshal(row.alert, &a); err != nil {
				return nil, err
			}
			g.Alerts, g.Upto = append(g.Alerts, a), row.mark
		}
		g.More = len(g.inbox) > memRead
		for fp, body := range g.members {
			g.Members = append(g.Members, pipeline.Member{Fingerprint: fp, Body: body})
		}
		due = append(due, g.Claimed)
	}
	return due, nil
}

func (s *memGroups) Settle(ctx context.Context, now time.Time, done []pipeline.Settled) (lost []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if failed := s.settle; failed != nil {
		s.settle = nil
		return nil, failed
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if s.fail != nil {
		return nil, s.fail
	}
	for _, d := range done {
		g := s.groups[d.Key]
		if g == nil || g.lease.IsZero() || g.Token != d.Token {
			lost = append(lost, d.Key)
			continue
		}
		g.inbox = slices.DeleteFunc(g.inbox, func(r memRow) bool { return r.mark <= d.Upto })
		for _, m := range d.Set {
			g.members[m.Fingerprint] = m.Body
		}
		for _, fp := range d.Remove {
			delete(g.members, fp)
		}
		g.State, g.Due, g.holds, g.lease = d.State, d.Due, d.Holds, time.Time{}
		g.ready = d.Ready
		if d.Gone && len(g.inbox) == 0 {
			delete(s.groups, d.Key)
			continue
		}
		if d.Gone {
			g.Due = now.Add(24 * time.Hour)
		}
		if !g.wish.IsZero() {
			at := g.wish
			if g.ready.After(at) {
				at = g.ready
			}
			if at.Before(g.Due) {
				g.Due = at
			}
		}
		if g.More || g.woken && g.holds {
			g.Due = now
		}
		g.woken = false
	}
	return lost, nil
}

func (s *memGroups) Wake(_ context.Context, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.groups {
		if !g.lease.IsZero() {
			g.woken = true
		} else if g.holds && now.Before(g.Due) {
			g.Due = now
		}
	}
	return s.fail
}

func (s *memGroups) NextDue(context.Context) (next time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.groups {
		if next.IsZero() || g.at().Before(next) {
			next = g.at()
		}
	}
	return next, s.fail
}

func (s *memGroups) Due(_ context.Context, keys []string) (map[string]time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	due := map[string]time.Time{}
	for _, k := range keys {
		if g := s.groups[k]; g != nil {
			due[k] = g.Due
		}
	}
	return due, s.fail
}

func (s *memGroups) Sources(_ context.Context, now time.Time, keys []string) (all []pipeline.Source, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, src := range s.sources {
		if slices.Contains(keys, src.Key) && src.Ends.After(now) {
			all = append(all, src)
		}
	}
	return all, s.fail
}

// noGroups takes everything and keeps nothing.
type noGroups struct{ route.Groups }

func (noGroups) Put(context.Context, time.Time, []pipeline.Inbox, []pipeline.Source) (time.Time, []string, error) {
	return time.Time{}, nil, nil
}
