package router

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tocsin-security/tocsin/pipeline/bus"
)

// DeadLetter is a parked message: what could not be handled, and why.
type DeadLetter struct {
	Stage  string          `json:"stage"`            // decode, alerts, publish, notify
	Reason string          `json:"reason"`           // the error
	Topic  string          `json:"topic"`            // where the input came from, or was to go
	Unsure bool            `json:"unsure,omitempty"` // of a notification: an attempt may have reached its channel
	At     time.Time       `json:"at"`
	Input  json.RawMessage `json:"input"` // the message as it was; a JSON string when it was not JSON
	// Metadata is what came with an event, and is to come with it again.
	Metadata map[string]string `json:"metadata,omitempty"`
}

// park makes msg a dead letter. nil means that it is durable there and may be acknowledged; the error
// is for Watermill, which then refuses msg, so that it comes again.
func (r *Router) park(msg *message.Message, stage, topic string, reason error) error {
	return r.parkAs(msg, DeadLetter{Stage: stage, Topic: topic}, reason)
}

// parkAs is park of a letter of which more is known.
func (r *Router) parkAs(msg *message.Message, letter DeadLetter, reason error) error {
	payload, err := bus.Payload(msg)
	if err != nil {
		return err
	}
	input := json.RawMessage(payload)
	if !json.Valid(input) {
		quoted, err := json.Marshal(string(payload)) // not UTF-8: the offending bytes become U+FFFD
		if err != nil {
			return fmt.Errorf("quote the input of a dead letter: %w", err)
		}
		input = quoted
	}
	letter.Reason, letter.At, letter.Input = reason.Error(), time.Now().UTC(), input
	body, err := json.Marshal(letter)
	if err != nil {
		return fmt.Errorf("encode a dead letter: %w", err)
	}
	if err := r.pub.Publish(TopicDead, newMessage(msg.Context(), "dead/"+msg.UUID, body)); err != nil {
		return fmt.Errorf("park a message of stage %s: %w", letter.Stage, err)
	}
	r.metrics.dead.WithLabelValues(letter.Stage).Inc()
	r.log.Error("a message was parked in the dead-letter topic", "stage", letter.Stage, "topic", letter.Topic, "id", msg.UUID, "err", reason)
	return nil
}
