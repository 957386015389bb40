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
	version atomic.Uint64 // counts changes by which something became known
	changed chan struct{} // has a word when there was such a change since the last was read
	hopeful atomic.Int32  // runtimes that may answer: the wait for one makes sense
	now     func() int64  // the clock of events, ns since the epoch
	asks    chan question
	asked   atomic.Uint64
	unknown atomic.Uint64
	dropped atomic.Uint64

	mu      sync.Mutex           // one writer at a time
	removed map[string]time.Time // still known, for the last events of a container
}

// question is about the container id. When nobody knows it, it is asked again after the first of again, and so on.
type question struct {
	id    string
	again []time.Duration
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
	c := &containerCache{
		asks: make(chan question, askQueue), changed: make(chan struct{}, 1), removed: map[string]time.Time{},
		now: func() int64 { return time.Now().UnixNano() },
	}
	c.known.Store(&map[string]*pipeline.Container{})
	return c
}

// get returns a container a runtime told of, or nil.
func (c *containerCache) get(id string) *pipeline.Container { return (*c.known.Load())[id] }

// ask queues a question; false if the queue is full.
func (c *containerCache) ask(q question) bool {
	select {
	case c.asks <- q:
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
		case q := <-c.asks:
			if c.get(q.id) == nil && !c.lookUp(ctx, q.id, runtimes) {
				c.unknown.Add(1)
				c.askAgain(q)
			}
		}
	}
}

// askAgain queues a question once more after its next pause. One that finds the queue full then is dropped, and
// counted: the hot side asks again at its own pace.
func (c *containerCache) askAgain(q question) {
	if len(q.again) > 0 {
		time.AfterFunc(q.again[0], func() { c.ask(question{q.id, q.again[1:]}) })
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
		if old := known[f.container.ID]; old != nil {
			f.container.Learned = old.Learned
		} else if f.container.Learned == 0 { // else a capture says it
			f.container.Learned = c.now()
		}
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
	c.version.Add(1)
	select {
	case c.changed <- struct{}{}:
	default: // the last word was not read yet: it stands for this one too
	}
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
