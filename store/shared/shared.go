// Package shared is the store that a fleet shares: Redis. It connects, runs scripts in batches, and knows
// whether the store answers. What is kept there is the business of the packages that bring the scripts.
//
// A store that does not answer in time is treated as gone: an alert held back is worse than an alert told
// twice. Who asks it stands in for it from then on, until Outage says that it is back.
package shared

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// budget is how long the store may take for a batch.
const budget = 100 * time.Millisecond

// Probing of a store that is gone: from, doubling up to.
const (
	minProbe = 250 * time.Millisecond
	maxProbe = 10 * time.Second
)

// Embedded names the store of a single process, which this package has nothing to do with.
const Embedded = "embedded"

// IsEmbedded reports whether a store's URL names no shared store.
func IsEmbedded(rawURL string) bool { return rawURL == "" || rawURL == Embedded }

// Validate says whether a store's URL makes sense, without opening it.
func Validate(rawURL string) error {
	if IsEmbedded(rawURL) {
		return nil
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return errors.New("store: not a URL") // err holds the URL, and that may hold a password
	}
	if u.Scheme != "redis" && u.Scheme != "rediss" {
		return fmt.Errorf("store: unknown engine %q: use embedded, redis://host:6379 or rediss://host:6379", u.Scheme)
	}
	return nil
}

// Store is a shared store. It is safe for concurrent use.
type Store struct {
	client  *redis.Client
	scripts []*Script
	log     *slog.Logger

	degraded atomic.Bool
	outages  atomic.Uint64
	probing  sync.WaitGroup
	closing  context.Context
	close    context.CancelFunc
	mu       sync.Mutex // guards the change to degraded
}

// Open opens redis://[user:password@]host:port/db, or rediss:// for TLS, and loads the scripts. Only a URL
// that makes no sense is an error: a store that is away is waited for, degraded.
func Open(ctx context.Context, rawURL string, scripts []*Script, log *slog.Logger) (*Store, error) {
	if err := Validate(rawURL); err != nil {
		return nil, err
	}
	opts, err := redis.ParseURL(rawURL)
	if err != nil {
		return nil, fmt.Errorf("store: %w", withoutURL(err))
	}
	silence()
	opts.ContextTimeoutEnabled = true
	opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout = time.Second, time.Second, time.Second
	opts.MaxRetries = -1 // a stand-in is quicker, and a retried script counts twice
	opts.DialerRetries = 1
	s := &Store{client: redis.NewClient(opts), scripts: scripts, log: log}
	s.closing, s.close = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.prepare(ctx); err != nil {
		s.degrade(err)
	}
	return s, nil
}

// silence ends go-redis's habit of writing to stderr by itself; what it has to say reaches us as errors.
var silence = sync.OnceFunc(func() { redis.SetLogger(mute{}) })

type mute struct{}

func (mute) Printf(context.Context, string, ...any) {}

// withoutURL keeps the password of a URL that cannot be parsed out of the message.
func withoutURL(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// prepare checks that the store answers and lets us in, and loads the scripts.
func (s *Store) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, script := range s.scripts {
		if err := script.script.Load(ctx, s.client).Err(); err != nil {
			return fmt.Errorf("load a script into redis at %s: %w", s.client.Options().Addr, err)
		}
	}
	return nil
}

// Outage tells whether the store is away, and how many times it has gone so far: whoever stands in for it
// begins anew when the number has changed.
func (s *Store) Outage() (n uint64, away bool) { return s.outages.Load(), s.degraded.Load() }

// Degraded reports whether the store is away.
func (s *Store) Degraded() bool { return s.degraded.Load() }

// Close stops probing and disconnects.
func (s *Store) Close() error {
	s.close()
	s.probing.Wait()
	if err := s.client.Close(); err != nil {
		return fmt.Errorf("disconnect from redis: %w", err)
	}
	return nil
}

// degrade notes that the store is away and starts looking for it; the second of several callers finds that
// done.
func (s *Store) degrade(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.degraded.Load() || s.closing.Err() != nil {
		return
	}
	s.log.Warn("redis does not answer; local windows take over and repeats may be told twice", "err", err)
	s.outages.Add(1)
	s.degraded.Store(true)
	s.probing.Go(s.probe)
}

// probe returns when the store is back, or on Close.
func (s *Store) probe() {
	for wait := minProbe; ; wait = min(2*wait, maxProbe) {
		select {
		case <-s.closing.Done():
			return
		case <-time.After(wait):
		}
		if err := s.prepare(s.closing); err != nil {
			s.log.Debug("redis is still away", "err", err)
			continue
		}
		s.degraded.Store(false)
		s.log.Info("redis answers again")
		return
	}
}
