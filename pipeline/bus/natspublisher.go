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

// publish is watermill-nats' publisher with two differences: a batch is sent whole and then waited for, instead of one
// round trip per message, and the wait ends with the caller's context. The wire format is watermill-nats' own.
func (b *natsBus) publish(topic string, msgs []*message.Message) error {
	ctx, cancel := context.WithTimeout(msgs[0].Context(), publishTimeout)
	defer cancel()
	if err := b.ensure(ctx, topic); err != nil {
		return err
	}
	futures := make([]jetstream.PubAckFuture, 0, len(msgs))
	for _, m := range msgs {
		nm, err := (&wmnats.NATSMarshaler{}).Marshal(subject(topic), m)
		if err != nil {
			return publishError(err)
		}
		f, err := b.js.PublishMsgAsync(nm, jetstream.WithMsgID(m.UUID))
		if err != nil {
			return publishError(err)
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
			return publishError(ctx.Err())
		}
	}
	if failed != nil {
		return publishError(failed)
	}
	return nil
}
