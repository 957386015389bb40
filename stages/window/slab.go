package window

const slabPage = 512

// slab holds values of a kind in pages, without pointers from one to the other: they are known by number.
// Number 0 is none.
type slab[T any] struct {
	pages []*[slabPage]T
	used  uint32   // numbers below have been given out
	free  []uint32 // and these have come back
}

func (s *slab[T]) at(n uint32) *T { return &s.pages[n/slabPage][n%slabPage] }

// take gives out a zero value.
func (s *slab[T]) take() uint32 {
	if last := len(s.free) - 1; last >= 0 {
		n := s.free[last]
		s.free = s.free[:last]
		return n
	}
	s.used = max(s.used, 1)
	if int(s.used/slabPage) == len(s.pages) {
		s.pages = append(s.pages, new([slabPage]T))
	}
	s.used++
	return s.used - 1
}

// put takes n back.
func (s *slab[T]) put(n uint32) {
	var zero T
	*s.at(n) = zero
	s.free = append(s.free, n)
}
