package router

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
	"github.com/tocsin-security/tocsin/pipeline/bus"
)

// notifyHandler is the running handler of one integration's topic.
type notifyHandler struct {
	deliver atomic.Pointer[DeliverFunc] // replaced by a reload
	pace    pace
	handler *message.Handler
}

// Handler delivers the notifications of one integration.
type Handler struct {
	Deliver DeliverFunc
	// InFlight is how many it is handed at once; 0: as many as the bus hands out otherwise. It stays what it was when the
	// integration was new.
	InFlight int
}

// HandleNotifications sets the handler of the integration named topic, before or during Run.
func (r *Router) HandleNotifications(topic string, handler Handler) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.add(topic, handler); err != nil {
		return err
	}
	return r.runAdded()
}

// SetNotificationHandlers makes handlers, by integration, the ones that run: new ones start, those that
// are there get the new function for their next attempt, the others finish what they have under way
// and stop. What is still in the topic of a stopped one stays there until it is configured again.
func (r *Router) SetNotificationHandlers(ctx context.Context, handlers map[string]Handler) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, handler := range handlers {
		if err := r.add(topic, handler); err != nil {
			return err
		}
	}
	if err := r.runAdded(); err != nil {
		return err
	}
	for topic, h := range r.notifies {
		if _, stays := handlers[topic]; stays {
			continue
		}
		if err := r.remove(ctx, topic, h); err != nil {
			return err
		}
	}
	return nil
}

// add needs r.mu.
func (r *Router) add(topic string, handler Handler) error {
	if h := r.notifies[topic]; h != nil {
		h.deliver.Store(&handler.Deliver)
		return nil
	}
	sub, err := r.bus.Subscriber(group, bus.InFlight{Messages: handler.InFlight})
	if err != nil {
		return fmt.Errorf("make the subscriber of integration %q: %w", topic, err)
	}
	h := &notifyHandler{}
	h.deliver.Store(&handler.Deliver)
	h.handler = r.wm.AddConsumerHandler(notifyPrefix+topic, notifyPrefix+topic, sub, func(msg *message.Message) error {
		deepen(0)
		return r.handleNotification(msg, topic, h)
	})
	r.notifies[topic] = h
	return nil
}

// runAdded starts handlers added while the router runs. It needs r.mu.
func (r *Router) runAdded() error {
	if r.runCtx == nil {
		return nil
	}
	select {
	case <-r.wm.Running():
	case <-r.runCtx.Done():
		return nil // stopping: nothing is to be started any more
	}
	return r.wm.RunHandlers(r.runCtx)
}

// remove stops a handler and waits for it. It needs r.mu.
func (r *Router) remove(ctx context.Context, topic string, h *notifyHandler) error {
	if r.runCtx == nil {
		return fmt.Errorf("remove integration %q: the router does not run yet", topic)
	}
	h.handler.Stop()
	select {
	case <-h.handler.Stopped():
	case <-ctx.Done():
		return fmt.Errorf("stop integration %q: %w", topic, ctx.Err())
	}
	delete(r.notifies, topic)
	left, err := r.bus.Backlog(ctx, notifyPrefix+topic)
	if err != nil {
		return err
	}
	if left > 0 {
		r.log.Warn("an integration was removed with notifications waiting; they stay until it is configured again",
			"integration", topic, "waiting", left)
	}
	return nil
}

// handleNotification tries until the delivery succeeds, is hopeless or too old, or the router stops.
func (r *Router) handleNotification(msg *message.Message, integration string, h *notifyHandler) error {
	topic := notifyPrefix + integration
	n, read := bus.Carried(msg).(pipeline.Notification)
	if !read {
		var err error
		if n, err = alertjson.ReadNotification(msg.Payload); err != nil {
			return r.park(msg, "decode", topic, err)
		}
	}
	if now := time.Now(); h.pace.late(now, n.CreatedAt) {
		r.way.late(now)
	}
	ctx := msg.Context()
	tries := r.triesOf(msg, n)
	for failures := 0; ctx.Err() == nil; failures++ {
		d := tries.delivery()
		err := guarded(func() error { return (*h.deliver.Load())(ctx, d) })
		if ctx.Err() != nil && !tries.begun {
			break // a stop, before its turn
		}
		tries.end(err)
		if err == nil {
			r.metrics.notified(n, outcomeSent)
			r.cfg.Observe(n, failures+1, outcomeSent, d.Note, 0)
			return nil
		}
		wait, retry := r.retryIn(n, err, failures)
		if !retry {
			return r.giveUp(msg, tries, failures+1, topic, err)
		}
		r.metrics.retries.WithLabelValues("notify").Inc()
		r.cfg.Observe(n, failures+1, outcomeRetry, answer(err), wait)
		r.log.Warn("delivery failed", "receiver", n.Receiver, "integration", integration,
			"notification", n.ID, "retry_in", wait, "err", err)
		sleep(ctx, wait)
	}
	return ctx.Err()
}

// giveUp has a notification go elsewhere, or parks it where there is nowhere.
func (r *Router) giveUp(msg *message.Message, t *tries, attempt int, topic string, reason error) error {
	n := t.n
	moved, err := r.cfg.Fallback(msg.Context(), n, answer(reason))
	if err != nil {
		return fmt.Errorf("hand notification %s of receiver %q to the fallback: %w", n.ID, n.Receiver, err)
	}
	outcome := outcomeMoved
	if !moved {
		outcome = outcomeDead
		if err := r.parkAs(msg, DeadLetter{Stage: "notify", Topic: topic, Unsure: t.past.Unsure}, reason); err != nil {
			return err
		}
	}
	r.metrics.notified(n, outcome)
	r.cfg.Observe(n, attempt, outcome, answer(reason), 0)
	return nil
}

// retryIn decides whether a failed delivery is tried again, and when. An error without a class is
// retried: in doubt deliver.
func (r *Router) retryIn(n pipeline.Notification, err error, failures int) (time.Duration, bool) {
	wait := r.cfg.Retry.backoff(failures)
	if panicked := (*panicError)(nil); errors.As(err, &panicked) {
		return 0, false
	}
	if refused := (*pipeline.DeliveryError)(nil); errors.As(err, &refused) {
		if refused.Class != pipeline.Retry {
			return 0, false
		}
		wait = max(wait, refused.RetryAfter)
	}
	return wait, time.Since(n.CreatedAt)+wait <= r.cfg.Retry.MaxAge
}
