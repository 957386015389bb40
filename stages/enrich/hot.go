package enrich

import (
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// hotContainers is the hot goroutine's side of the container cache: no locks, no waiting.
type hotContainers struct {
	cache   *containerCache
	partial map[string]*partial // containers of which only the id is known
	notes   *notes              // nil when nobody wants to know
}

// partial is a container no runtime has told of yet.
type partial struct {
	container pipeline.Container
	ask       int64         // when to ask for it next, ns since the epoch
	pause     time.Duration // from that question to the one after it
}

const (
	// Pauses between two questions for a container that no runtime knew: the first finds late metadata
	// soon, the longest bounds the work for containers without a runtime (plain runc).
	minAskPause = time.Second
	maxAskPause = 2 * time.Minute
	// How many containers without metadata are remembered. They hold little, but anybody who can make
	// cgroups can make names; past this the memory starts afresh.
	maxPartial = 4096
)

// find returns what is known of container id, and asks for it in the background if that is only the id.
// old is what the caller had: what was known once stays known to a process that outlives its container.
func (h *hotContainers) find(id string, old *pipeline.Container, now int64) *pipeline.Container {
	c := h.cache.get(id)
	if c == nil && old != nil && old.Complete && old.ID == id {
		return old
	}
	h.notes.container(id, c)
	if c != nil {
		delete(h.partial, id)
		return c
	}
	p := h.partial[id]
	if p == nil {
		if len(h.partial) >= maxPartial {
			clear(h.partial)
		}
		p = &partial{container: pipeline.Container{ID: id}, pause: minAskPause}
		h.partial[id] = p
	}
	if now >= p.ask && h.cache.ask(id) {
		p.ask = now + int64(p.pause)
		p.pause = min(2*p.pause, maxAskPause)
	}
	if old != nil && old.ID == id {
		return old
	}
	return &p.container
}
