package shared

import "sync"

// StandIn is what stands in for a store while that is away. It begins anew each time the store goes: it knows
// nothing of what the store knew. It is safe for concurrent use.
type StandIn[T any] struct {
	store *Store
	fresh func() T

	mu     sync.Mutex
	outage uint64
	local  T
}

// NewStandIn makes one for store.
func NewStandIn[T any](store *Store, fresh func() T) *StandIn[T] {
	return &StandIn[T]{store: store, fresh: fresh, local: fresh()}
}

// Get is that of the latest outage.
func (s *StandIn[T]) Get() T {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, _ := s.store.Outage(); n != s.outage {
		s.outage, s.local = n, s.fresh()
	}
	return s.local
}
