package bus

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"
)

// handedOut is what a message's context says of where it is and of its past.
type handedOut struct {
	key  attemptKey
	past Past
}

type handedOutKey struct{}

// withPast is the context of a message that is handed out. A foreign server's count of deliveries stands for
// attempts: it does not say whether a delivery came to one, so that in doubt it did.
func (b *natsBus) withPast(ctx context.Context, key attemptKey, deliveries uint64) context.Context {
	past := Past{Attempts: uint32(deliveries - 1), Unsure: deliveries > 1}
	if b.attempts != nil {
		past = b.attempts.past(key)
	}
	return context.WithValue(ctx, handedOutKey{}, handedOut{key, past})
}

func pastOf(m *message.Message) Past {
	h, _ := m.Context().Value(handedOutKey{}).(handedOut) // a message that no bus handed out has no past
	return h.past
}

func (b *natsBus) note(m *message.Message, past Past) error {
	h, ok := m.Context().Value(handedOutKey{}).(handedOut)
	if b.attempts == nil || !ok {
		return nil
	}
	return b.attempts.note(h.key, past)
}
