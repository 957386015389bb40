package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// maxPublishing bounds the messages sent to JetStream and not yet confirmed. Smaller stalls large
// batches; larger only holds more memory, since every publisher waits for its own confirmations.
const maxPublishing = 4096

// apiTimeout bounds a question to the server that has no deadline of its own. Making a consumer writes to the disk,
// which on a machine that is busy has taken seconds.
const apiTimeout = 30 * time.Second

// natsBus is the engine on somebody's NATS servers: JetStream over one connection.
type natsBus struct {
	cfg  Config
	log  *slog.Logger
	conn *nats.Conn
	js   jetstream.JetStream

	mu      sync.Mutex
	streams map[string]bool // topics whose stream is known to exist
}

// connect opens the engine.
func connect(ctx context.Context, cfg Config, log *slog.Logger) (*natsBus, error) {
	conn, err := nats.Connect(cfg.URL, append(connOptions(log), nats.RetryOnFailedConnect(false))...)
	if err != nil {
		return nil, fmt.Errorf("connect to the bus: %w", err)
	}
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(maxPublishing), jetstream.WithDefaultTimeout(apiTimeout))
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	if _, err := js.AccountInfo(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("ask the bus for JetStream (a NATS server needs it switched on): %w", err)
	}
	return &natsBus{cfg: cfg, log: log, conn: conn, js: js, streams: map[string]bool{}}, nil
}

// connOptions keep the connection for good: while it is away, publishing fails and is retried above.
func connOptions(log *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.Name("tocsin"),
		nats.MaxReconnects(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("bus: connection lost, reconnecting", "err", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("bus: connected again") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("bus: connection reports an error", "err", err)
		}),
	}
}

func streamName(topic string) string { return "tocsin-" + token(topic) }
func subject(topic string) string    { return "tocsin." + token(topic) }

// ensure makes the topic's stream unless it exists. One that is there is taken as it is: its owner may have chosen
// replicas and limits.
func (b *natsBus) ensure(ctx context.Context, topic string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.streams[topic] {
		return nil
	}
	if err := b.make(ctx, topic, func(*jetstream.StreamConfig) {}); err != nil {
		return err
	}
	b.streams[topic] = true
	return nil
}

// make makes a topic's stream.
func (b *natsBus) make(ctx context.Context, topic string, change func(*jetstream.StreamConfig)) error {
	cfg := jetstream.StreamConfig{
		Name:     streamName(topic),
		Subjects: []string{subject(topic)},
		// Acknowledged messages go at once, so that the limit counts only what is still owed, and a full
		// topic refuses new messages instead of dropping old ones.
		Retention:  jetstream.WorkQueuePolicy,
		Discard:    jetstream.DiscardNew,
		Storage:    jetstream.FileStorage,
		MaxBytes:   b.cfg.MaxBytes,
		Duplicates: 2 * time.Minute,
	}
	change(&cfg)
	_, err := b.js.CreateStream(ctx, cfg)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return fmt.Errorf("make bus topic %q: %w", topic, err)
	}
	return nil
}

func (b *natsBus) backlog(ctx context.Context, topic string) (int, error) {
	s, err := b.js.Stream(ctx, streamName(topic))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("ask for the backlog of bus topic %q: %w", topic, err)
	}
	return int(s.CachedInfo().State.Msgs), nil
}

func (b *natsBus) close() error {
	err := b.conn.Flush() // acknowledgements on their way
	b.conn.Close()
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("flush the bus connection: %w", err)
	}
	return nil
}

// note does nothing: the server counts deliveries, and no kill of ours sets that back.
func (b *natsBus) note(handedOut, Past) error { return nil }

func (b *natsBus) maxPayload() int { return int(b.conn.MaxPayload()) }

// publishError turns the server's answer into ours. JetStream reports a full stream as a store failure
// with this text and no code of its own (nats-server store.go, ErrMaxBytes).
func publishError(err error) error {
	if strings.Contains(err.Error(), "maximum bytes exceeded") {
		return ErrFull
	}
	return err
}
