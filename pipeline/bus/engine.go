package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
)

// engine carries messages. What its methods promise is said at those of Bus that call them.
type engine interface {
	publish(topic string, msgs []*message.Message) error
	subscriber(group string, most InFlight) message.Subscriber
	note(of handedOut, past Past) error
	backlog(ctx context.Context, topic string) (int, error)

	keep(ctx context.Context, topic string) error
	keptState(ctx context.Context, topic string) (KeptState, error)
	keptFrom(ctx context.Context, topic string, number uint64) (Kept, error)
	keptAt(ctx context.Context, topic string, number uint64) (Kept, error)
	remove(ctx context.Context, topic string, number uint64) error

	maxPayload() int
	close() error
}

// open opens the engine of cfg.URL.
func open(ctx context.Context, cfg Config, log *slog.Logger) (engine, error) {
	if cfg.URL == Embedded {
		return openEmbedded(cfg, log)
	}
	return connect(ctx, cfg, log)
}

// validate says whether there is an engine for one address.
func validate(address string) error {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return errors.New("bus: not a URL") // err holds the URL, and that may hold a password
	}
	switch u.Scheme {
	case "nats", "tls":
		return nil
	case "redis", "rediss", "kafka":
		return fmt.Errorf("bus: this build has no %s bus yet: use embedded or nats://host:4222", u.Scheme)
	default:
		return fmt.Errorf("bus: unknown engine %q: use embedded or nats://host:4222", u.Scheme)
	}
}

// publisher is an engine as Watermill's.
type publisher struct{ engine engine }

var _ message.Publisher = publisher{}

// Publish returns nil when every message is stored. On an error some may be stored; publishing them
// again with the same UUIDs is safe.
func (p publisher) Publish(topic string, msgs ...*message.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	if err := p.engine.publish(topic, msgs); err != nil {
		return fmt.Errorf("publish to bus topic %q: %w", topic, err)
	}
	return nil
}

// Close does nothing: the engine is the Bus's.
func (publisher) Close() error { return nil }
