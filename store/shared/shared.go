// Package shared is the store that a fleet shares: Redis, alone, behind Sentinels or as a cluster. It
// connects, runs scripts in batches, and knows whether the store answers. What is kept there is the
// business of the packages that bring the scripts.
//
// A store that does not answer in time is treated as gone: an alert held back is worse than an alert told
// twice. Who asks it stands in for it from then on, until Outage says that it is back. Back is a store that
// takes a write in time, not one that merely answers.
package shared

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// Probing of a store that is gone: from, doubling up to.
const (
	minProbe = 250 * time.Millisecond
	maxProbe = 10 * time.Second
)

// steady is how long a store has to stay for the next probing to begin in haste again: one that comes and
// goes is asked less and less often.
const steady = time.Minute

// Outage is a time in which the store did not answer.
type Outage struct {
	N      uint64 // the number of this outage; 0: there was none yet
	Begun  time.Time
	Ended  time.Time // zero: it goes on
	Reason string    // a sentence: why, and what to do where that is known
	Looks  int       // how often it was looked for in vain
}

// Store is a shared store. It is safe for concurrent use.
type Store struct {
	opts    *redis.UniversalOptions
	client  atomic.Pointer[redis.UniversalClient] // nil: not known yet what is there
	budget  time.Duration
	scripts []*Script
	log     *slog.Logger
	took    prometheus.Histogram

	away    atomic.Bool
	outages atomic.Uint64
	probing sync.WaitGroup
	closing context.Context
	close   context.CancelFunc

	mu   sync.Mutex // guards the change to away, and what follows
	last Outage
	wait time.Duration // before the next probe
}

// Open opens a store (docs/store.md has the forms of its URL), and loads the scripts. Only a URL that makes
// no sense, or a file it names that cannot be read, is an error: a store that is away, or does not let us
// in, is waited for, degraded.
func Open(ctx context.Context, rawURL string, scripts []*Script, log *slog.Logger) (*Store, error) {
	addr, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	silence()
	s := &Store{budget: addr.budget, scripts: scripts, log: log, wait: minProbe, took: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "tocsin_store_request_seconds",
		Help:    "How long the shared store took for a batch.",
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .075, .1, .25, 1},
	})}
	if s.opts, err = addr.options(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s.closing, s.close = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.prepare(ctx); err != nil {
		s.degrade(err)
	}
	return s, nil
}

// Metrics are the store's own, to be registered.
func (s *Store) Metrics() []prometheus.Collector {
	return []prometheus.Collector{s.took, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "tocsin_store_outages_total",
		Help: "Times the shared store went away.",
	}, func() float64 { return float64(s.outages.Load()) })}
}

// Outage tells whether the store is away, and how many times it has gone so far: whoever stands in for it
// begins anew when the number has changed.
func (s *Store) Outage() (n uint64, away bool) { return s.outages.Load(), s.away.Load() }

// LastOutage is the latest outage, which may go on.
func (s *Store) LastOutage() Outage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Degraded reports whether the store is away.
func (s *Store) Degraded() bool { return s.away.Load() }

// Cluster reports whether the store is a cluster, where the keys of one call have to share a hash tag.
// Elsewhere they need not.
func (s *Store) Cluster() bool {
	client := s.client.Load()
	if client == nil {
		return false
	}
	_, ok := (*client).(*redis.ClusterClient)
	return ok
}

// Close stops probing and disconnects.
func (s *Store) Close() error {
	s.close()
	s.probing.Wait()
	client := s.client.Load()
	if client == nil {
		return nil
	}
	if err := (*client).Close(); err != nil {
		return fmt.Errorf("disconnect from redis: %w", err)
	}
	return nil
}
