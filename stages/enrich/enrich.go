package enrich

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Enricher enriches events. Process and Resolve belong to one goroutine; Run is another's.
type Enricher struct {
	accounts *accounts
	cache    *containerCache
	hot      hotContainers
	runtimes *runtimes
	learned  share // what a capture tells
}

// hostContainer is the container of everything that is in none. It is shared and never changes.
var hostContainer = &pipeline.Container{Name: "host", Type: "host", Complete: true}

// New makes an Enricher. host is the machine's name.
func New(cfg Config, host string, log *slog.Logger) *Enricher {
	cache := newContainerCache()
	log = log.With("host", host)
	patterns := cfg.Containers.Sockets.patterns(cfg.Containers.HostRoot)
	if len(patterns) > 0 {
		cache.hopeful.Store(1) // until runtimes have looked
	}
	return &Enricher{
		accounts: newAccounts("/proc", time.Now),
		cache:    cache,
		hot:      hotContainers{cache: cache, wait: time.Duration(cfg.Containers.Wait), partial: map[string]*partial{}},
		learned:  share{cache: cache},
		runtimes: newRuntimes(patterns, cache, log),
	}
}

// NewReplay makes an Enricher for a replay: it knows what Learn tells it, and never looks at the machine
// it runs on. Run is of no use to it. wait is how long events wait for their container's metadata.
func NewReplay(host string, wait time.Duration, log *slog.Logger) *Enricher {
	e := New(Config{}, host, log)
	e.accounts.procfs = ""
	e.hot.wait, e.hot.replay = wait, true
	return e
}

// SetClock gives the Enricher the clock that times of events are taken from, ns since the epoch; without, it is
// the wall clock. It is to be set before Process and Run.
func (e *Enricher) SetClock(now func() int64) { e.cache.now = now }

// Learned has a word when a runtime told of containers since the last was read. One goroutine can listen.
func (e *Enricher) Learned() <-chan struct{} { return e.cache.news }

// Settle notes what has become known since the last event, at the end of a recording. It belongs to the goroutine
// of Process.
func (e *Enricher) Settle() { e.hot.noteLearned() }

// Process fills in the process of ev. It always passes the event on.
func (e *Enricher) Process(ev *pipeline.Event) pipeline.Outcome {
	e.hot.noteLearned()
	if ev.Type == pipeline.EventPivotRoot && !ev.Failed() {
		e.accounts.pivoted(ev.Proc.PID)
	}
	if ev.Proc != nil {
		e.resolve(ev.Proc, ev.Time)
	}
	return pipeline.Pass
}

// Resolve does for one process what Process does for an event's.
func (e *Enricher) Resolve(p *pipeline.Process) { e.resolve(p, time.Now().UnixNano()) }

// resolve fills in what is empty; in the steady state that is nothing. now is ns since the epoch.
func (e *Enricher) resolve(p *pipeline.Process, now int64) {
	if p.ContainerID == "" {
		if p.Container == nil || !p.Container.Complete {
			p.Container = hostContainer
		}
	} else if changes := e.cache.changes.Load(); p.Container == nil || !p.Container.Complete || p.ContainerAt != changes {
		p.Container, p.ContainerAt = e.hot.find(p.ContainerID, p.Container, now), changes
	}
	if p.User == "" || p.Group == "" || p.Login == "" {
		e.accounts.resolve(p)
	}
}

// Container is what a runtime told of the container with this full id, or nil. Any goroutine may ask.
func (e *Enricher) Container(id string) *pipeline.Container { return e.cache.get(id) }

// Run finds and watches the container runtimes until ctx ends. One that is not there yet, or goes away, is
// looked for again; the error is always nil.
func (e *Enricher) Run(ctx context.Context) error {
	var all sync.WaitGroup
	all.Go(func() { e.runtimes.run(ctx) })
	all.Go(func() { e.cache.answer(ctx, e.runtimes) })
	all.Wait()
	return nil
}

// Stats counts what became of containers; Dropped are questions that found the queue full and are asked
// again later.
type Stats struct{ Known, Asked, NotFound, Dropped uint64 }

// Stats may be called from any goroutine.
func (e *Enricher) Stats() Stats { return e.cache.stats() }
