package bus

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
)

type carriedKey struct{}

// Carry has whoever is handed out m find value beside it, once, and need not read the payload, which says the same: as
// long as there is room, in this process, with the embedded engine. It is to be called before m is published.
func Carry(m *message.Message, value any) {
	m.SetContext(context.WithValue(m.Context(), carriedKey{}, value))
}

// valueOf is what a message is to carry; nil: nothing.
func valueOf(m *message.Message) any { return m.Context().Value(carriedKey{}) }

// Carried is what m carries, which has no payload then; nil: it has its payload. The value is the caller's.
func Carried(m *message.Message) any { return originOf(m).carried }

// Payload is that of m, which a handler has not acknowledged yet, whether or not it carries something.
func Payload(m *message.Message) ([]byte, error) {
	from := originOf(m)
	if from.carried == nil {
		return m.Payload, nil
	}
	from.queue.mu.Lock()
	defer from.queue.mu.Unlock()
	c, err := from.queue.content(from.item)
	if err != nil {
		return nil, fmt.Errorf("read a message of the bus again: %w", err)
	}
	return c.payload, nil
}
