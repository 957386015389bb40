package history

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// state is the account of one alert; the alert itself is kept beside it. Times are ns since the epoch.
type state struct {
	id       string // of the latest alert
	stateful bool
	timeout  bool // ends is ours, see pipeline.Stateful
	starts   int64
	ends     int64 // it is live before
	updated  int64 // when it was recorded; of a stateful alert: posted
	first    int64
	last     int64
	count    uint64
	repeats  uint64
	content  uint64 // of the latest alert, where it is stateful: see contentOf
}

// news is what a batch says of one alert.
type news struct {
	passed  []*pipeline.Alert // in order
	repeats []*pipeline.Alert // occurrences that were kept quiet, in order
}

// change is what becomes of an alert's account.
type change struct {
	state
	alert *pipeline.Alert // takes the place of the one that is kept; nil: that stays
	kept  []kept          // for history
}

// kept is an occurrence to be kept.
type kept struct {
	kind  string
	alert *pipeline.Alert
}

// apply says what becomes of an account; was is nil where there is none. An event is live until resolve after its
// last occurrence. There is no account without an alert: what completes one that is not known makes none.
func (n *news) apply(was *state, now time.Time, resolve time.Duration) change {
	var c change
	if was != nil {
		c.state = *was
	}
	known := was != nil
	for _, a := range n.passed {
		switch {
		case a.Completes != nil:
			if known && c.id == a.ID {
				whole := *a
				whole.Completes = nil
				c.alert = &whole
			}
			continue
		case a.Closing: // no occurrence of its own
			if known {
				continue
			}
		}
		if a.Stateful != nil {
			c.post(a, known, now)
		} else {
			c.occur(a, known, resolve)
		}
		known = true
	}
	for _, a := range n.repeats {
		c.repeat(a, known, resolve)
		known = true
	}
	if !c.stateful {
		c.updated = max(c.updated, now.UnixNano())
	}
	return c
}

// occur notes an event that was let through.
func (c *change) occur(a *pipeline.Alert, known bool, resolve time.Duration) {
	at := nanos(a.Time)
	switch {
	case !known || c.stateful:
		first := at
		if !a.FirstSeen.IsZero() {
			first = min(first, nanos(a.FirstSeen))
		}
		c.state = state{starts: first, first: first, last: at, count: max(1, a.Count)}
	case c.id == a.ID: // redelivered
		c.alert = a
		return
	default:
		if at > c.ends { // it was over meanwhile
			c.starts = at
		}
		c.starts, c.first, c.last = min(c.starts, at), min(c.first, at), max(c.last, at)
		c.count++
	}
	c.id, c.repeats, c.alert = a.ID, 0, a
	c.ends = c.last + int64(resolve)
	c.kept = append(c.kept, kept{pipeline.OccurredEvent, a})
}

// repeat notes an event that was kept quiet. One of which nothing is known any more is shown all the same.
func (c *change) repeat(a *pipeline.Alert, known bool, resolve time.Duration) {
	at := nanos(a.Time)
	if !known || c.stateful {
		c.state = state{id: a.ID, starts: at, first: at, last: at}
		c.alert = a
	} else if at > c.ends {
		c.starts = at
	}
	c.starts, c.first, c.last = min(c.starts, at), min(c.first, at), max(c.last, at)
	c.count++
	c.repeats++
	c.ends = c.last + int64(resolve)
}

// post notes a stateful alert, with what was known of it.
func (c *change) post(a *pipeline.Alert, known bool, now time.Time) {
	s := a.Stateful
	fired := false
	if known && c.stateful {
		fired = c.ends > now.UnixNano()
		s = c.posted().Merge(s)
	} else {
		c.state = state{stateful: true, first: nanos(s.StartsAt)}
	}
	if content := contentOf(a); nanos(a.Stateful.UpdatedAt) >= c.updated && (content != c.content || c.id == "") {
		c.id, c.alert, c.content = a.ID, a, content
	}
	c.starts, c.ends, c.updated, c.timeout = nanos(s.StartsAt), nanos(s.EndsAt), nanos(s.UpdatedAt), s.Timeout
	c.first, c.last = min(c.first, c.starts), max(c.last, c.updated)
	switch fires := c.ends > now.UnixNano(); {
	case fires && !fired:
		c.count++
		c.kept = append(c.kept, kept{pipeline.OccurredFiring, a})
	case !fires && (fired || !known):
		c.kept = append(c.kept, kept{pipeline.OccurredResolved, a})
	}
}

// contentOf is a number for what people see of a stateful alert: its producer sends it again and again, mostly the same.
func contentOf(a *pipeline.Alert) uint64 {
	n := hashOf(a.Output, a.Stateful.GeneratorURL) ^ uint64(a.Priority)
	for name, value := range a.Labels {
		n += hashOf(name, value)
	}
	for name, value := range a.Annotations {
		n += 3 * hashOf(name, value)
	}
	return n
}

// hashOf is FNV-1a 64.
func hashOf(texts ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, s := range texts {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	return h
}

// posted is a stateful alert's times as they stand.
func (s *state) posted() *pipeline.Stateful {
	return &pipeline.Stateful{StartsAt: instant(s.starts), EndsAt: instant(s.ends), UpdatedAt: instant(s.updated), Timeout: s.timeout}
}

// known puts an account and its alert together.
func (s *state) known(a pipeline.Alert) pipeline.Known {
	k := pipeline.Known{Occurrences: s.count, First: instant(s.first), Last: instant(s.last), Repeats: s.repeats}
	if s.stateful && a.Stateful != nil {
		times := s.posted()
		times.GeneratorURL = a.Stateful.GeneratorURL
		a.Stateful = times
	} else {
		a.Count, a.FirstSeen, a.LastSeen = s.count, k.First, k.Last
	}
	k.Live = pipeline.Live{Alert: a, StartsAt: instant(s.starts), EndsAt: instant(s.ends), UpdatedAt: instant(s.updated)}
	return k
}

// nanos and instant are each other's opposite; the zero time is 0.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func instant(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// stateVersion is the first byte of an encoded state.
const stateVersion = 1

var errState = errors.New("the account of an alert is not one of ours")

func (s *state) encode() []byte {
	b := make([]byte, 0, 64+len(s.id))
	flags := byte(0)
	if s.stateful {
		flags |= 1
	}
	if s.timeout {
		flags |= 2
	}
	b = append(b, stateVersion, flags)
	for _, v := range [...]int64{s.starts, s.ends, s.updated, s.first, s.last} {
		b = binary.AppendVarint(b, v)
	}
	b = binary.AppendUvarint(b, s.count)
	b = binary.AppendUvarint(b, s.repeats)
	b = binary.AppendUvarint(b, s.content)
	return append(b, s.id...)
}

func decodeState(b []byte) (*state, error) {
	if len(b) < 2 || b[0] != stateVersion {
		return nil, errState
	}
	s := &state{stateful: b[1]&1 != 0, timeout: b[1]&2 != 0}
	b = b[2:]
	for _, to := range [...]*int64{&s.starts, &s.ends, &s.updated, &s.first, &s.last} {
		v, n := binary.Varint(b)
		if n <= 0 {
			return nil, errState
		}
		*to, b = v, b[n:]
	}
	for _, to := range [...]*uint64{&s.count, &s.repeats, &s.content} {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errState
		}
		*to, b = v, b[n:]
	}
	s.id = string(b)
	return s, nil
}
