package enrich

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Resolver looks up the host names that rules compare with, in the background, again and again: the rules
// compare addresses. It never asks for the name of an address. Watch is safe for concurrent use.
type Resolver struct {
	lookUp func(ctx context.Context, network, host string) ([]netip.Addr, error)
	every  time.Duration
	log    *slog.Logger
	job    atomic.Pointer[resolverJob]
	wake   chan struct{}
}

type resolverJob struct {
	table *pipeline.HostNames
	names []string
}

const (
	// An address that moved is noticed this much later; more often would be a load on the name server.
	resolveEvery = time.Minute
	// How long one name may take: the others behind it wait.
	resolveTimeout = 5 * time.Second
	// Questions under way at a time: a name server that is slow must not be flooded.
	resolveAtOnce = 4
	// How many names are looked up: rules that name more mean networks, for which there is fd.snet.
	maxResolved = 1000
)

// NewResolver makes a Resolver that has nothing to do yet.
func NewResolver(log *slog.Logger) *Resolver {
	return &Resolver{lookUp: net.DefaultResolver.LookupNetIP, every: resolveEvery, log: log, wake: make(chan struct{}, 1)}
}

// Watch has the names looked up for table from now on, and no others. A nil table ends all.
func (r *Resolver) Watch(table *pipeline.HostNames, names []string) {
	if len(names) > maxResolved {
		r.log.Warn("rules name more hosts than are looked up", "names", len(names), "limit", maxResolved)
		names = names[:maxResolved]
	}
	r.job.Store(&resolverJob{table: table, names: names})
	select {
	case r.wake <- struct{}{}:
	default: // it will see the new job when it wakes
	}
}

// Run resolves until ctx ends.
func (r *Resolver) Run(ctx context.Context) error {
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	known := map[string][]netip.Addr{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
			known = map[string][]netip.Addr{}
		case <-tick.C:
		}
		if job := r.job.Load(); job != nil && job.table != nil && len(job.names) > 0 {
			known = r.resolve(ctx, job.names, known)
			job.table.Set(known)
		}
	}
}

// resolve looks all names up. One that fails keeps the addresses it had.
func (r *Resolver) resolve(ctx context.Context, names []string, old map[string][]netip.Addr) map[string][]netip.Addr {
	var mu sync.Mutex
	found := maps.Clone(old)
	var all sync.WaitGroup
	slots := make(chan struct{}, resolveAtOnce)
	for _, name := range names {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
			defer cancel()
			addrs, err := r.lookUp(ctx, "ip", name)
			if err != nil {
				r.log.Debug("host name not resolved", "name", name, "err", err)
				return
			}
			for i := range addrs {
				addrs[i] = addrs[i].Unmap()
			}
			mu.Lock()
			defer mu.Unlock()
			found[name] = addrs
		})
	}
	all.Wait()
	return found
}
