package enrich

import (
	"context"
	"maps"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// containerCache holds what runtimes told, by container id. Reading takes no lock: every change makes a
// new map, as containers come and go a million times more rarely than events. It is safe for concurrent use.
type containerCache struct {
	known atomic.Pointer[map[string]*pipeline.Container]
	// changes counts what was told that is new: whoever has seen this number has seen all.
	changes atomic.Uint64
	news    chan struct{} // has a word when changes were counted since the last was read
	hopeful atomic.Int32  // runtimes that may answer: waiting for one makes sense
	now     func() int64  // the clock of events, ns since the epoch
	asks    chan query
	asked   atomic.Uint64
	unknown atomic.Uint64
	dropped atomic.Uint64

	mu      sync.Mutex           // one writer at a time
	records map[string]record    // of all that is known
	removed map[string]time.Time // still known, for the last events of a container
}

// record is what a runtime told of a container, before its pod's sandbox gave it anything.
type record struct {
	container.Described
	by *share
	at time.Time
}

// query asks for a container. While nobody knows it, it is asked again after the first of again, and so on.
type query struct {
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
		asks: make(chan query, askQueue), news: make(chan struct{}, 1), records: map[string]record{}, removed: map[string]time.Time{},
		now: func() int64 { return time.Now().UnixNano() },
	}
	c.known.Store(&map[string]*pipeline.Container{})
	return c
}

// get returns a container a runtime told of, or nil.
func (c *containerCache) get(id string) *pipeline.Container { return (*c.known.Load())[id] }

// ask queues a question; false if the queue is full.
func (c *containerCache) ask(q query) bool {
	select {
	case c.asks <- q:
		c.asked.Add(1)
		return true
	default:
		c.dropped.Add(1)
		return false
	}
}

// answer hands what was asked to the runtimes until ctx ends. None of them holds up another.
func (c *containerCache) answer(ctx context.Context, all *runtimes) {
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-c.asks:
			if !c.settled(q.id) {
				all.ask(q.id, func() { c.unknown.Add(1) })
				c.askAgain(q)
			}
		}
	}
}

// settled reports whether no runtime knows better than what is known of a container.
func (c *containerCache) settled(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, there := c.records[id]
	return there && !r.by.users
}

// askAgain queues a question once more after its next pause, whoever has not answered by then. One that finds the
// queue full then is dropped, and counted: the hot side asks again at its own pace.
func (c *containerCache) askAgain(q query) {
	if len(q.again) > 0 {
		time.AfterFunc(q.again[0], func() { c.ask(query{q.id, q.again[1:]}) })
	}
}

// put adds containers that by told of, or replaces what was known of them. Containers take from their pod's
// sandbox, whichever of both comes first. When a user's runtime is the first to tell of one, root's are asked.
func (c *containerCache) put(by *share, found ...container.Described) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	known := c.prune(now)
	changed := false
	for _, f := range found {
		id := f.Container.ID
		old, there := c.records[id]
		_, going := c.removed[id]
		if there && !by.replaces(f, old, going) || !there && len(known) >= maxContainers {
			continue
		}
		if by.users && !there {
			c.ask(query{id: id})
		}
		delete(c.removed, id)
		f.Container = c.stamped(f.Container, known[id])
		r := record{Described: f, by: by, at: now}
		c.records[id] = r
		changed = c.publish(known, r) || changed
		if f.Sandbox == id {
			changed = c.adopt(known, id) || changed
		}
	}
	c.store(known, changed)
}

// stamped is a container with the time at which it became known: that of what was known before, of a capture, or now.
func (c *containerCache) stamped(told, before *pipeline.Container) *pipeline.Container {
	out := *told
	if before != nil {
		out.Learned = before.Learned
	} else if out.Learned == 0 {
		out.Learned = c.now()
	}
	return &out
}

// publish makes known what is recorded of a container; false if it was known already.
func (c *containerCache) publish(known map[string]*pipeline.Container, r record) bool {
	out := r.Container
	if sandbox, ok := c.records[r.Sandbox]; ok && r.Sandbox != "" && r.by.believes(sandbox) {
		out = r.Adopt(sandbox.Container)
	}
	if old := known[out.ID]; old != nil && reflect.DeepEqual(old, out) {
		return false
	}
	known[out.ID] = out
	return true
}

// adopt gives the containers of a pod what they have of its sandbox.
func (c *containerCache) adopt(known map[string]*pipeline.Container, sandbox string) (changed bool) {
	for id, r := range c.records {
		if r.Sandbox == sandbox && id != sandbox {
			changed = c.publish(known, r) || changed
		}
	}
	return changed
}

func (c *containerCache) store(known map[string]*pipeline.Container, changed bool) {
	c.known.Store(&known)
	if !changed {
		return
	}
	c.changes.Add(1)
	select {
	case c.news <- struct{}{}:
	default: // the last word was not read yet: it stands for this one too
	}
}

// remove forgets a container that by told of, after a while.
func (c *containerCache) remove(by *share, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, there := c.records[id]; there && r.by == by {
		c.removed[id] = time.Now()
	}
}

// listed forgets, after a while, what by told of before a list of all its containers began and is not in it.
func (c *containerCache) listed(by *share, began time.Time, ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	there := make(map[string]bool, len(ids))
	for _, id := range ids {
		there[id] = true
	}
	for id, r := range c.records {
		if _, going := c.removed[id]; r.by == by && !there[id] && !going && r.at.Before(began) {
			c.removed[id] = time.Now()
		}
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
	delete(c.records, id)
	delete(c.removed, id)
	c.store(known, true)
}

// prune copies what is known, without containers whose time is over.
func (c *containerCache) prune(now time.Time) map[string]*pipeline.Container {
	known := maps.Clone(*c.known.Load())
	for id, at := range c.removed {
		if now.Sub(at) > keepRemoved {
			delete(known, id)
			delete(c.records, id)
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
