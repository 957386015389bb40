package router

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// DeadLetter is a parked message: what could not be handled, and why.
type DeadLetter struct {
	Stage  string          `json:"stage"`  // decode, alerts, publish, notify
	Reason string          `json:"reason"` // the error
	Topic  string          `json:"topic"`  // where the input came from, or was to go
	At     time.Time       `json:"at"`
	Input  json.RawMessage `json:"input"` // the message as it was; a JSON string when it was not JSON
}

// park makes msg a dead letter. nil means that it is durable there and may be acknowledged; the error
// is for Watermill, which then refuses msg, so that it comes again.
func (r *Router) park(msg *message.Message, stage, topic string, reason error) error {
	input := json.RawMessage(msg.Payload)
	if !json.Valid(input) {
		quoted, err := json.Marshal(string(msg.Payload)) // not UTF-8: the offending bytes become U+FFFD
		if err != nil {
			return fmt.Errorf("quote the input of a dead letter: %w", err)
		}
		input = quoted
	}
	body, err := json.Marshal(DeadLetter{Stage: stage, Reason: reason.Error(), Topic: topic, At: time.Now().UTC(), Input: input})
	if err != nil {
		return fmt.Errorf("encode a dead letter: %w", err)
	}
	if err := r.pub.Publish(TopicDead, newMessage(msg.Context(), "dead/"+msg.UUID, body)); err != nil {
		return fmt.Errorf("park a message of stage %s: %w", stage, err)
	}
	r.metrics.dead.WithLabelValues(stage).Inc()
	r.log.Error("a message was parked in the dead-letter topic", "stage", stage, "topic", topic, "id", msg.UUID, "err", reason)
	return nil
}
