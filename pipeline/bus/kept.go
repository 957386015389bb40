package bus

import (
	"context"
	"errors"
	"time"
)

// ErrNone says that there is no such message.
var ErrNone = errors.New("there is no such message")

// Kept is a message of a topic to which nobody subscribes: it stays until it is removed.
type Kept struct {
	Number uint64 // in its topic, from 1, never given twice
	At     time.Time
	Body   []byte
}

// KeptState is what such a topic holds.
type KeptState struct {
	Messages int
	Bytes    int64 // on the disk
	MaxBytes int64 // of Bytes; 0: no bound but the disk
}

// Keep has a topic keep its messages. Where they are more than it may hold, the oldest go, and nobody is told: whoever
// uses the topic is to look at KeptState and remove some before. It is to be called before the topic is used. A stream of
// a foreign server that is there stays as it is.
func (b *Bus) Keep(ctx context.Context, topic string) error { return b.engine.keep(ctx, topic) }

// KeptState returns what a topic holds; nothing, if it does not exist.
func (b *Bus) KeptState(ctx context.Context, topic string) (KeptState, error) {
	return b.engine.keptState(ctx, topic)
}

// KeptFrom returns the first message of a topic with at least this number. Nothing is taken from the topic. ErrNone: there
// is none.
func (b *Bus) KeptFrom(ctx context.Context, topic string, number uint64) (Kept, error) {
	return b.engine.keptFrom(ctx, topic, number)
}

// KeptAt returns a message by its number.
func (b *Bus) KeptAt(ctx context.Context, topic string, number uint64) (Kept, error) {
	return b.engine.keptAt(ctx, topic, number)
}

// Remove removes a message by its number. ErrNone: there is none.
func (b *Bus) Remove(ctx context.Context, topic string, number uint64) error {
	return b.engine.remove(ctx, topic, number)
}
