package enrich

import (
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// hotContainers is the hot goroutine's side of the container cache: no locks, no waiting.
type hotContainers struct {
	cache   *containerCache
	wait    time.Duration       // how long a container's events wait for its metadata
	partial map[string]*partial // containers of which only the id is known
	replay  bool                // when a container was first seen is what Learn says
	notes   *notes              // nil when nobody wants to know
	noted   uint64              // the cache's changes when what became known was last noted
}

// partial is a container no runtime has told of yet.
type partial struct {
	container pipeline.Container
	seen      int64         // when its wait began, ns since the epoch; 0: nothing could be waited for
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

// askAgain are the pauses between the first questions about a container, while its events wait: at once, after
// 50, 150 and 300 ms.
var askAgain = []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 150 * time.Millisecond}

// find returns what is known of container id, and asks for it in the background if that is only the id.
// old is what the caller had: what was known once stays known to a process that outlives its container.
func (h *hotContainers) find(id string, old *pipeline.Container, now int64) *pipeline.Container {
	c := h.cache.get(id)
	if c == nil && old != nil && old.Complete && old.ID == id {
		return old
	}
	if c != nil {
		h.notes.container(c)
		delete(h.partial, id)
		return c
	}
	p := h.partial[id]
	if p == nil {
		p = h.firstSight(id)
	}
	h.notes.partial(p)
	if now >= p.ask {
		h.ask(p, now)
	}
	if old != nil && old.ID == id {
		return old
	}
	return &p.container
}

// firstSight remembers a container of which only the id is known, and begins its wait when a runtime may answer.
// In a replay only Learn begins a wait.
func (h *hotContainers) firstSight(id string) *partial {
	var seen int64
	if !h.replay && h.cache.hopeful.Load() > 0 {
		seen = h.cache.now()
	}
	return h.remember(id, seen)
}

func (h *hotContainers) remember(id string, seen int64) *partial {
	if len(h.partial) >= maxPartial {
		clear(h.partial)
	}
	p := &partial{container: pipeline.Container{ID: id}, seen: seen, pause: minAskPause}
	if seen != 0 && h.wait > 0 {
		p.container.Awaited = seen + int64(h.wait)
	}
	h.partial[id] = p
	return p
}

// ask asks the runtimes, the first time soon again as well.
func (h *hotContainers) ask(p *partial, now int64) {
	q := query{id: p.container.ID}
	if p.ask == 0 && p.container.Awaited != 0 {
		q.again = askAgain
	}
	if h.cache.ask(q) {
		p.ask = now + int64(p.pause)
		p.pause = min(2*p.pause, maxAskPause)
	}
}

// noteLearned notes the containers that were partial and have become known: their events may wait for that, and
// no other may come that uses it.
func (h *hotContainers) noteLearned() {
	if h.notes == nil {
		return
	}
	changes := h.cache.changes.Load()
	if changes == h.noted {
		return
	}
	h.noted = changes
	for id := range h.partial {
		if c := h.cache.get(id); c != nil {
			h.notes.container(c)
			delete(h.partial, id)
		}
	}
}
