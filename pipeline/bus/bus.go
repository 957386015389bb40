// Package bus owns the durable message bus: it opens the engine behind a URL and hands out Watermill
// publishers and subscribers on it. Publish returns nil only when the messages are on disk (or with the
// broker); a message is gone only when it is acknowledged. It knows no alert and no receiver.
//
// Topics are work queues: one consumer group each, in which every message goes to one member. A message
// that is being worked on, for however long, is not handed out again while its process lives.
//
// What "on disk" means for the embedded engine: written to the file system before Publish returns, so
// that kill -9 loses nothing; synced to the device every second, so that a power cut can lose the last
// second.
package bus

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Embedded is the URL of the engine inside the process.
const Embedded = "embedded"

// ErrFull says that a topic holds all it may. What is in it stays; the new message is refused.
var ErrFull = errors.New("the topic is full: its consumer is behind or stopped")

// Config is the bus block of the configuration.
type Config struct {
	URL string // embedded (default), nats://…; several servers with commas
	Dir string // where the embedded engine keeps its files

	// MaxBytes bounds one topic; default 1 GiB. Smaller: an outage of a channel fills its topic sooner.
	MaxBytes int64
	// MaxPayload bounds one message of the embedded engine; default 8 MiB, enough for 256 large alerts.
	MaxPayload int32
	// AckWait is how long a message of a process that died stays with it, where others share the bus; default 30 s.
	// Shorter hands over sooner, and duplicates when a process stalls that long.
	AckWait time.Duration
	// InFlight is how many messages of a topic are worked on at once; default 16.
	InFlight int
}

func (c *Config) setDefaults() {
	if c.URL == "" {
		c.URL = Embedded
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 1 << 30
	}
	if c.MaxPayload == 0 {
		c.MaxPayload = 8 << 20
	}
	if c.AckWait == 0 {
		c.AckWait = 30 * time.Second
	}
	if c.InFlight == 0 {
		c.InFlight = 16
	}
}

// Validate says whether an engine for URL exists, without opening it.
func (c Config) Validate() error {
	if c.URL == "" || c.URL == Embedded {
		return nil
	}
	for one := range strings.SplitSeq(c.URL, ",") {
		if err := validate(one); err != nil {
			return err
		}
	}
	return nil
}

// Bus is an open bus. It is safe for concurrent use.
type Bus struct {
	engine   engine
	inFlight int
}

// Open opens the engine of cfg.URL; the embedded one has its files in cfg.Dir.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*Bus, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	e, err := open(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	return &Bus{e, cfg.InFlight}, nil
}

// Publisher publishes durably. A message's UUID is its identity: the engine drops a second one with the
// same UUID within two minutes. Payloads are the caller's again once Publish has returned nil. Its Close does nothing;
// close the Bus.
func (b *Bus) Publisher() message.Publisher { return publisher{b.engine} }

// InFlight is how much of a topic is worked on at once. What is zero is as configured.
type InFlight struct {
	Messages int
	Bytes    int64 // unless one message is larger; 64 MB where it is not said
}

// maxInFlightBytes bounds the messages of one topic that are worked on at once, however many may be.
const maxInFlightBytes = 64 << 20

// Subscriber makes a subscriber for the consumer group. A topic has one group; its members share the
// messages. Each call makes an independent one, to be closed by its user.
func (b *Bus) Subscriber(group string, most InFlight) (message.Subscriber, error) {
	if most.Messages == 0 {
		most.Messages = b.inFlight
	}
	if most.Bytes == 0 {
		most.Bytes = maxInFlightBytes
	}
	return b.engine.subscriber(group, most), nil
}

// PastOf is what is known of earlier attempts to handle a message that a Subscriber handed out.
func (b *Bus) PastOf(m *message.Message) Past { return originOf(m).past }

// Note says what will be known of attempts to handle m when it is handed out again, after whatever may happen. A
// handler whose work cannot be undone notes before it begins that it is unsure what came of it, and when it has
// learned that nothing did, notes that.
func (b *Bus) Note(m *message.Message, past Past) error { return b.engine.note(originOf(m), past) }

// Backlog is how many messages of a topic are not acknowledged yet; 0 for a topic that does not exist.
func (b *Bus) Backlog(ctx context.Context, topic string) (int, error) {
	return b.engine.backlog(ctx, topic)
}

// MaxPayload is the largest message the engine takes, in bytes.
func (b *Bus) MaxPayload() int { return b.engine.maxPayload() }

// Close disconnects, and stops the embedded engine. Subscribers must be closed before.
func (b *Bus) Close() error { return b.engine.close() }
