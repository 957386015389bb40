package repeats

import (
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	// keepUntold is how long repeats that no message has told are kept for the next one, once their quiet
	// time is over. Shorter forgets counts of what happens daily; longer holds more keys.
	keepUntold = 24 * time.Hour
	// Grace is how long after the quiet time, and after the last repeat came, an episode is summed up.
	// Shorter leaves out what is late; longer tells later.
	Grace = 5 * time.Second
)

// episode is what is known of a key: the occurrence that opened its quiet time, and what came after.
// observe.lua does the same; the contract suite holds the two together.
type episode struct {
	id    string // the occurrence that opened it
	open  int64  // when, in µs since the epoch, as everything here
	quiet int64  // how long repeats stay quiet

	count uint64 // what the opening occurrence stood for: itself and untold repeats of the episode before
	first int64  // the first of those

	came   *tally // nil: nothing, as in most
	closed bool   // it was summed up, or need not be any more
}

// tally is what came after the occurrence that opened an episode.
type tally struct {
	repeats uint64
	told    uint64 // how many of repeats a message has told
	since   int64  // first repeat not told; 0: none
	last    int64  // latest occurrence of any kind
	marks   []mark // the repeats that passed, since there were so many
	due     int64  // when the episode is to be summed up; 0: not at all
}

// tally is what came, to be read.
func (e *episode) tally() tally {
	if e.came == nil {
		return tally{last: e.open}
	}
	return *e.came
}

// counting is what came, to be changed.
func (e *episode) counting() *tally {
	if e.came == nil {
		e.came = &tally{last: e.open}
	}
	return e.came
}

// mark is a repeat that passed.
type mark struct {
	id   string
	n    uint64 // which occurrence of the episode it was, counted from 1
	last int64
}

// observe takes an occurrence. The rules: the one that opened the episode, redelivered, is as first as
// it was; anything from before the quiet time began to its end is a repeat; anything else opens a new
// episode, and stands for the untold repeats of this one too. "Before" reaches back one quiet time only:
// an occurrence further back means that a clock has jumped, and in doubt people are told.
func (e *episode) observe(h pipeline.Hit) pipeline.Seen {
	at, quiet := h.At.UnixMicro(), h.For.Microseconds()
	fresh := e.id == ""
	switch {
	case !fresh && h.ID == e.id:
	case !fresh && at > e.open-e.quiet && at < e.open+e.quiet:
		return e.repeat(h, at)
	default:
		next := episode{id: h.ID, open: at, quiet: quiet, count: 1, first: at}
		if t := e.tally(); t.repeats > t.told {
			next.count += t.repeats - t.told
			next.first = min(t.since, at)
		}
		*e = next
	}
	return pipeline.Seen{First: true, Count: e.count, FirstSeen: timeOf(e.first), LastSeen: timeOf(e.open)}
}

// repeat counts a repeat. One that makes the occurrences a power of the factor passes, redelivered too: it
// tells all of them.
func (e *episode) repeat(h pipeline.Hit, at int64) pipeline.Seen {
	t := e.counting()
	for _, m := range t.marks {
		if m.id == h.ID {
			return e.escalated(m)
		}
	}
	t.repeats++
	t.last = max(t.last, at)
	if n := t.repeats + 1; isPower(n, h.Escalate) {
		t.marks = append(t.marks, mark{h.ID, n, t.last})
		t.told, t.since = t.repeats, 0
		return e.escalated(t.marks[len(t.marks)-1])
	}
	if t.since == 0 {
		t.since = at
	}
	if h.Alert != nil && !e.closed {
		t.due = max(t.due, dueAt(e.open+e.quiet, at, arrival(h)))
	}
	return pipeline.Seen{}
}

func (e *episode) escalated(m mark) pipeline.Seen {
	return pipeline.Seen{
		Escalated: true, Episode: e.id, Count: m.n, FirstSeen: timeOf(e.open), LastSeen: timeOf(m.last),
	}
}

// dueAt is when an episode is to be summed up that ends at end, by the clock that gave a repeat the time at;
// it arrived by ours. What comes late, out of a sensor's spool, is waited for.
func dueAt(end, at, arrived int64) int64 {
	return max(end-max(0, at-arrived), arrived) + Grace.Microseconds()
}

func arrival(h pipeline.Hit) int64 {
	if h.Arrived.IsZero() {
		return h.At.UnixMicro()
	}
	return h.Arrived.UnixMicro()
}

// isPower reports whether n, at least 2, is a power of f.
func isPower(n, f uint64) bool {
	if f < 2 {
		return false
	}
	for n%f == 0 {
		n /= f
	}
	return n == 1
}

func timeOf(us int64) time.Time { return time.UnixMicro(us).UTC() }

// untold is what a message of the episode opened by id should add to its count.
func (e *episode) untold(of pipeline.Episode) pipeline.Repeats {
	r := pipeline.Repeats{Episode: of}
	if t := e.tally(); e.id == of.ID && t.repeats > 0 {
		r.N, r.Last = t.repeats, timeOf(t.last)
	}
	return r
}

// tell notes that a message has shown r. A second message of the same episode (another receiver's) may
// have shown fewer or more; what any of them has shown counts as told.
func (e *episode) tell(r pipeline.Repeats) (changed bool) {
	t := e.came
	if t == nil || e.id != r.ID || r.N <= t.told {
		return false
	}
	t.told = min(r.N, t.repeats)
	t.since = 0
	if t.told < t.repeats {
		t.since = r.Last.UnixMicro()
	}
	return true
}

// close notes that the episode was summed up with r. Repeats that come late all the same are for the next
// message.
func (e *episode) close(r pipeline.Repeats) (changed bool) {
	if e.id != r.ID {
		return false
	}
	e.tell(r)
	changed = !e.closed
	e.closed = true
	if e.came != nil {
		e.came.due = 0
	}
	return changed
}

// expires is when nothing of the episode matters any more. Repeats count even when told: another
// receiver's message may still be to come.
func (e *episode) expires() int64 {
	t := e.tally()
	end := max(e.open, t.last) + e.quiet
	if t.repeats > 0 {
		end = max(end, t.due) + keepUntold.Microseconds()
	}
	return end
}
