package bus

import (
	"hash/maphash"
	"time"
)

const (
	// idsFor is how long an id is known, unless there are very many. What publishes again, since it did not learn whether it
	// had, does so within seconds; much later the same id may be something new.
	idsFor = 2 * time.Minute
	// maxIDs is how many ids a generation has: 48 bytes of memory each.
	maxIDs = 1 << 16
)

// ids are those of the latest messages and when they came, as hashes of 128 bits: two generations of them.
type ids struct {
	seeds    [2]maphash.Seed
	now, old map[[2]uint64]time.Duration // since begin
	begin    time.Time
	begun    time.Duration // when now was
}

func newIDs() ids {
	return ids{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, now: map[[2]uint64]time.Duration{}, begin: time.Now()}
}

func (s *ids) hash(id string) [2]uint64 {
	return [2]uint64{maphash.String(s.seeds[0], id), maphash.String(s.seeds[1], id)}
}

// has reports whether an id came within the time before now.
func (s *ids) has(id string, now time.Time) bool {
	h := s.hash(id)
	at, there := s.now[h]
	if !there {
		at, there = s.old[h]
	}
	return there && now.Sub(s.begin)-at <= idsFor
}

func (s *ids) add(id string, at time.Time) {
	since := at.Sub(s.begin)
	if len(s.now) >= maxIDs || since-s.begun > idsFor {
		s.old, s.now, s.begun = s.now, map[[2]uint64]time.Duration{}, since
	}
	s.now[s.hash(id)] = since
}
