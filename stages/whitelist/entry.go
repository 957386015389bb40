package whitelist

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// Entry is one exception.
type Entry struct {
	ID       string
	Reason   string
	Owner    string
	Approver string
	Rules    []string  // names of rules; * stands for any text
	Expires  time.Time // from then on it does not apply; zero: never
	At       syntax.Pos

	match     syntax.Node // null-safe
	condition *filter.Condition
	schedule  []timeinterval.TimeInterval // empty: always

	hits  atomic.Uint64
	first atomic.Int64 // event time of the first and last hit, ns since the epoch; 0: none
	last  atomic.Int64
}

// inForce reports whether the entry applies at the time of an event.
func (e *Entry) inForce(at time.Time) bool {
	if !e.Expires.IsZero() && !at.Before(e.Expires) {
		return false
	}
	for _, interval := range e.schedule {
		if interval.ContainsTime(at) {
			return true
		}
	}
	return len(e.schedule) == 0
}

// structured reports whether the entry can apply to a structured event.
func (e *Entry) structured() bool {
	for _, f := range e.condition.Fields() {
		if f.Text != "evt.source" && f.Text != "evt.hostname" {
			return false
		}
	}
	return true
}

func (e *Entry) hit(at int64) {
	e.hits.Add(1)
	e.first.CompareAndSwap(0, at)
	e.last.Store(at)
}

// EntryStats says how much an entry was used.
type EntryStats struct {
	ID       string
	Reason   string
	Owner    string
	Approver string
	Expires  time.Time
	Hits     uint64
	First    time.Time // zero: never hit
	Last     time.Time
}

func (e *Entry) stats() EntryStats {
	s := EntryStats{ID: e.ID, Reason: e.Reason, Owner: e.Owner, Approver: e.Approver, Expires: e.Expires, Hits: e.hits.Load()}
	if first := e.first.Load(); first != 0 {
		s.First, s.Last = time.Unix(0, first), time.Unix(0, e.last.Load())
	}
	return s
}
