// Package interval knows at what times routes are muted or active: Alertmanager's time_intervals, with hours that go
// past midnight and days that go past the end of a week accepted as people write them. It says whether a moment is
// in an interval and until when that stays so; it has no clock.
package interval

import (
	"sync/atomic"
	"time"
)

// Set are the intervals of a configuration by name. It does not change and is safe for concurrent use.
type Set struct {
	named map[string]*named
}

// named is an interval: any of some hours. It remembers what it was asked last.
type named struct {
	hours []hours
	last  atomic.Pointer[stretch]
}

// stretch is a time over which an answer stays the same.
type stretch struct {
	in          bool
	from, valid time.Time // the answer holds for what is not before from, and before valid
	until       time.Time // when the answer changes; zero: not in sight
}

const (
	// sight is how far ahead a change is looked for: a day of the year comes again within it.
	sight = 366 * 24 * time.Hour
	// blind is for how long one that is not in sight is not looked for again.
	blind = 24 * time.Hour
)

// New makes a Set of both lists of a configuration file.
func New(all []Config) (*Set, error) {
	if err := Validate(all, nil); err != nil {
		return nil, err
	}
	s := &Set{named: make(map[string]*named, len(all))}
	for _, c := range all {
		n := &named{}
		for _, spec := range c.Intervals {
			h, err := spec.compile("")
			if err != nil {
				return nil, err
			}
			n.hours = append(n.hours, h)
		}
		s.named[c.Name] = n
	}
	return s, nil
}

// In reports whether at is in the interval of that name, and when that changes: to the minute, or zero if it does
// not within about a year. To ask again for a later moment is cheap. No moment is in an interval that is not there.
func (s *Set) In(name string, at time.Time) (in bool, until time.Time) {
	n := s.named[name]
	if n == nil {
		return false, time.Time{}
	}
	last := n.last.Load()
	if last == nil || at.Before(last.from) || !at.Before(last.valid) {
		last = n.look(at)
		n.last.Store(last)
	}
	return last.in, last.until
}

func (n *named) contains(at time.Time) bool {
	for i := range n.hours {
		if n.hours[i].contain(at) {
			return true
		}
	}
	return false
}

// look goes from one moment of a possible change to the next, until there is one.
func (n *named) look(at time.Time) *stretch {
	found := &stretch{in: n.contains(at), from: at, valid: at.Add(blind)}
	for t, end := at, at.Add(sight); ; {
		next := end.Add(1)
		for i := range n.hours {
			if edge := n.hours[i].next(t); edge.Before(next) {
				next = edge
			}
		}
		if next.After(end) {
			return found
		}
		if n.contains(next) != found.in {
			found.until, found.valid = next.In(at.Location()), next
			return found
		}
		t = next
	}
}
