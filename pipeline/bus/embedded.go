package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	"golang.org/x/sys/unix"
)

// embedded is the engine in this process: a queue per topic, each in a folder of its own, so that what waits for a
// channel that is away keeps nobody else's files.
type embedded struct {
	cfg    Config
	log    *slog.Logger
	unlock func()

	ctx     context.Context // ends when it is closed
	stop    context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex // guards what follows
	queues map[string]*queue
}

func openEmbedded(cfg Config, log *slog.Logger) (*embedded, error) {
	if cfg.Dir == "" {
		return nil, errors.New("the embedded bus needs a folder: set data_dir")
	}
	unlock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(cfg.Dir, "jetstream")); err == nil {
		log.Warn("bus: an earlier version left messages in a format that is no longer read; to have them delivered, "+
			"run that version until nothing waits, then remove the folder", "folder", filepath.Join(cfg.Dir, "jetstream"))
	}
	e := &embedded{cfg: cfg, log: log, unlock: unlock, queues: map[string]*queue{}}
	e.ctx, e.stop = context.WithCancel(context.Background())
	return e, nil
}

// lockDir makes the folder, and keeps a second process out of it. The lock goes with the process, also after kill -9.
func lockDir(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the embedded bus: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the embedded bus: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the embedded bus in %s: another tocsin is using it (give each its own data_dir): %w", dir, err)
	}
	return func() { f.Close() }, nil
}

func (e *embedded) dir(topic string) string { return filepath.Join(e.cfg.Dir, token(topic)) }

// queue returns the queue of a topic, which is made if it is not there.
func (e *embedded) queue(topic string) (*queue, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if q := e.queues[topic]; q != nil {
		return q, nil
	}
	if e.ctx.Err() != nil {
		return nil, errors.New("the bus is closed")
	}
	q, err := openQueue(e.dir(topic), e.cfg.MaxBytes, e.log.With("topic", topic))
	if err != nil {
		return nil, fmt.Errorf("open bus topic %q: %w", topic, err)
	}
	e.queues[topic] = q
	e.running.Go(func() { q.run(e.ctx) })
	return q, nil
}

// existing returns the queue of a topic; ErrNone: it was never used.
func (e *embedded) existing(topic string) (*queue, error) {
	if _, err := os.Stat(e.dir(topic)); errors.Is(err, os.ErrNotExist) {
		return nil, ErrNone
	}
	return e.queue(topic)
}

func (e *embedded) publish(topic string, msgs []*message.Message) error {
	if err := msgs[0].Context().Err(); err != nil {
		return err
	}
	for _, m := range msgs {
		if len(m.Payload) > e.maxPayload() {
			return fmt.Errorf("message %s has %d bytes, at most %d are taken", m.UUID, len(m.Payload), e.maxPayload())
		}
	}
	q, err := e.queue(topic)
	if err != nil {
		return err
	}
	return q.publish(msgs)
}

func (e *embedded) subscriber(_ string, most InFlight) message.Subscriber {
	return &queueSubscriber{e, most, newSubscriptions()}
}

func (e *embedded) note(of handedOut, past Past) error { return of.queue.note(of.item, past) }

func (e *embedded) backlog(ctx context.Context, topic string) (int, error) {
	s, err := e.keptState(ctx, topic)
	return s.Messages, err
}

func (e *embedded) keep(_ context.Context, topic string) error {
	q, err := e.queue(topic)
	if err != nil {
		return err
	}
	q.keep()
	return nil
}

func (e *embedded) keptState(_ context.Context, topic string) (KeptState, error) {
	q, err := e.existing(topic)
	if errors.Is(err, ErrNone) {
		return KeptState{}, nil
	}
	if err != nil {
		return KeptState{}, err
	}
	return q.state(), nil
}

func (e *embedded) keptFrom(_ context.Context, topic string, number uint64) (Kept, error) {
	q, err := e.existing(topic)
	if err != nil {
		return Kept{}, err
	}
	return q.from(number)
}

func (e *embedded) keptAt(_ context.Context, topic string, number uint64) (Kept, error) {
	q, err := e.existing(topic)
	if err != nil {
		return Kept{}, err
	}
	return q.at(number)
}

func (e *embedded) remove(_ context.Context, topic string, number uint64) error {
	q, err := e.existing(topic)
	if err != nil {
		return err
	}
	return q.remove(number)
}

func (e *embedded) maxPayload() int { return int(e.cfg.MaxPayload) }

func (e *embedded) close() error {
	e.stop()
	e.running.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for topic, q := range e.queues {
		if err := q.close(); err != nil {
			errs = append(errs, fmt.Errorf("close bus topic %q: %w", topic, err))
		}
	}
	e.unlock()
	return errors.Join(errs...)
}
