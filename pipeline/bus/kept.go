package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
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
func (b *Bus) Keep(ctx context.Context, topic string) error {
	n := b.nats
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.make(ctx, topic, func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }); err != nil {
		return err
	}
	n.streams[topic] = true
	return nil
}

// KeptState returns what a topic holds; nothing, if it does not exist.
func (b *Bus) KeptState(ctx context.Context, topic string) (KeptState, error) {
	s, err := b.nats.js.Stream(ctx, streamName(topic))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return KeptState{}, nil
	}
	if err != nil {
		return KeptState{}, fmt.Errorf("look at bus topic %q: %w", topic, err)
	}
	info := s.CachedInfo() // of just now
	return KeptState{int(info.State.Msgs), int64(info.State.Bytes), max(info.Config.MaxBytes, 0)}, nil
}

// KeptFrom returns the first message of a topic with at least this number. Nothing is taken from the topic. ErrNone: there
// is none.
func (b *Bus) KeptFrom(ctx context.Context, topic string, number uint64) (Kept, error) {
	return b.kept(ctx, topic, max(number, 1), jetstream.WithGetMsgSubject(subject(topic)))
}

// KeptAt returns a message by its number.
func (b *Bus) KeptAt(ctx context.Context, topic string, number uint64) (Kept, error) {
	return b.kept(ctx, topic, number)
}

func (b *Bus) kept(ctx context.Context, topic string, number uint64, opts ...jetstream.GetMsgOpt) (Kept, error) {
	s, err := b.nats.js.Stream(ctx, streamName(topic))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return Kept{}, ErrNone
	}
	if err != nil {
		return Kept{}, fmt.Errorf("look at bus topic %q: %w", topic, err)
	}
	m, err := s.GetMsg(ctx, number, opts...)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Kept{}, ErrNone
	}
	if err != nil {
		return Kept{}, fmt.Errorf("read message %d of bus topic %q: %w", number, topic, err)
	}
	wm, err := (&wmnats.NATSMarshaler{}).Unmarshal(&nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data})
	if err != nil {
		return Kept{}, fmt.Errorf("read message %d of bus topic %q: %w", number, topic, err)
	}
	return Kept{Number: m.Sequence, At: m.Time, Body: wm.Payload}, nil
}

// Remove removes a message by its number. ErrNone: there is none.
func (b *Bus) Remove(ctx context.Context, topic string, number uint64) error {
	s, err := b.nats.js.Stream(ctx, streamName(topic))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return ErrNone
	}
	if err != nil {
		return fmt.Errorf("look at bus topic %q: %w", topic, err)
	}
	err = s.DeleteMsg(ctx, number)
	if err == nil {
		return nil
	}
	if _, there := s.GetMsg(ctx, number); errors.Is(there, jetstream.ErrMsgNotFound) { // the refusal does not say so
		return ErrNone
	}
	return fmt.Errorf("remove message %d of bus topic %q: %w", number, topic, err)
}
