package bus

import (
	"context"
	"errors"
	"time"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
)

// publishTimeout bounds the wait for the confirmation of one Publish. A disk that takes longer is as
// good as gone; the caller retries.
const publishTimeout = 10 * time.Second

// publisher is watermill-nats' publisher with two differences: a batch is sent whole and then waited
// for, instead of one round trip per message, and the wait ends with the caller's context. The wire
// format is watermill-nats' own.
type publisher struct{ bus *natsBus }

var _ message.Publisher = publisher{}

// Publish returns nil when every message is stored. On an error some may be stored; publishing them
// again with the same UUIDs is safe.
func (p publisher) Publish(topic string, msgs ...*message.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	if p.bus.failing != nil {
		if err := p.bus.failing(); err != nil {
			return publishError(topic, err)
		}
	}
	ctx, cancel := context.WithTimeout(msgs[0].Context(), publishTimeout)
	defer cancel()
	if err := p.bus.ensure(ctx, topic); err != nil {
		return err
	}
	futures := make([]jetstream.PubAckFuture, 0, len(msgs))
	for _, m := range msgs {
		nm, err := (&wmnats.NATSMarshaler{}).Marshal(subject(topic), m)
		if err != nil {
			return publishError(topic, err)
		}
		f, err := p.bus.js.PublishMsgAsync(nm, jetstream.WithMsgID(m.UUID))
		if err != nil {
			return publishError(topic, err)
		}
		futures = append(futures, f)
	}
	var failed error
	for _, f := range futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			failed = errors.Join(failed, err)
		case <-ctx.Done():
			return publishError(topic, ctx.Err())
		}
	}
	if failed != nil {
		return publishError(topic, failed)
	}
	return nil
}

// Close does nothing: the connection is the Bus's.
func (publisher) Close() error { return nil }
