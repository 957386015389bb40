package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// drainTimeout bounds how long a stopping Batcher tries to bring its last alerts to the bus.
const drainTimeout = 10 * time.Second

// BatcherConfig bounds a Batcher.
type BatcherConfig struct {
	// Queue is how many alerts may wait; default 4096. Smaller blocks the hot half sooner while the bus
	// is slow; larger loses more when the process is killed.
	Queue int
	Retry RetryConfig // of publishing
}

// Batcher brings alerts from the hot half to the bus. An idle one sends an alert at once; while a
// publish is under way, alerts gather and go together. It never drops: when its queue is full, Add
// waits. It is safe for concurrent use.
type Batcher struct {
	publish func(context.Context, []pipeline.Alert) error
	retry   RetryConfig
	log     *slog.Logger
	queue   chan pipeline.Alert
}

// NewBatcher makes a Batcher that sends with publish, which is Router.PublishAlerts.
func NewBatcher(cfg BatcherConfig, publish func(context.Context, []pipeline.Alert) error, log *slog.Logger) (*Batcher, error) {
	if cfg.Queue == 0 {
		cfg.Queue = 4096
	}
	if err := cfg.Retry.setDefaults(); err != nil {
		return nil, err
	}
	return &Batcher{publish: publish, retry: cfg.Retry, log: log, queue: make(chan pipeline.Alert, cfg.Queue)}, nil
}

// Add takes an alert. It is not durable yet when Add returns.
func (b *Batcher) Add(ctx context.Context, a pipeline.Alert) error {
	select {
	case b.queue <- a:
		return nil
	default:
	}
	select {
	case b.queue <- a:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("queue alert %s for the bus: %w", a.ID, ctx.Err())
	}
}

// Waiting is how many alerts are in the queue.
func (b *Batcher) Waiting() int { return len(b.queue) }

// Run sends until ctx ends, then what is left. Whoever calls Add must have stopped by then.
func (b *Batcher) Run(ctx context.Context) error {
	batch := make([]pipeline.Alert, 0, MaxBatch)
	for {
		select {
		case a := <-b.queue:
			if err := b.send(ctx, b.fill(append(batch, a))); err != nil {
				return err
			}
		case <-ctx.Done():
			return b.drain(ctx, batch)
		}
	}
}

// fill adds what is already waiting.
func (b *Batcher) fill(batch []pipeline.Alert) []pipeline.Alert {
	for len(batch) < MaxBatch {
		select {
		case a := <-b.queue:
			batch = append(batch, a)
		default:
			return batch
		}
	}
	return batch
}

func (b *Batcher) drain(ctx context.Context, batch []pipeline.Alert) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	for batch = b.fill(batch); len(batch) > 0; batch = b.fill(batch[:0]) {
		if err := b.send(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// send publishes until it succeeds. When ctx ends it has one more chance, within drainTimeout.
func (b *Batcher) send(ctx context.Context, batch []pipeline.Alert) error {
	stopping := false
	for failures := 0; ; failures++ {
		err := b.publish(ctx, batch)
		if err == nil {
			return nil
		}
		if errors.Is(err, ErrTooLarge) {
			return b.sendEach(ctx, batch, err)
		}
		if ctx.Err() != nil {
			if stopping {
				return fmt.Errorf("stopping: %d alerts did not reach the bus and are lost: %w", len(batch)+len(b.queue), err)
			}
			stopping = true
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
			defer cancel()
			continue
		}
		wait := b.retry.backoff(failures)
		b.log.Warn("the bus does not take alerts; they wait in memory", "alerts", len(batch)+len(b.queue), "retry_in", wait, "err", err)
		sleep(ctx, wait)
	}
}

// sendEach sends a batch with an oversized alert in it one by one, and gives up only that one.
func (b *Batcher) sendEach(ctx context.Context, batch []pipeline.Alert, err error) error {
	if len(batch) == 1 {
		b.log.Error("an alert is lost", "rule", batch[0].Rule, "err", err)
		return nil
	}
	for i := range batch {
		if err := b.send(ctx, batch[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}
