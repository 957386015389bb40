package repeats

import (
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// keepUntold is how long repeats that no message has told are kept for the next one, once their quiet
// time is over. Shorter forgets counts of what happens daily; longer holds more keys.
const keepUntold = 24 * time.Hour

// episode is what is known of a key: the occurrence that opened its quiet time, and what came after.
// observe.lua does the same; the contract suite holds the two together.
type episode struct {
	id    string // the occurrence that opened it
	open  int64  // when, in µs since the epoch, as everything here
	quiet int64  // how long repeats stay quiet

	count uint64 // what the opening occurrence stood for: itself and untold repeats of the episode before
	first int64  // the first of those

	repeats uint64 // after the opening one
	told    uint64 // how many of repeats a message has told
	since   int64  // first repeat not told; 0: none
	last    int64  // latest occurrence of any kind
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
		e.repeats++
		if e.since == 0 {
			e.since = at
		}
		e.last = max(e.last, at)
		return pipeline.Seen{}
	default:
		next := episode{id: h.ID, open: at, quiet: quiet, count: 1, first: at, last: at}
		if n := e.repeats - e.told; n > 0 {
			next.count += n
			next.first = min(e.since, at)
		}
		*e = next
	}
	return pipeline.Seen{
		First: true, Count: e.count,
		FirstSeen: time.UnixMicro(e.first).UTC(), LastSeen: time.UnixMicro(e.open).UTC(),
	}
}

// untold is what a message of the episode opened by id should add to its count.
func (e *episode) untold(of pipeline.Episode) pipeline.Repeats {
	r := pipeline.Repeats{Episode: of}
	if e.id == of.ID && e.repeats > 0 {
		r.N, r.Last = e.repeats, time.UnixMicro(e.last).UTC()
	}
	return r
}

// tell notes that a message has shown r. A second message of the same episode (another receiver's) may
// have shown fewer or more; what any of them has shown counts as told.
func (e *episode) tell(r pipeline.Repeats) {
	if e.id != r.ID || r.N <= e.told {
		return
	}
	e.told = min(r.N, e.repeats)
	e.since = 0
	if e.told < e.repeats {
		e.since = r.Last.UnixMicro()
	}
}

// expires is when nothing of the episode matters any more. Repeats count even when told: another
// receiver's message may still be to come.
func (e *episode) expires() int64 {
	end := max(e.open, e.last) + e.quiet
	if e.repeats > 0 {
		end += keepUntold.Microseconds()
	}
	return end
}
