package window

import "sort"

// list is pairs in the order of their times, equal ones as they came, in a block of an arena. What is dropped
// at the front leaves a gap until the block is full.
type list struct {
	ref     uint32
	from, n uint16
	order   uint8
}

// pairs is what l holds.
func (s *shard) pairs(l *list) []pair {
	if l.n == 0 {
		return nil
	}
	return s.arena.block(l.ref, l.order)[l.from : l.from+l.n]
}

// insert puts p behind what is not later.
func (s *shard) insert(l *list, p pair) {
	if l.ref == 0 || int(l.from)+int(l.n) == 1<<l.order {
		s.makeRoom(l)
	}
	l.n++
	all := s.pairs(l)
	i := len(all) - 1
	for i > 0 && all[i-1].at > p.at {
		i--
	}
	copy(all[i+1:], all[i:])
	all[i] = p
}

// makeRoom makes the block of l fit for one more: by closing the gap at its front, or in another one.
func (s *shard) makeRoom(l *list) {
	order, size := l.order, 1<<l.order
	switch {
	case l.ref == 0:
		order = minOrder
	case int(l.n) > size*3/4:
		order++
	case order > minOrder+1 && int(l.n) <= size/8:
		order -= 2
	default:
		s.settle(l, l.ref, order)
		return
	}
	old, oldOrder := l.ref, l.order
	s.settle(l, s.alloc(order), order)
	if old != 0 {
		s.release(old, oldOrder)
	}
}

// settle moves l to the front of a block.
func (s *shard) settle(l *list, ref uint32, order uint8) {
	copy(s.arena.block(ref, order), s.pairs(l))
	l.ref, l.order, l.from = ref, order, 0
}

// drop forgets the first n.
func (s *shard) drop(l *list, n int) {
	l.from += uint16(n)
	l.n -= uint16(n)
	if l.n == 0 {
		l.from = 0
	}
}

// dropUntil forgets what is not later than at.
func (s *shard) dropUntil(l *list, at int64) {
	all := s.pairs(l)
	n := 0
	for n < len(all) && all[n].at <= at {
		n++
	}
	s.drop(l, n)
}

// remove takes the ith out.
func (s *shard) remove(l *list, i int) {
	all := s.pairs(l)
	copy(all[i:], all[i+1:])
	l.n--
}

// empty gives the block of l back.
func (s *shard) empty(l *list) {
	if l.ref != 0 {
		s.release(l.ref, l.order)
	}
	*l = list{}
}

// later counts the pairs later than at.
func later(all []pair, at int64) int {
	if len(all) == 0 || all[0].at > at {
		return len(all) // as a rule: what has left is dropped
	}
	return len(all) - sort.Search(len(all), func(i int) bool { return all[i].at > at })
}

// find looks for a tag, the latest first; -1: it is not there.
func find(all []pair, tag uint64) int {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].tag == tag {
			return i
		}
	}
	return -1
}
