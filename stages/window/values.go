package window

// recall notes a tag with its time in a list of the tags seen last, at most Exact of them. It returns when the
// tag was seen before, and what had to go.
func (s *shard) recall(l *list, p pair) (before int64, known bool, gone pair) {
	all := s.pairs(l)
	if i := find(all, p.tag); i >= 0 {
		before = all[i].at
		if p.at < before {
			return before, true, pair{}
		}
		s.remove(l, i)
		s.insert(l, p)
		return before, true, pair{}
	}
	s.insert(l, p)
	if int(l.n) > s.cfg.Exact {
		gone = s.pairs(l)[0]
		s.drop(l, 1)
	}
	return 0, false, gone
}

// addValue notes the value of an occurrence.
func (s *shard) addValue(l *line, this *occurrence) {
	x, horizon := s.extraOf(l), l.latest-this.within
	s.dropUntil(&x.values, horizon)
	if int(x.values.n) < s.cfg.Exact {
		s.endEstimate(x) // what had to go was older than all that is left
	}
	if this.distinct == 0 || this.at <= horizon {
		return
	}
	before, known, gone := s.recall(&x.values, pair{this.at, this.distinct})
	if gone.tag != 0 && x.estimate == 0 {
		s.beginEstimate(x, this.within)
	}
	if x.estimate != 0 {
		e := s.estimates[x.estimate-1]
		if gone.tag != 0 {
			e.goneAt = max(e.goneAt, gone.at)
			e.add(gone, horizon)
		}
		if !known || floorDiv(before, e.width) != floorDiv(this.at, e.width) {
			e.add(pair{this.at, this.distinct}, horizon)
		}
	}
	s.keepText(x, this.distinct, this.o.Distinct)
}

// distinct is the distinct values in view: exactly, up to Exact of them.
func (s *shard) distinct(l *line, this *occurrence) uint64 {
	x := s.extraOf(l)
	n := uint64(x.values.n)
	if x.estimate == 0 {
		return n
	}
	e, horizon := s.estimates[x.estimate-1], l.latest-this.within
	if e.goneAt <= horizon {
		return n
	}
	return max(n, e.count(horizon))
}
