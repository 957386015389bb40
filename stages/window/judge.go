package window

import "github.com/tocsin-security/tocsin/pipeline"

// occurrence is an observation as a shard looks at it: times in µs, hashes in place of texts.
type occurrence struct {
	w   *pipeline.Window
	o   *pipeline.Observation
	key uint64

	at, arrived                   int64
	within, rateSpan, span, reach int64

	id, distinct, changed, fresh uint64 // 0: it has none
}

// judge follows the Reference of windowtest step by step.
func (s *shard) judge(this *occurrence, j *pipeline.Judged) {
	*j = pipeline.Judged{Sight: pipeline.Sight{Values: j.Values[:0], Steps: j.Steps[:0]}}
	w := this.w
	this.within, this.rateSpan = w.Within.Microseconds(), w.RateSpan.Microseconds()
	this.span, this.reach = max(this.within, this.rateSpan), s.cfg.Reach(w).Microseconds()
	if this.at > this.arrived+s.lateness {
		this.at = this.arrived
	}
	k := s.keyOf(this)
	s.forgetLines(k, this)
	if this.id != 0 && s.redelivered(k, this, j) {
		return
	}
	l := s.pick(k, this)
	switch {
	case this.span == 0:
		l = nil
	case l == nil:
		l = s.begin(k, this.at)
	case this.at <= l.latest-this.span:
		return
	default:
		l = s.toFront(k, l)
	}
	s.touch(k, this.arrived)
	if l != nil {
		l.touched = max(l.touched, this.arrived)
		s.add(l, this)
	}
	changed := w.Changed > 0 && s.change(k, l, this)
	isNew := w.New > 0 && s.learn(k, l, this)
	if s.holds(l, this, changed, isNew) && !s.quiet(k, this) {
		p := s.pastOf(k)
		p.fired, p.firedAt, p.firedID = true, this.at, this.id
		s.show(k, l, this, j)
	}
}

// redelivered answers for an occurrence that is known.
func (s *shard) redelivered(k *key, this *occurrence, j *pipeline.Judged) bool {
	l, known := s.holder(k, this)
	if k.past != 0 {
		if p := s.pasts.at(k.past); p.fired && p.firedID == this.id {
			if this.span == 0 {
				l = nil
			}
			s.show(k, l, this, j)
			return true
		}
	}
	return known
}

// holder finds the timeline that has the occurrence in view; without one, the timeline it would belong to.
func (s *shard) holder(k *key, this *occurrence) (l *line, known bool) {
	if k.lines > 0 && s.has(&k.line, this) {
		return &k.line, true
	}
	if k.lines > 1 {
		if other := s.lines.at(k.other); s.has(other, this) {
			return other, true
		}
	}
	return s.pick(k, this), false
}

// has also gives the occurrence the time with which it was counted: a clock that ran ahead when it came first
// may not do so now.
func (s *shard) has(l *line, this *occurrence) bool {
	all := s.pairs(&l.seen)
	i := find(all, this.id)
	if i < 0 {
		return false // what has left the view is not there
	}
	this.at = all[i].at
	return true
}

// add counts an occurrence.
func (s *shard) add(l *line, this *occurrence) {
	rated := this.w.Rate > 0
	if rated && this.at >= l.latest {
		s.endBreach(l, this)
	}
	l.latest = max(l.latest, this.at)
	s.dropUntil(&l.seen, l.latest-this.span)
	s.insert(&l.seen, pair{this.at, this.id})
	if int(l.seen.n) > s.cfg.Exact {
		s.fold(l, this)
	}
	if rated {
		s.beginBreach(l, this)
	}
	if this.w.Distinct > 0 {
		s.addValue(l, this)
	}
	if this.w.Steps > 0 {
		s.addStep(l, this)
	}
}

// holds reports whether all that is asked for is so.
func (s *shard) holds(l *line, this *occurrence, changed, isNew bool) bool {
	w := this.w
	if l == nil {
		return (w.Changed == 0 || changed) && (w.New == 0 || isNew)
	}
	var none extra // nothing has been noted yet
	x, horizon := &none, l.latest-this.within
	if l.extra != 0 {
		x = s.extras.at(l.extra)
	}
	return (w.Count == 0 || s.count(l, this) > w.Count) &&
		(w.Distinct == 0 || s.distinct(l, this) > w.Distinct) &&
		(w.Rate == 0 || x.breached && l.latest-x.breach >= w.RateFor.Microseconds()) &&
		(w.Changed == 0 || changed || x.changedAt > horizon) &&
		(w.New == 0 || isNew || x.newAt > horizon) &&
		(w.Steps == 0 || s.chain(l, this))
}

// quiet reports whether the key fired too short a time ago.
func (s *shard) quiet(k *key, this *occurrence) bool {
	if k.past == 0 {
		return false
	}
	p := s.pasts.at(k.past)
	return p.fired && abs(this.at-p.firedAt) < this.w.Cooldown.Microseconds()
}
