package pipeline

import (
	"fmt"
	"time"
)

// DeliveryClass is what a failed delivery asks for.
type DeliveryClass uint8

// Classes of failed delivery. The zero value is retried: in doubt deliver.
const (
	Retry       DeliveryClass = iota // transient: try again, not before RetryAfter
	ChannelDown                      // a human must act (wrong key, robot removed): park, tell an operator
	BadMessage                       // this message will never be taken: park it
)

// String is the reason label of delivery metrics.
func (c DeliveryClass) String() string {
	switch c {
	case Retry:
		return "retry"
	case ChannelDown:
		return "channel_down"
	case BadMessage:
		return "bad_message"
	default:
		return "unknown"
	}
}

// DeliveryError is why a Message was not delivered.
type DeliveryError struct {
	Class      DeliveryClass
	Receiver   string
	RetryAfter time.Duration // 0: the caller's backoff decides
	Unknown    bool          // no answer came, or none that says so: the message may have been taken all the same
	TooLong    bool          // the channel calls it too long, so in two it may be taken
	Err        error         // the cause, without secrets
}

func (e *DeliveryError) Error() string {
	return fmt.Sprintf("deliver to receiver %q: %s: %v", e.Receiver, e.Class, e.Err)
}

// Unwrap returns the cause.
func (e *DeliveryError) Unwrap() error { return e.Err }

// MissedError says that a message is delivered, but that some of those whom it was for did not get it and never will: to
// send it again would reach the others twice.
type MissedError struct {
	Receiver   string
	Recipients int   // how many did not get it
	Err        error // who, and why, without secrets
}

func (e *MissedError) Error() string {
	return fmt.Sprintf("receiver %q: %d recipients did not get it, the others did: %v", e.Receiver, e.Recipients, e.Err)
}

// Unwrap returns the cause.
func (e *MissedError) Unwrap() error { return e.Err }

// Outcome is what a hot-half stage did with an event.
type Outcome uint8

// Outcomes of a stage; received = passed + dropped + failed.
const (
	Pass Outcome = iota
	Drop
	Fail
)
