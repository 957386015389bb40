// Package router runs the durable half: it carries alerts and notifications over the bus (as JSON),
// hands them to the stages, retries what can succeed later and parks what cannot. A message is
// acknowledged only when its handler is done with it and everything that follows from it is durable.
// The router knows no rule, no route and no channel.
//
// Topics: "events" (structured events, one each), "alerts" (batches of alerts), "notify.<integration>"
// (one notification each, one consumer each, so that a channel that hangs holds up no other), "dead"
// (what was parked, with stage and reason).
//
// Delivery is at least once. Duplicates come from kills and lost connections only, and carry the same
// delivery id.
package router

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/bus"
	"github.com/tocsin-security/tocsin/pipeline/usage"
)

// Topics of the bus.
const (
	TopicAlerts  = "alerts"
	TopicDead    = "dead"
	notifyPrefix = "notify."
)

// group is the consumer group of every topic: replicas of the router share the work.
const group = "router"

// alertsInFlight is how much is taken off the bus at once. It is handled together: with fewer messages a
// machine that is busy handles them a few at a time, which costs it more. Read, they take ten times the bytes.
var alertsInFlight = bus.InFlight{Messages: 256, Bytes: 512 << 10}

// Config is how the router treats trouble.
type Config struct {
	Retry RetryConfig
	// AttemptTimeout bounds one run of a handler; default 30 s. It also bounds how long a stop waits for
	// an attempt that is under way: cutting it off would send the message twice.
	AttemptTimeout time.Duration
	// Fallback publishes a notification elsewhere that its channel cannot take; false: there is nowhere. nil: never.
	Fallback func(ctx context.Context, n pipeline.Notification, reason string) (bool, error)
	// Dir is where it keeps which alerts were handled, so that those that come again after a kill are not told
	// again; "": in memory alone.
	Dir string
	// Busy says whether the process was busy since it was asked last; nil: that is measured. While it is, and notifications
	// are late, posts wait.
	Busy func() bool
	// Observe, if set, is told of every attempt to deliver a notification: the how many-th it was (of this process, from
	// 1; 0: it could not even wait), its outcome (sent, retry, moved, dead), what the channel said, and when it is tried again.
	// It does not block.
	Observe func(n pipeline.Notification, attempt int, outcome, answer string, retryIn time.Duration)
}

// AlertsFunc handles a batch of alerts. nil means that all that follows from them is durable.
type AlertsFunc func(ctx context.Context, alerts []pipeline.Alert) error

// DeliverFunc delivers a notification, when its turn has come: nil, or an error that is best a *pipeline.DeliveryError.
// It bounds its attempt itself (AttemptTimeout), calls d.Begin before it, and returns soon when ctx ends before that.
type DeliverFunc func(ctx context.Context, d *pipeline.Delivery) error

// Router is safe for concurrent use.
type Router struct {
	cfg     Config
	bus     *bus.Bus
	pub     message.Publisher
	wm      *message.Router
	metrics *metrics
	log     *slog.Logger

	alertsSub message.Subscriber

	handled *handled
	joined  *gather[batch] // small batches of alerts on their way to the bus
	way     way

	mu       sync.Mutex // guards what follows, and the order of changes to it
	runCtx   context.Context
	notifies map[string]*notifyHandler
}

// New makes a router on b. Its metrics go to reg.
func New(cfg Config, b *bus.Bus, reg prometheus.Registerer, log *slog.Logger) (*Router, error) {
	if cfg.AttemptTimeout == 0 {
		cfg.AttemptTimeout = 30 * time.Second
	}
	if err := cfg.Retry.setDefaults(); err != nil {
		return nil, err
	}
	if cfg.Fallback == nil {
		cfg.Fallback = func(context.Context, pipeline.Notification, string) (bool, error) { return false, nil }
	}
	if cfg.Busy == nil {
		cfg.Busy = new(usage.Meter).Busy
	}
	if cfg.Observe == nil {
		cfg.Observe = func(pipeline.Notification, int, string, string, time.Duration) {}
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, err
	}
	wm, err := message.NewRouter(
		message.RouterConfig{CloseTimeout: cfg.AttemptTimeout + 5*time.Second}, watermillLog(log))
	if err != nil {
		return nil, fmt.Errorf("make the Watermill router: %w", err)
	}
	sub, err := b.Subscriber(group, alertsInFlight)
	if err != nil {
		return nil, fmt.Errorf("make the subscriber of alerts: %w", err)
	}
	r := &Router{
		cfg: cfg, bus: b, pub: b.Publisher(), alertsSub: sub, wm: wm, metrics: m, log: log,
		notifies: map[string]*notifyHandler{},
	}
	if r.handled, err = openHandled(cfg.Dir); err != nil {
		return nil, err
	}
	r.way.yielded, r.way.asks = m.yielded, cfg.Busy
	r.joined = &gather[batch]{do: r.publishJoined, size: func(b batch) int { return len(b.body) }, most: r.maxBatch()}
	return r, nil
}

// watermillLog shows what Watermill calls information, a few lines per handler, as details, and not what it traces: lines
// for each message, which cost a hundredth of it even where nobody sees them.
func watermillLog(log *slog.Logger) watermill.LoggerAdapter {
	return untraced{watermill.NewSlogLoggerWithLevelMapping(log, map[slog.Level]slog.Level{
		slog.LevelInfo: slog.LevelDebug,
	})}
}

type untraced struct{ watermill.LoggerAdapter }

// Trace is watermill.LoggerAdapter's.
func (untraced) Trace(string, watermill.LogFields) {}

// With is watermill.LoggerAdapter's.
func (u untraced) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return untraced{u.LoggerAdapter.With(fields)}
}

// HandleAlerts sets the handler of the alerts topic. Call it once, before Run. Batches are handled one
// after the other; one that fails is tried again for as long as it takes, since what it fails on (the
// store, the bus) is ours to mend.
func (r *Router) HandleAlerts(handle AlertsFunc) {
	r.wm.AddConsumerHandler(TopicAlerts, TopicAlerts, r.alertsSub, r.alertsHandler(handle))
}

// Run handles messages until ctx ends, then finishes what is under way and returns. Call it once; it
// needs a handler of alerts.
func (r *Router) Run(ctx context.Context) error {
	r.mu.Lock()
	r.runCtx = ctx
	r.mu.Unlock()
	// Watermill does not look at ctx while it has no handlers.
	stop := context.AfterFunc(ctx, func() {
		if err := r.wm.Close(); err != nil {
			r.log.Warn("stopping the router: some handlers did not end in time; their messages come again", "err", err)
		}
	})
	defer stop()
	if err := r.bus.Keep(ctx, TopicDead); err != nil {
		return err
	}
	trimming, stopTrimming := context.WithCancel(ctx)
	var trim sync.WaitGroup
	trim.Go(func() { r.trimDead(trimming) })
	err := r.wm.Run(ctx)
	stopTrimming()
	trim.Wait()
	if err != nil {
		return fmt.Errorf("run the router: %w", err)
	}
	return r.handled.close()
}

// Running is closed once all handlers are subscribed.
func (r *Router) Running() <-chan struct{} { return r.wm.Running() }
