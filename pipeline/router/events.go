package router

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/bus"
)

// TopicEvents holds structured events from the intake, one a message.
const TopicEvents = "events"

// EventFunc handles a structured event. nil means that all that follows from it is durable.
type EventFunc func(ctx context.Context, event pipeline.Structured) error

// ErrUnusable, wrapped by an EventFunc, says that trying again would end the same: the event is parked.
var ErrUnusable = errors.New("the event cannot be used")

// Metadata of a message that holds an event: its source, when it was taken, and of one that is replayed the event's id,
// which is the message's else.
const (
	sourceKey = "source"
	atKey     = "at"
	eventKey  = "event"
)

// PublishEvents returns nil only when all events are durable. After an error some may be.
func (r *Router) PublishEvents(ctx context.Context, source string, events []json.RawMessage) error {
	return r.PublishEventsAs(ctx, source, nil, events)
}

// PublishEventsAs is PublishEvents for events that have ids: the bus stores one with the same id once, within two
// minutes, and the alerts that follow from it have ids that follow from its own. nil gives each a new one.
func (r *Router) PublishEventsAs(ctx context.Context, source string, ids []string, events []json.RawMessage) error {
	msgs := make([]*message.Message, len(events))
	at := time.Now().UTC().Format(time.RFC3339Nano)
	for i, event := range events {
		if most := r.bus.MaxPayload() / 2; len(event) > most {
			return &pipeline.TooLarge{Index: i, Size: len(event), Most: most, Err: ErrTooLarge}
		}
		var id string
		if ids != nil {
			id = ids[i]
		} else {
			v7, err := uuid.NewV7()
			if err != nil {
				return fmt.Errorf("make a message id: %w", err)
			}
			id = v7.String()
		}
		msgs[i] = newMessage(ctx, id, event)
		msgs[i].Metadata.Set(sourceKey, source)
		msgs[i].Metadata.Set(atKey, at)
	}
	if err := r.pub.Publish(TopicEvents, msgs...); err != nil {
		return err
	}
	r.metrics.eventsReceived.Add(float64(len(events)))
	return nil
}

// HandleEvents sets the handler of the events topic. Call it once, before Run. An event that fails is
// tried again for as long as it takes; one that makes the handler panic, or is unusable, is parked.
func (r *Router) HandleEvents(handle EventFunc) error {
	sub, err := r.bus.Subscriber(group, bus.InFlight{})
	if err != nil {
		return fmt.Errorf("make the subscriber of events: %w", err)
	}
	r.wm.AddConsumerHandler(TopicEvents, TopicEvents, sub, func(msg *message.Message) error {
		return r.handleEvent(msg, handle)
	})
	return nil
}

func (r *Router) handleEvent(msg *message.Message, handle EventFunc) error {
	ctx := msg.Context()
	event := pipeline.Structured{ID: eventID(msg), Source: msg.Metadata.Get(sourceKey), Body: json.RawMessage(msg.Payload)}
	var err error
	if event.At, err = time.Parse(time.RFC3339Nano, msg.Metadata.Get(atKey)); err != nil {
		event.At = time.Now().UTC() // stored by a version that did not note it
	}
	for failures := 0; ctx.Err() == nil; failures++ {
		start := time.Now()
		err := r.attempt(ctx, func(ctx context.Context) error {
			return handle(ctx, event)
		})
		r.metrics.handler.WithLabelValues(TopicEvents).Observe(time.Since(start).Seconds())
		switch {
		case err == nil:
			r.metrics.eventsHandled.Inc()
			return nil
		case isFinal(err), errors.Is(err, ErrUnusable), errors.Is(err, ErrTooLarge):
			return r.parkAs(msg, DeadLetter{Stage: "events", Topic: TopicEvents, Metadata: map[string]string{
				sourceKey: event.Source, atKey: event.At.Format(time.RFC3339Nano), eventKey: event.ID,
			}}, err)
		}
		wait := r.cfg.Retry.backoff(failures)
		r.metrics.retries.WithLabelValues(TopicEvents).Inc()
		r.log.Warn("handling an event failed; it waits on the bus", "retry_in", wait, "err", err)
		sleep(ctx, wait)
	}
	return ctx.Err()
}

func eventID(msg *message.Message) string {
	if id := msg.Metadata.Get(eventKey); id != "" {
		return id
	}
	return msg.UUID
}
