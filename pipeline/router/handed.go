package router

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/pipeline"
)

// handed are alerts that are on the bus and still in memory: whoever takes the message need not read it. There is room
// for so many; those that come when it is full are in their message alone. Another process finds nothing here, nor does the one after
// a kill. It is safe for concurrent use.
type handed struct {
	process string // tells tokens of this process from others'
	most    int    // alerts

	mu    sync.Mutex // guards what follows
	items map[string]handedItem
	order []string // of tokens, the first that came first; some may have been taken
	size  int      // alerts in items
	last  uint64
}

type handedItem struct {
	alerts []pipeline.Alert
	since  time.Time
}

// maxHandedFor is how long something keeps its place: what nobody has taken by then, another process may have.
const maxHandedFor = 30 * time.Second

// metadataHanded is the key of the token in a message's metadata.
const metadataHanded = "handed"

func newHanded(most int) *handed {
	return &handed{process: uuid.NewString()[:8] + ".", most: most, items: map[string]handedItem{}}
}

// has reports whether there is room for n alerts, for now.
func (h *handed) has(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tidy(time.Now())
	return h.size+n <= h.most
}

// put keeps alerts for whoever takes m, if there is room.
func (h *handed) put(m *message.Message, alerts []pipeline.Alert) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	h.tidy(now)
	if h.size+len(alerts) > h.most {
		return
	}
	h.last++
	token := h.process + strconv.FormatUint(h.last, 36)
	h.items[token] = handedItem{alerts, now}
	h.order, h.size = append(h.order, token), h.size+len(alerts)
	m.Metadata.Set(metadataHanded, token)
}

// take returns what was kept for m, once.
func (h *handed) take(m *message.Message) (alerts []pipeline.Alert, ok bool) {
	token := m.Metadata.Get(metadataHanded)
	if token == "" {
		return nil, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	item, ok := h.items[token]
	h.remove(token)
	return item.alerts, ok
}

// maxTaken is how many tokens of what has been taken wait behind one that has not.
const maxTaken = 100

// tidy forgets what came first and has been taken, mostly in order, or was there for too long. It needs h.mu.
func (h *handed) tidy(now time.Time) {
	if len(h.order) > 2*len(h.items)+maxTaken {
		h.order = slices.DeleteFunc(h.order, func(token string) bool { _, there := h.items[token]; return !there })
	}
	for len(h.order) > 0 {
		if item, there := h.items[h.order[0]]; there {
			if now.Sub(item.since) < maxHandedFor {
				return
			}
			h.remove(h.order[0])
		}
		h.order = h.order[1:]
	}
}

// remove needs h.mu.
func (h *handed) remove(token string) {
	h.size -= len(h.items[token].alerts)
	delete(h.items, token)
}
