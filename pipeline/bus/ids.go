package bus

import (
	"hash/maphash"
	"time"
)

const (
	// idsFor is how long an id is known at least, unless there are very many.
	idsFor = 2 * time.Minute
	// maxIDs is how many ids a generation has: 40 bytes of memory each. Who publishes again does so within seconds.
	maxIDs = 1 << 16
)

// ids are those of the latest messages, as hashes of 128 bits: two generations of them.
type ids struct {
	seeds    [2]maphash.Seed
	now, old map[[2]uint64]struct{}
	begun    time.Time // when now was
}

func newIDs() ids {
	return ids{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, now: map[[2]uint64]struct{}{}}
}

func (s *ids) hash(id string) [2]uint64 {
	return [2]uint64{maphash.String(s.seeds[0], id), maphash.String(s.seeds[1], id)}
}

func (s *ids) has(id string) bool {
	h := s.hash(id)
	if _, there := s.now[h]; there {
		return true
	}
	_, there := s.old[h]
	return there
}

func (s *ids) add(id string, at time.Time) {
	if len(s.now) >= maxIDs || at.Sub(s.begun) > idsFor {
		s.old, s.now, s.begun = s.now, map[[2]uint64]struct{}{}, at
	}
	s.now[s.hash(id)] = struct{}{}
}
