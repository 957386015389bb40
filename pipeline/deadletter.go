package pipeline

import (
	"encoding/json"
	"errors"
	"time"
)

// DeadLetter is what could not be handled or delivered, and is kept for people to look at.
type DeadLetter struct {
	ID           uint64          `json:"id"`
	At           time.Time       `json:"at"`
	Stage        string          `json:"stage"`            // decode, alerts, events, publish, notify
	Topic        string          `json:"topic"`            // of the bus, where it came from, or was to go
	Reason       string          `json:"reason"`           // why
	Unsure       bool            `json:"unsure,omitempty"` // an attempt may have reached its channel all the same
	Receiver     string          `json:"receiver,omitempty"`
	Notification string          `json:"notification,omitempty"` // delivery id
	Rules        []string        `json:"rules,omitempty"`
	Alerts       int             `json:"alerts,omitempty"`
	Input        json.RawMessage `json:"input,omitempty"` // the message as it was; a JSON string when it was not JSON. Lists leave it out

	// Metadata is what came with an event: its source, its id, when it was taken. Letters of older versions have none.
	Metadata map[string]string `json:"metadata,omitempty"`
}

// DeadLetterQuery asks for dead letters. Zero values ask for all.
type DeadLetterQuery struct {
	From     uint64 // the first id
	Limit    int    // at most so many; required
	Receiver string
	Stage    string
	Before   time.Time // older than that
}

// ErrNoDeadLetter says that there is no dead letter of an id: it was replayed or removed, or is too old.
var ErrNoDeadLetter error = noDeadLetter{errors.New("there is no such dead letter: it was replayed or removed, or it was too old")}

type noDeadLetter struct{ error }

// HTTPStatus is what the error means over HTTP.
func (noDeadLetter) HTTPStatus() int { return 404 }
