package enrich

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// runtimes are all that there are on this machine, found again and again: one may be installed, or started,
// long after tocsin. It is safe for concurrent use.
type runtimes struct {
	patterns []socket
	cache    *containerCache
	log      *slog.Logger

	mu    sync.Mutex
	known map[string]*runtime // by path of the socket; never removed, as their containers remember them
	alive map[*runtime]bool   // those that are watched
}

// A runtime that was not there is found this much later; looking costs a dozen calls of stat.
const findEvery = 5 * time.Second

// Runtimes that were ever found: users come and go, and each can make a socket.
const maxRuntimes = 256

func newRuntimes(patterns []socket, cache *containerCache, log *slog.Logger) *runtimes {
	return &runtimes{patterns: patterns, cache: cache, log: log, known: map[string]*runtime{}, alive: map[*runtime]bool{}}
}

// run finds and watches runtimes until ctx ends.
func (all *runtimes) run(ctx context.Context) {
	var watching sync.WaitGroup
	defer watching.Wait()
	if len(all.patterns) == 0 {
		return
	}
	tick := time.NewTicker(findEvery)
	defer tick.Stop()
	for first := true; ; first = false {
		found := all.find()
		all.cache.hopeful.Add(int32(len(found)))
		if first {
			all.cache.hopeful.Add(-1) // what New hoped for
		}
		for _, r := range found {
			watching.Go(func() {
				defer all.cache.hopeful.Add(-1)
				r.run(ctx)
				all.mu.Lock()
				defer all.mu.Unlock()
				delete(all.alive, r)
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// find marks as watched, and returns, the runtimes whose sockets are there and that are not watched.
func (all *runtimes) find() (found []*runtime) {
	sockets, _ := present(all.patterns) // what cannot be looked at is doctor's to tell
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, s := range sockets {
		info, err := os.Stat(s.path)
		if err != nil || all.watched(info) {
			continue
		}
		r := all.known[s.path]
		if r == nil || r.share.users != s.users { // another one's, by the same path
			if len(all.known) >= maxRuntimes {
				continue
			}
			r = newRuntime(s, all.cache, all.log)
			all.known[s.path] = r
		}
		all.alive[r] = true
		found = append(found, r)
	}
	return found
}

// watched reports whether a socket is watched, by whatever path.
func (all *runtimes) watched(info os.FileInfo) bool {
	for r := range all.alive {
		if other, err := os.Stat(r.socket.path); err == nil && os.SameFile(info, other) {
			return true
		}
	}
	return false
}

// ask asks all runtimes that answer for a container; missing is called once if none of them knows it.
func (all *runtimes) ask(id string, missing func()) {
	all.mu.Lock()
	asked := slices.Collect(maps.Keys(all.alive))
	all.mu.Unlock()
	var left atomic.Int32
	left.Store(int32(len(asked)) + 1)
	none := func() {
		if left.Add(-1) == 0 {
			missing()
		}
	}
	for _, r := range asked {
		if !r.ask(question{id: id, missing: none}) {
			none()
		}
	}
	none() // all have been asked
}
