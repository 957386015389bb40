package window

import (
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// show fires: it writes what is in view of l into j. l is nil where there is nothing but the occurrence.
func (s *shard) show(k *key, l *line, this *occurrence, j *pipeline.Judged) {
	w := this.w
	j.Fired = true
	j.Count, j.First, j.Last = 1, timeOf(this.at), timeOf(this.at)
	if w.Changed > 0 {
		j.Previous = s.previous(k)
	}
	if l == nil {
		return
	}
	s.showView(l, this, j)
	if w.Rate > 0 {
		j.Rate = float64(s.rateCount(l, this, l.latest)) / w.RateSpan.Seconds()
	}
	if w.Distinct > 0 {
		x := s.extraOf(l)
		s.dropUntil(&x.values, l.latest-this.within)
		j.Distinct, j.Values = s.distinct(l, this), s.appendValues(j.Values, x)
	}
	if w.Steps > 0 && s.chain(l, this) {
		for _, at := range s.with.times[w.Steps-1][:w.Steps] {
			j.Steps = append(j.Steps, timeOf(at))
		}
	}
}

// showView shows how many occurrences are in view, and the first and the last of them.
func (s *shard) showView(l *line, this *occurrence, j *pipeline.Judged) {
	view := View(this.w).Microseconds()
	horizon := l.latest - view
	all := s.pairs(&l.seen)
	n := later(all, horizon)
	first := all[len(all)-n].at
	j.Count = uint64(n)
	if l.extra != 0 {
		x := s.extras.at(l.extra)
		panes := &x.panes
		if this.within == 0 {
			panes = &x.ratePanes
		}
		j.Count += s.inPanes(panes, horizon)
		for _, p := range s.pairs(panes) {
			if p.at > horizon {
				first = min(first, max(p.first(), horizon+1))
			}
		}
	}
	j.First, j.Last = timeOf(first), timeOf(l.latest)
}

func timeOf(us int64) time.Time { return time.UnixMicro(us).UTC() }
