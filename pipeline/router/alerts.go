package router

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tocsin-security/tocsin/pipeline"
)

// alertsHandler decodes batches side by side and handles them one after the other.
func (r *Router) alertsHandler(handle AlertsFunc) message.NoPublishHandlerFunc {
	return func(msg *message.Message) error {
		alerts, err := decodeAlerts(msg.Payload)
		if err != nil {
			return r.park(msg, "decode", TopicAlerts, err)
		}
		r.alertsMu.Lock()
		defer r.alertsMu.Unlock()
		return r.handleAlerts(msg, alerts, handle)
	}
}

// handleAlerts tries until it succeeds or the router stops; the error is for Watermill, which then
// refuses the message. What is final takes the batch apart to find the alert that causes it, and that
// one is parked.
func (r *Router) handleAlerts(msg *message.Message, alerts []pipeline.Alert, handle AlertsFunc) error {
	ctx := msg.Context()
	for failures := 0; ctx.Err() == nil; failures++ {
		start := time.Now()
		err := r.attempt(ctx, func(ctx context.Context) error { return handle(ctx, alerts) })
		r.metrics.handler.WithLabelValues(TopicAlerts).Observe(time.Since(start).Seconds())
		if err == nil {
			r.metrics.alertsHandled.Add(float64(len(alerts)))
			return nil
		}
		if isFinal(err) {
			return r.isolate(msg, alerts, handle, err)
		}
		wait := r.cfg.Retry.backoff(failures)
		r.metrics.retries.WithLabelValues(TopicAlerts).Inc()
		r.log.Warn("handling alerts failed; they wait on the bus", "alerts", len(alerts), "retry_in", wait, "err", err)
		sleep(ctx, wait)
	}
	return ctx.Err()
}

// isolate handles the alerts of a batch that made the handler panic, each alone.
func (r *Router) isolate(msg *message.Message, alerts []pipeline.Alert, handle AlertsFunc, cause error) error {
	if len(alerts) <= 1 {
		if err := r.park(msg, "alerts", TopicAlerts, cause); err != nil {
			return err
		}
		r.metrics.alertsDead.Add(float64(len(alerts)))
		return nil
	}
	for i := range alerts {
		one, err := encodeAlerts(alerts[i:i+1], r.bus.MaxPayload())
		if err != nil {
			return err
		}
		if err := r.handleAlerts(newMessage(msg.Context(), one[0].id, one[0].body), alerts[i:i+1], handle); err != nil {
			return err
		}
	}
	return nil
}

// isFinal reports whether trying again would end the same: the handler panicked, or whoever the input
// is for will never take it.
func isFinal(err error) bool {
	var panicked *panicError
	var refused *pipeline.DeliveryError
	return errors.As(err, &panicked) || errors.As(err, &refused) && refused.Class == pipeline.BadMessage
}
