package router

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
)

// handed is what is on the bus and still in memory: whoever takes the message need not read it. There is room for so
// much; what comes when that is full is in its message alone. Another process finds nothing here, nor does the one after
// a kill. It is safe for concurrent use.
type handed[T any] struct {
	process string // tells tokens of this process from others'
	most    int    // of sizes

	mu    sync.Mutex // guards what follows
	items map[string]handedItem[T]
	order []string // of tokens, the first that came first; some may have been taken
	size  int
	last  uint64
}

type handedItem[T any] struct {
	value T
	size  int
	since time.Time
}

// maxHandedFor is how long something keeps its place: what nobody has taken by then, another process may have.
const maxHandedFor = 30 * time.Second

// metadataHanded is the key of the token in a message's metadata.
const metadataHanded = "handed"

func newHanded[T any](most int) *handed[T] {
	return &handed[T]{process: uuid.NewString()[:8] + ".", most: most, items: map[string]handedItem[T]{}}
}

// has reports whether there is room for size, for now.
func (h *handed[T]) has(size int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tidy(time.Now())
	return h.size+size <= h.most
}

// put keeps a value for whoever takes m, if there is room.
func (h *handed[T]) put(m *message.Message, value T, size int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	h.tidy(now)
	if h.size+size > h.most {
		return
	}
	h.last++
	token := h.process + strconv.FormatUint(h.last, 36)
	h.items[token] = handedItem[T]{value, size, now}
	h.order, h.size = append(h.order, token), h.size+size
	m.Metadata.Set(metadataHanded, token)
}

// take returns what was kept for m, once.
func (h *handed[T]) take(m *message.Message) (value T, ok bool) {
	token := m.Metadata.Get(metadataHanded)
	if token == "" {
		return value, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	item, ok := h.items[token]
	h.remove(token)
	return item.value, ok
}

// maxTaken is how many tokens of what has been taken wait behind one that has not.
const maxTaken = 100

// tidy forgets what came first and has been taken, mostly in order, or was there for too long. It needs h.mu.
func (h *handed[T]) tidy(now time.Time) {
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
func (h *handed[T]) remove(token string) {
	h.size -= h.items[token].size
	delete(h.items, token)
}
