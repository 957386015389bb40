package window

import "sync"

// cacheBytes bounds a cache: what a router works on at a time, some 100,000 small keys.
const cacheBytes = 32 << 20

// cacheOverhead is what an entry takes beside its texts.
const cacheOverhead = 96

// cache holds what a Shared has last put into the store, by the names of keys: as long as nobody else has
// changed it, it need not be asked for. It is never believed: the store compares. It is safe for concurrent use.
type cache struct {
	mu     sync.Mutex
	states map[string]string
	bytes  int
}

func newCache() *cache { return &cache{states: map[string]string{}} }

// fill gives jobs what is known of their keys.
func (c *cache) fill(jobs []*job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, j := range jobs {
		j.state = c.states[j.name]
	}
}

// keep notes what jobs have put into the store. Which keys make room is left to chance: a key that is missed
// costs a round trip.
func (c *cache) keep(jobs []*job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, j := range jobs {
		c.drop(j.name)
		c.states[j.name] = j.next
		c.bytes += len(j.name) + len(j.next) + cacheOverhead
	}
	for name := range c.states {
		if c.bytes <= cacheBytes {
			return
		}
		c.drop(name)
	}
}

func (c *cache) drop(name string) {
	if state, ok := c.states[name]; ok {
		c.bytes -= len(name) + len(state) + cacheOverhead
		delete(c.states, name)
	}
}
