package window

// line is a timeline: occurrences whose clocks agree.
type line struct {
	latest  int64 // M
	touched int64
	seen    list // the latest occurrences, with the hashes of their ids
	extra   uint32
}

// extra is what a timeline has that not every window asks for.
type extra struct {
	breach   int64 // since when the rate is exceeded
	breached bool

	changedAt, newAt int64 // the latest change, the latest new value

	panes, ratePanes list // occurrences that are no longer in seen, by parts of Within and of RateSpan

	values   list // hashes of distinct values, with the time of each one's latest occurrence
	estimate uint32
	texts    uint32 // of the latest values, see text.go
	textsEnd uint16
	order    uint8 // of the block of texts

	steps  list // occurrences that can be steps, with which ones
	base   list // what is left of earlier ones: see sequence.go
	baseAt int64
}

// extraOf is the extra of a timeline, made when there is none.
func (s *shard) extraOf(l *line) *extra {
	if l.extra == 0 {
		s.charge(extraBytes)
		l.extra = s.extras.take()
	}
	return s.extras.at(l.extra)
}

// pick finds the timeline that an occurrence belongs to, nil: there is none. The one touched last is asked first.
func (s *shard) pick(k *key, this *occurrence) *line {
	if k.lines > 0 && abs(this.at-k.line.latest) <= this.reach {
		return &k.line
	}
	if k.lines > 1 {
		if other := s.lines.at(k.other); abs(this.at-other.latest) <= this.reach {
			return other
		}
	}
	return nil
}

// begin begins a timeline, in the place of the one touched longest ago if there are two.
func (s *shard) begin(k *key, at int64) *line {
	switch k.lines {
	case 1:
		s.charge(lineBytes)
		k.other = s.lines.take()
		*s.lines.at(k.other) = k.line
		k.lines = 2
	case 2:
		other := s.lines.at(k.other)
		s.clearLine(other)
		*other = k.line
	default:
		k.lines = 1
	}
	k.line = line{latest: at}
	return &k.line
}

// toFront makes l the timeline touched last.
func (s *shard) toFront(k *key, l *line) *line {
	if l != &k.line {
		k.line, *l = *l, k.line
	}
	return &k.line
}

// forgetLines forgets timelines that nobody has touched for their reach.
func (s *shard) forgetLines(k *key, this *occurrence) {
	if k.lines > 1 && this.arrived-s.lines.at(k.other).touched > this.reach {
		s.toFront(k, s.lines.at(k.other))
		s.endLine(k)
	}
	if k.lines > 0 && this.arrived-k.line.touched > this.reach {
		s.endLine(k)
	}
}

// endLine forgets the first timeline.
func (s *shard) endLine(k *key) {
	s.clearLine(&k.line)
	k.line = line{}
	if k.lines == 2 {
		k.line = *s.lines.at(k.other)
		s.lines.put(k.other)
		k.other = 0
		s.refund(lineBytes)
	}
	k.lines--
}

func (s *shard) clearLine(l *line) {
	s.empty(&l.seen)
	if l.extra == 0 {
		return
	}
	x := s.extras.at(l.extra)
	for _, each := range []*list{&x.panes, &x.ratePanes, &x.values, &x.steps, &x.base} {
		s.empty(each)
	}
	s.endEstimate(x)
	if x.texts != 0 {
		s.release(x.texts, x.order)
	}
	s.extras.put(l.extra)
	l.extra = 0
	s.refund(extraBytes)
}

func abs(v int64) int64 { return max(v, -v) }
