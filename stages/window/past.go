package window

// past is what a key has that not every window asks for: when it fired, and what it remembers of values.
type past struct {
	firedAt int64
	firedID uint64
	fired   bool

	lastSet         bool
	lastLen, oldLen uint8 // of the texts of the last value and the one before the latest change
	last            uint64
	lastAt          int64
	texts           uint32

	known list // values of New
}

const (
	// pastOrder makes a block for two values of MaxValue bytes.
	pastOrder = 3
	oldText   = pairBytes << pastOrder / 2
)

// pastOf is the past of a key, made when there is none.
func (s *shard) pastOf(k *key) *past {
	if k.past == 0 {
		s.charge(pastBytes)
		k.past = s.pasts.take()
	}
	return s.pasts.at(k.past)
}

// change reports whether an occurrence's value differs from the last one. l may be nil.
func (s *shard) change(k *key, l *line, this *occurrence) bool {
	if this.changed == 0 {
		return false
	}
	p := s.pastOf(k)
	forgotten := !p.lastSet || this.at-p.lastAt > this.w.Changed.Microseconds()
	if !forgotten && this.at < p.lastAt {
		return false
	}
	differs := !p.lastSet || this.changed != p.last
	p.lastSet, p.last, p.lastAt = true, this.changed, this.at
	if !differs {
		return false
	}
	if p.texts == 0 {
		p.texts = s.alloc(pastOrder)
	}
	text := s.arena.bytes(p.texts, pastOrder)
	if !forgotten {
		copy(text[oldText:], text[:p.lastLen])
		p.oldLen = p.lastLen
		if l != nil {
			x := s.extraOf(l)
			x.changedAt = max(x.changedAt, this.at)
		}
	}
	p.lastLen = uint8(copy(text, Shown(this.o.Changed)))
	return !forgotten
}

// previous is the value before the latest change.
func (s *shard) previous(k *key) string {
	if k.past == 0 {
		return ""
	}
	p := s.pasts.at(k.past)
	if p.oldLen == 0 {
		return ""
	}
	return string(s.arena.bytes(p.texts, pastOrder)[oldText:][:p.oldLen])
}

// learn reports whether an occurrence's value was unknown, or forgotten. l may be nil.
func (s *shard) learn(k *key, l *line, this *occurrence) bool {
	if this.fresh == 0 {
		return false
	}
	before, known, _ := s.recall(&s.pastOf(k).known, pair{this.at, this.fresh})
	if known && this.at-before <= this.w.New.Microseconds() {
		return false
	}
	if l != nil {
		x := s.extraOf(l)
		x.newAt = max(x.newAt, this.at)
	}
	return true
}
