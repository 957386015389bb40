package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"
)

// How messages are asked for. MaxAckPending alone bounds how many come; pullAhead is how far the request
// reaches beyond that. nats.go asks again when a request is half used up, but not while the request
// before is still being written, and then waits for a further message to remind it. With a request as
// small as the messages in flight there is none: deliveries stop until the heartbeat (the server's sign
// of life on an idle request) is missed twice, which is also why that is short.
const (
	pullAhead     = 512
	pullHeartbeat = 5 * time.Second
)

// natsSubscriber is ours rather than watermill-nats' because neither of its two can work on a message for
// longer than AckWait (they give it up and the server hands it out a second time, to be worked on side
// by side), nor on more than one at a time per consumer.
type natsSubscriber struct {
	bus   *natsBus
	group string
	most  InFlight
	*subscriptions
}

var _ message.Subscriber = (*natsSubscriber)(nil)

func (b *natsBus) subscriber(group string, most InFlight) message.Subscriber {
	return &natsSubscriber{b, group, most, newSubscriptions()}
}

// Subscribe hands out the topic's messages until ctx ends or the subscriber is closed; then it takes no
// more, waits for what is being worked on, and closes the channel. A message's context ends when the
// subscription is stopping: its handler should finish or refuse it soon.
func (s *natsSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if err := s.bus.ensure(ctx, topic); err != nil {
		return nil, err
	}
	consumer, err := s.bus.js.CreateOrUpdateConsumer(ctx, streamName(topic), jetstream.ConsumerConfig{
		Durable:       token(s.group),
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       s.bus.cfg.AckWait,
		MaxAckPending: s.most.Messages,
		MaxDeliver:    -1,
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to bus topic %q: %w", topic, err)
	}
	incoming, err := consumer.Messages(jetstream.PullMaxMessages(pullAhead+s.most.Messages), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return nil, fmt.Errorf("subscribe to bus topic %q: %w", topic, err)
	}
	d := &delivery{bus: s.bus, topic: topic, out: make(chan *message.Message),
		bytes: semaphore.NewWeighted(s.most.Bytes), maxBytes: s.most.Bytes, working: map[uint64]bool{}}
	s.start(ctx, func(ctx context.Context) {
		context.AfterFunc(ctx, incoming.Drain)
		d.run(ctx, incoming)
	})
	return d.out, nil
}

// delivery is one running subscription.
type delivery struct {
	bus      *natsBus
	topic    string
	out      chan *message.Message
	trackers sync.WaitGroup
	bytes    *semaphore.Weighted // of the messages that are worked on
	maxBytes int64
	acked    atomic.Pointer[string] // where the latest acknowledgement went

	mu      sync.Mutex
	working map[uint64]bool // stream sequences being worked on here
}

// run reads until the subscription has stopped and what the client had read ahead is given back.
func (d *delivery) run(ctx context.Context, incoming jetstream.MessagesContext) {
	for {
		m, err := incoming.Next()
		switch {
		case errors.Is(err, jetstream.ErrMsgIteratorClosed):
			d.trackers.Wait()
			d.warn("confirm the acknowledgements of", d.confirm())
			close(d.out)
			return
		case err != nil:
			d.bus.log.Warn("bus: reading a topic failed, trying again", "topic", d.topic, "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(nackDelay):
			}
		case ctx.Err() != nil:
			d.warn("refuse", m.Nak()) // at once to another member, or to us after a restart
		default:
			size := min(int64(len(m.Data())), d.maxBytes)
			if d.bytes.Acquire(ctx, size) != nil {
				d.warn("refuse", m.Nak()) // it is stopping
				continue
			}
			d.trackers.Go(func() {
				defer d.bytes.Release(size)
				d.track(ctx, m)
			})
		}
	}
}

// track hands a message out and stays with it until it is acknowledged or refused, telling the server
// meanwhile that it is in work.
func (d *delivery) track(ctx context.Context, m jetstream.Msg) {
	meta, err := m.Metadata()
	if err != nil {
		d.warn("read the metadata of", err)
		return
	}
	if !d.begin(meta.Sequence.Stream) {
		return // handed out again although we are on it: a heartbeat came late
	}
	defer d.end(meta.Sequence.Stream)

	wm, err := unmarshal(m)
	if err != nil {
		d.warn("decode", err)
		d.warn("drop", m.TermWithReason(err.Error())) // not written by us; no consumer can read it
		return
	}
	// A delivery before this one may have come to an attempt, or not: the server does not say. In doubt it did.
	past := Past{Attempts: uint32(meta.NumDelivered - 1), Unsure: meta.NumDelivered > 1}
	wm.SetContext(withOrigin(ctx, handedOut{past: past}))
	beat := time.NewTicker(d.bus.cfg.AckWait / 3)
	defer beat.Stop()
	out := d.out
	stopping := ctx.Done()
	for {
		select {
		case out <- wm:
			out, stopping = nil, nil // from here on its handler decides
		case <-stopping:
			d.warn("refuse", m.Nak())
			return
		case <-beat.C:
			d.warn("extend", m.InProgress())
		case <-wm.Acked():
			d.warn("acknowledge", d.ack(m))
			return
		case <-wm.Nacked():
			if ctx.Err() != nil {
				d.warn("refuse", m.Nak())
			} else {
				d.warn("refuse", m.NakWithDelay(nackDelay))
			}
			return
		}
	}
}

// ack does not wait for the server, which would cost as much as handing the message out: confirm does, once.
func (d *delivery) ack(m jetstream.Msg) error {
	reply := m.Reply()
	d.acked.Store(&reply)
	return m.Ack()
}

// confirm waits until the server has dealt with the acknowledgements, so that a clean stop leaves nothing to be handed
// out twice. The server takes what is said about a consumer's messages in order; so its answer to anything about one
// of them says that all before is done.
func (d *delivery) confirm() error {
	reply := d.acked.Load()
	if reply == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout) // the subscription's own has ended
	defer cancel()
	_, err := d.bus.conn.RequestWithContext(ctx, *reply, ackProgress)
	return err
}

// ackProgress is JetStream's word for "still at it" (ADR-15), which changes nothing about what is acknowledged.
var ackProgress = []byte("+WPI")

func (d *delivery) begin(seq uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.working[seq] {
		return false
	}
	d.working[seq] = true
	return true
}

func (d *delivery) end(seq uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.working, seq)
}

// warn logs a failed exchange about a message. The message is not lost by it: it comes again.
func (d *delivery) warn(doing string, err error) {
	if err != nil {
		d.bus.log.Warn("bus: message exchange failed; the message may come again", "topic", d.topic, "doing", doing, "err", err)
	}
}

// unmarshal reads watermill-nats' wire format.
func unmarshal(m jetstream.Msg) (*message.Message, error) {
	return (&wmnats.NATSMarshaler{}).Unmarshal(&nats.Msg{Subject: m.Subject(), Header: m.Headers(), Data: m.Data()})
}
