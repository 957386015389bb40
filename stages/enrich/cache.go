package enrich

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// containerCache holds what runtimes told, by container id. Reading takes no lock: every change makes a
// new map, as containers come and go a million times more rarely than events. It is safe for concurrent use.
type containerCache struct {
	known   atomic.Pointer[map[string]*pipeline.Container]
	asks    chan string
	asked   atomic.Uint64
	unknown atomic.Uint64
	dropped atomic.Uint64

	mu      sync.Mutex           // one writer at a time
	removed map[string]time.Time // still known, for the last events of a container
}

const (
	// Questions waiting for a runtime's answer. A full queue only delays: the hot side asks again. A
	// longer one would hold more names that anybody who can make cgroups made up.
	askQueue = 256
	// How long a removed container is remembered: events of a container that lived 20 ms are decoded
	// after its runtime has forgotten it.
	keepRemoved = time.Minute
	// How many containers are remembered at most: fifty times what a node is built for.
	maxContainers = 10000
)

func newContainerCache() *containerCache {
	c := &containerCache{asks: make(chan string, askQueue), removed: map[string]time.Time{}}
	c.known.Store(&map[string]*pipeline.Container{})
	return c
}

// get returns a container a runtime told of, or nil.
func (c *containerCache) get(id string) *pipeline.Container { return (*c.known.Load())[id] }

// ask queues a question about id; false if the queue is full.
func (c *containerCache) ask(id string) bool {
	select {
	case c.asks <- id:
		c.asked.Add(1)
		return true
	default:
		c.dropped.Add(1)
		return false
	}
}

// answer asks the runtimes for what was asked, one question at a time, until ctx ends.
func (c *containerCache) answer(ctx context.Context, runtimes []*containerd) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-c.asks:
			if c.get(id) == nil && !c.lookUp(ctx, id, runtimes) {
				c.unknown.Add(1)
			}
		}
	}
}

// lookUp asks the runtimes for id until one knows it.
func (c *containerCache) lookUp(ctx context.Context, id string, runtimes []*containerd) bool {
	for _, r := range runtimes {
		if r.lookUp(ctx, id) {
			return true
		}
	}
	return false
}

// put adds containers, or replaces what was known of them. A pod's labels are its sandbox's: it gives
// them to the containers put with or after it.
func (c *containerCache) put(found ...described) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.prune(time.Now())
	for _, f := range found {
		delete(c.removed, f.container.ID)
		if _, old := known[f.container.ID]; old || len(known) < maxContainers {
			known[f.container.ID] = f.container
		}
	}
	for _, f := range found {
		if sandbox := known[f.sandbox]; sandbox != nil {
			f.adopt(sandbox)
		}
	}
	c.known.Store(&known)
}

// remove forgets a container after a while.
func (c *containerCache) remove(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.get(id) != nil {
		c.removed[id] = time.Now()
	}
}

// forget forgets a container at once.
func (c *containerCache) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.get(id) == nil {
		return
	}
	known := maps.Clone(*c.known.Load())
	delete(known, id)
	c.known.Store(&known)
}

// prune copies what is known, without containers whose time is over.
func (c *containerCache) prune(now time.Time) map[string]*pipeline.Container {
	known := maps.Clone(*c.known.Load())
	for id, at := range c.removed {
		if now.Sub(at) > keepRemoved {
			delete(known, id)
			delete(c.removed, id)
		}
	}
	return known
}

func (c *containerCache) stats() Stats {
	return Stats{
		Known:    uint64(len(*c.known.Load())),
		Asked:    c.asked.Load(),
		NotFound: c.unknown.Load(),
		Dropped:  c.dropped.Load(),
	}
}
