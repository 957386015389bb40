package router

import (
	"strconv"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
)

// handed is what is on the bus and still in memory: whoever takes the message need not read it. It is bounded, what came
// first goes first, and then the message has it all the same. Another process finds nothing here, nor does the one
// after a kill. It is safe for concurrent use.
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
}

// metadataHanded is the key of the token in a message's metadata.
const metadataHanded = "handed"

func newHanded[T any](most int) *handed[T] {
	return &handed[T]{process: uuid.NewString()[:8] + ".", most: most, items: map[string]handedItem[T]{}}
}

// put keeps a value for whoever takes m.
func (h *handed[T]) put(m *message.Message, value T, size int) {
	if size > h.most {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.size+size > h.most {
		h.remove(h.order[0])
		h.order = h.order[1:]
	}
	h.last++
	token := h.process + strconv.FormatUint(h.last, 36)
	h.items[token] = handedItem[T]{value, size}
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
	for len(h.order) > 0 { // mostly they are taken in order
		if _, there := h.items[h.order[0]]; there {
			break
		}
		h.order = h.order[1:]
	}
	return item.value, ok
}

// remove needs h.mu.
func (h *handed[T]) remove(token string) {
	h.size -= h.items[token].size
	delete(h.items, token)
}
