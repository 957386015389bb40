package router

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
	"github.com/tocsin-security/tocsin/pipeline/bus"
)

// maxHandled is how many alerts are handled together at most, when as many wait. More save little, as the cost
// of a transaction is shared by many already, and make those that wait for it wait longer.
const maxHandled = 256

// arrived is a message's alerts, on their way to the handler.
type arrived struct {
	ctx    context.Context // ends when the router stops
	alerts []pipeline.Alert
}

// alertsHandler decodes batches side by side and handles them one after the other: windows and groups see
// alerts in one order. Batches that wait meanwhile are handled as one.
func (r *Router) alertsHandler(handle AlertsFunc) message.NoPublishHandlerFunc {
	together := &gather[arrived]{
		most: maxHandled,
		size: func(a arrived) int { return len(a.alerts) },
		do: func(_ context.Context, all []arrived) error {
			alerts := all[0].alerts
			if len(all) > 1 {
				alerts = joinAlerts(all)
			}
			return r.handleFresh(all[0].ctx, alerts, handle)
		},
	}
	return func(msg *message.Message) error {
		alerts, read := bus.Carried(msg).([]pipeline.Alert)
		if !read {
			var err error
			if alerts, err = alertjson.ReadAll(msg.Payload); err != nil {
				return r.park(msg, "decode", TopicAlerts, err)
			}
		}
		// Not given up when the router stops: what is handled by then must be acknowledged.
		return together.add(context.WithoutCancel(msg.Context()), arrived{msg.Context(), alerts})
	}
}

func joinAlerts(all []arrived) []pipeline.Alert {
	n := 0
	for _, a := range all {
		n += len(a.alerts)
	}
	alerts := make([]pipeline.Alert, 0, n)
	for _, a := range all {
		alerts = append(alerts, a.alerts...)
	}
	return alerts
}

// handleFresh leaves out what was handled before: a kill brings it again.
func (r *Router) handleFresh(ctx context.Context, alerts []pipeline.Alert, handle AlertsFunc) error {
	deepen(0)
	fresh := r.handled.fresh(alerts)
	if again := len(alerts) - len(fresh); again > 0 {
		r.metrics.alertsAgain.Add(float64(again))
		r.metrics.alertsHandled.Add(float64(again))
	}
	if len(fresh) == 0 {
		return nil
	}
	done, err := r.handleAlerts(ctx, fresh, handle)
	if err := r.handled.add(done); err != nil {
		r.log.Warn("alerts are handled but not noted as such; after a kill they would be told again", "alerts", len(done), "err", err)
	}
	return err
}

// handleAlerts tries until it succeeds or the router stops; the error is for Watermill, which then
// refuses the messages. What is final takes the batch apart to find the alert that causes it, and that
// one is parked. done are the alerts that were handled: not those that were parked, which may be replayed.
func (r *Router) handleAlerts(ctx context.Context, alerts []pipeline.Alert, handle AlertsFunc) (done []pipeline.Alert, err error) {
	for failures := 0; ctx.Err() == nil; failures++ {
		start := time.Now()
		err := r.attempt(ctx, func(ctx context.Context) error { return handle(ctx, alerts) })
		r.metrics.handler.WithLabelValues(TopicAlerts).Observe(time.Since(start).Seconds())
		if err == nil {
			r.metrics.alertsHandled.Add(float64(len(alerts)))
			return alerts, nil
		}
		if isFinal(err) {
			return r.isolate(ctx, alerts, handle, err)
		}
		wait := r.cfg.Retry.backoff(failures)
		r.metrics.retries.WithLabelValues(TopicAlerts).Inc()
		r.log.Warn("handling alerts failed; they wait on the bus", "alerts", len(alerts), "retry_in", wait, "err", err)
		sleep(ctx, wait)
	}
	return nil, ctx.Err()
}

// isolate handles the alerts of a batch that made the handler panic, each alone.
func (r *Router) isolate(ctx context.Context, alerts []pipeline.Alert, handle AlertsFunc, cause error) (done []pipeline.Alert, err error) {
	if len(alerts) == 1 {
		return nil, r.parkAlert(ctx, alerts, cause)
	}
	for i := range alerts {
		one, err := r.handleAlerts(ctx, alerts[i:i+1], handle)
		if err != nil {
			return done, err
		}
		done = append(done, one...)
	}
	return done, nil
}

// parkAlert parks one alert. Its letter has an id of its own each time: the bus would take one that was replayed and
// failed again for the letter that is gone. A kill in between leaves two letters at worst.
func (r *Router) parkAlert(ctx context.Context, alert []pipeline.Alert, cause error) error {
	one, err := encodeAlerts(alert, r.bus.MaxPayload())
	if err != nil {
		return err
	}
	if err := r.park(newMessage(ctx, one[0].id+"/"+uuid.NewString(), one[0].body), "alerts", TopicAlerts, cause); err != nil {
		return err
	}
	r.metrics.alertsDead.Inc()
	return nil
}

// isFinal reports whether trying again would end the same: the handler panicked, or whoever the input
// is for will never take it.
func isFinal(err error) bool {
	var panicked *panicError
	var refused *pipeline.DeliveryError
	return errors.As(err, &panicked) || errors.As(err, &refused) && refused.Class == pipeline.BadMessage
}
