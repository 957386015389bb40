package window

import (
	"math"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Above Config.Exact the older occurrences are merged: a pane is the latest time of a part of a span, how many
// occurrences there were, and how long before it the first of them was. It counts as a whole until its latest
// time leaves, so that there are never too few.

// fold merges the oldest occurrence, for each span that has it in view.
func (s *shard) fold(l *line, this *occurrence) {
	at := s.pairs(&l.seen)[0].at
	s.drop(&l.seen, 1)
	x := s.extraOf(l)
	if this.within > 0 {
		s.merge(&x.panes, at, l.latest, this.within)
	}
	if this.rateSpan > 0 {
		s.merge(&x.ratePanes, at, l.latest, this.rateSpan)
	}
}

func (s *shard) merge(panes *list, at, latest, span int64) {
	s.dropUntil(panes, latest-span)
	if at <= latest-span {
		return
	}
	width := max(span/Panes, 1)
	all := s.pairs(panes)
	for i := len(all) - 1; i >= 0; i-- {
		if p := &all[i]; floorDiv(p.at, width) == floorDiv(at, width) {
			first := min(p.first(), at)
			*p = paneOf(max(p.at, at), first, p.occurrences()+1)
			return
		}
	}
	s.insert(panes, paneOf(at, at, 1))
}

func floorDiv(a, b int64) int64 {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}

// paneOf packs a pane. How long it is is cut off at 71 minutes: only what is shown as the first could be wrong.
func paneOf(latest, first int64, n uint64) pair {
	return pair{latest, min(n, math.MaxUint32)<<32 | uint64(min(latest-first, math.MaxUint32))}
}

func (p pair) occurrences() uint64 { return p.tag >> 32 }

func (p pair) first() int64 { return p.at - int64(p.tag&math.MaxUint32) }

// inPanes counts what is later than horizon.
func (s *shard) inPanes(panes *list, horizon int64) uint64 {
	n := uint64(0)
	for _, p := range s.pairs(panes) {
		if p.at > horizon {
			n += p.occurrences()
		}
	}
	return n
}

// count is the occurrences in view.
func (s *shard) count(l *line, this *occurrence) uint64 {
	horizon := l.latest - this.within
	n := uint64(later(s.pairs(&l.seen), horizon))
	if l.extra != 0 {
		n += s.inPanes(&s.extras.at(l.extra).panes, horizon)
	}
	return n
}

// rateCount is the occurrences in (M - RateSpan, M].
func (s *shard) rateCount(l *line, this *occurrence, latest int64) uint64 {
	return uint64(later(s.pairs(&l.seen), latest-this.rateSpan)) + s.inPanes(&s.extraOf(l).ratePanes, latest-this.rateSpan)
}

// rateLimit is how many occurrences in RateSpan are not too many.
func rateLimit(w *pipeline.Window) float64 { return w.Rate * w.RateSpan.Seconds() }

// endBreach sees whether the rate had gone down before an occurrence that is none of the late ones.
func (s *shard) endBreach(l *line, this *occurrence) {
	x := s.extraOf(l)
	if !x.breached {
		return
	}
	before := s.rateCount(l, this, this.at) - uint64(later(s.pairs(&l.seen), this.at-1))
	x.breached = float64(before) > rateLimit(this.w)
}

// beginBreach sees whether the rate is exceeded.
func (s *shard) beginBreach(l *line, this *occurrence) {
	x := s.extraOf(l)
	if !x.breached && float64(s.rateCount(l, this, l.latest)) > rateLimit(this.w) {
		x.breached, x.breach = true, l.latest
	}
}
