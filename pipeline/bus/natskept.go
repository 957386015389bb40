package bus

import (
	"context"
	"errors"
	"fmt"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func (b *natsBus) keep(ctx context.Context, topic string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.make(ctx, topic, func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }); err != nil {
		return err
	}
	b.streams[topic] = true
	return nil
}

func (b *natsBus) keptState(ctx context.Context, topic string) (KeptState, error) {
	s, err := b.js.Stream(ctx, streamName(topic))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return KeptState{}, nil
	}
	if err != nil {
		return KeptState{}, fmt.Errorf("look at bus topic %q: %w", topic, err)
	}
	info := s.CachedInfo() // of just now
	return KeptState{int(info.State.Msgs), int64(info.State.Bytes), max(info.Config.MaxBytes, 0)}, nil
}

func (b *natsBus) keptFrom(ctx context.Context, topic string, number uint64) (Kept, error) {
	return b.kept(ctx, topic, max(number, 1), jetstream.WithGetMsgSubject(subject(topic)))
}

func (b *natsBus) keptAt(ctx context.Context, topic string, number uint64) (Kept, error) {
	return b.kept(ctx, topic, number)
}

func (b *natsBus) kept(ctx context.Context, topic string, number uint64, opts ...jetstream.GetMsgOpt) (Kept, error) {
	s, err := b.js.Stream(ctx, streamName(topic))
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

func (b *natsBus) remove(ctx context.Context, topic string, number uint64) error {
	s, err := b.js.Stream(ctx, streamName(topic))
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
