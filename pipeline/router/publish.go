package router

import (
	"context"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
	"github.com/tocsin-security/tocsin/pipeline/bus"
)

// joinBelow is how many alerts a batch has at most that is joined with others. A larger one gains nothing by it.
const joinBelow = 64

// PublishAlerts returns nil only when all alerts are durable. After an error some may be; publishing
// the same alerts again is safe. Small batches of concurrent callers become one message, so that alerts
// posted one by one cost little more than a batch.
func (r *Router) PublishAlerts(ctx context.Context, alerts []pipeline.Alert) error {
	batches, err := encodeAlerts(alerts, r.maxBatch())
	if err != nil {
		return err
	}
	return r.publishAlerts(ctx, alerts, batches)
}

// HandAlerts is PublishAlerts for alerts that nobody else has: they go to their handler as they are, and are read from
// the bus only where they must be. They are the router's from then on, unless the error is a *pipeline.TooLarge. While
// notifications are late for want of the machine, it waits a moment.
func (r *Router) HandAlerts(ctx context.Context, alerts []pipeline.Alert) error {
	r.way.yield(ctx)
	batches, err := encodeAlerts(alerts, r.maxBatch())
	if err != nil {
		return err
	}
	rest := alerts
	for i := range batches {
		b := &batches[i]
		if b.exact {
			b.read = rest[:b.alerts:b.alerts]
		}
		rest = rest[b.alerts:]
	}
	return r.publishAlerts(ctx, alerts, batches)
}

func (r *Router) publishAlerts(ctx context.Context, alerts []pipeline.Alert, batches []batch) (err error) {
	if len(alerts) < joinBelow && len(batches) == 1 {
		err = r.joined.add(ctx, batches[0])
	} else {
		err = r.publishBatches(ctx, batches)
	}
	if err != nil {
		return err
	}
	for i := range batches {
		useAgain(batches[i].body)
	}
	r.metrics.alertsReceived.Add(float64(len(alerts)))
	return nil
}

// maxBatch is how large a message of alerts may be. A quarter of what the bus takes leaves room for one
// alert's notification with its labels again, and for the envelope of a dead letter around that.
func (r *Router) maxBatch() int { return r.bus.MaxPayload() / 4 }

func (r *Router) publishBatches(ctx context.Context, batches []batch) error {
	msgs := make([]*message.Message, len(batches))
	for i, b := range batches {
		msgs[i] = newMessage(ctx, b.id, b.body)
		if b.read != nil {
			bus.Carry(msgs[i], b.read)
		}
	}
	return r.pub.Publish(TopicAlerts, msgs...)
}

// publishJoined publishes the batches of several callers as one where they fit.
func (r *Router) publishJoined(ctx context.Context, batches []batch) error {
	joined := joinBatches(batches, r.maxBatch())
	if err := r.publishBatches(ctx, joined); err != nil {
		return err
	}
	for _, b := range joined {
		if b.joined {
			useAgain(b.body)
		}
	}
	return nil
}

// PublishNotification publishes n durably for the integration named topic.
func (r *Router) PublishNotification(ctx context.Context, topic string, n pipeline.Notification) error {
	n.Integration = topic
	return r.PublishNotifications(ctx, []pipeline.Notification{n})
}

// PublishNotifications publishes each notification durably for its Integration; nil means that all are.
// When an integration's topic is full, because its channel has been away for long, the notification is
// parked instead: one dead channel must not stop the groups that it shares with others.
func (r *Router) PublishNotifications(ctx context.Context, ns []pipeline.Notification) error {
	byTopic := map[string][]encoded{}
	for _, n := range ns {
		parts, err := encodeNotification(n, r.bus.MaxPayload()/2)
		if err != nil {
			return err
		}
		byTopic[n.Integration] = append(byTopic[n.Integration], parts...)
	}
	var failed error
	for integration, parts := range byTopic {
		failed = errors.Join(failed, r.publishTo(ctx, integration, parts))
	}
	return failed
}

func (r *Router) publishTo(ctx context.Context, integration string, parts []encoded) error {
	msgs := make([]*message.Message, len(parts))
	for i, p := range parts {
		msgs[i] = newMessage(ctx, p.ID+"/"+integration, p.body)
		if p.exact {
			bus.Carry(msgs[i], alertjson.AsRead(p.Notification))
		}
	}
	err := r.pub.Publish(notifyPrefix+integration, msgs...)
	if errors.Is(err, bus.ErrFull) {
		return r.parkOverflow(ctx, integration, parts)
	}
	if err != nil {
		return err
	}
	for _, p := range parts {
		useAgain(p.body)
		r.metrics.published.WithLabelValues(p.Receiver, integration).Inc()
	}
	return nil
}

// parkOverflow publishes one by one, since some may still fit, and parks the rest.
func (r *Router) parkOverflow(ctx context.Context, integration string, parts []encoded) error {
	for _, p := range parts {
		msg := newMessage(ctx, p.ID+"/"+integration, p.body)
		err := r.pub.Publish(notifyPrefix+integration, msg)
		if err != nil && !errors.Is(err, bus.ErrFull) {
			return err
		}
		r.metrics.published.WithLabelValues(p.Receiver, integration).Inc()
		if err == nil {
			continue
		}
		if err := r.park(msg, "publish", notifyPrefix+integration, fmt.Errorf("integration %s: %w", integration, err)); err != nil {
			return err
		}
		r.metrics.notified(p.Notification, outcomeDead)
		r.cfg.Observe(p.Notification, 0, outcomeDead, answer(err), 0)
	}
	return nil
}

// newMessage is a message to publish: nobody acknowledges it, so that it needs no more than this.
func newMessage(ctx context.Context, id string, body []byte) *message.Message {
	m := &message.Message{UUID: id, Payload: body, Metadata: message.Metadata{}}
	m.SetContext(ctx)
	return m
}
