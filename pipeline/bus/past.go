package bus

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Past is what is known of a message's earlier attempts.
type Past struct {
	Attempts uint32
	Unsure   bool // one of them may have succeeded: nobody learned what came of it
}

// handedOut is what a message's context says of where it came from and of its past.
type handedOut struct {
	queue   *queue // of the embedded engine; nil: another
	item    *item
	past    Past
	carried any // in the place of its payload; nil: nothing
}

type handedOutKey struct{}

// withOrigin is the context of a message that is handed out.
func withOrigin(ctx context.Context, h handedOut) context.Context {
	return context.WithValue(ctx, handedOutKey{}, h)
}

// originOf is the zero value for a message that no bus handed out: it has no past.
func originOf(m *message.Message) handedOut {
	h, _ := m.Context().Value(handedOutKey{}).(handedOut)
	return h
}
