package shared

import "time"

// degrade notes that the store is away and starts looking for it; the second of several callers finds that
// done.
func (s *Store) degrade(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away.Load() || s.closing.Err() != nil {
		return
	}
	now := time.Now()
	if s.last.N > 0 && now.Sub(s.last.Ended) >= steady {
		s.wait = minProbe
	}
	s.last = Outage{N: s.outages.Add(1), Begun: now, Reason: s.explain(err)}
	s.log.Warn("the shared store is away; local windows take over and repeats may be told twice",
		"reason", s.last.Reason, "err", err, "store", s.opts.Addrs)
	s.away.Store(true)
	s.probing.Go(s.probe)
}

// probe returns when the store is back, or on Close.
func (s *Store) probe() {
	for {
		select {
		case <-s.closing.Done():
			return
		case <-time.After(s.nextWait()):
		}
		if err := s.prepare(s.closing); err != nil {
			s.stillAway(err)
			continue
		}
		s.back()
		return
	}
}

func (s *Store) nextWait() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := s.wait
	s.wait = min(2*wait, maxProbe)
	return wait
}

// stillAway tells once when the reason has become another: first a Redis is gone, then it wants a password.
func (s *Store) stillAway(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Err() != nil {
		return
	}
	s.last.Looks++
	if reason := s.explain(err); reason != s.last.Reason {
		s.last.Reason = reason
		s.log.Warn("the shared store is still away", "reason", reason, "err", err, "store", s.opts.Addrs)
		return
	}
	s.log.Debug("the shared store is still away", "err", err)
}

func (s *Store) back() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last.Ended = time.Now()
	s.away.Store(false)
	s.log.Info("the shared store is back", "away", s.last.Ended.Sub(s.last.Begun).Round(time.Millisecond), "store", s.opts.Addrs)
}
