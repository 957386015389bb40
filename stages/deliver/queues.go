package deliver

import (
	"log/slog"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Config is what all queues need.
type Config struct {
	Quotas pipeline.Quotas
	// InFlight is how many notifications of one integration the bus hands out at once: with so many here no more come.
	InFlight int
	// AttemptTimeout bounds one attempt.
	AttemptTimeout time.Duration
	// Trouble is told of a channel that fails for long, every hour. It does not block.
	Trouble func(Trouble)
	// Merged is told how many notifications went in one message. It does not block.
	Merged func(integration string, notifications int, digest bool)
	// Missed is told how many recipients did not get a message that others got. It does not block.
	Missed func(integration string, recipients int)
	Log    *slog.Logger
}

// Queues are the queues of all integrations. They are safe for concurrent use.
type Queues struct {
	cfg Config

	reading sync.Mutex // held from a look at readers' quotas until what was found is taken

	mu sync.Mutex
	by map[string]*Queue
}

// New makes queues.
func New(cfg Config) *Queues { return &Queues{cfg: cfg, by: map[string]*Queue{}} }

// Set gives an integration a channel, or another one: what waits goes there, and what the queue knows of the channel's
// health stays. The queue of an integration that is not configured any more stays until the process ends; it is small.
func (s *Queues) Set(integration string, c Channel) *Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.by[integration]
	if q == nil {
		q = newQueue(integration, &s.cfg, &s.reading, c)
		s.by[integration] = q
		return q
	}
	q.channel.Store(&c)
	q.poke()
	return q
}

// Waiting is how many notifications wait, by integration.
func (s *Queues) Waiting() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]int, len(s.by))
	for name, q := range s.by {
		q.mu.Lock()
		all[name] = len(q.waiting)
		q.mu.Unlock()
	}
	return all
}
