package pipeline

import (
	"context"
	"time"
)

// Delivery is a notification on its way to its channel. Who delivers it may let it wait, and send it together with
// others.
type Delivery struct {
	Notification
	// Begin notes that an attempt begins, of which nobody may learn what came, and returns what to send: it says
	// whether it may have been sent before. It is called right before the channel is, once.
	Begin func() Notification
	// Note is set by who delivers: for people who ask how the notification went, such as "with 36 others in one message".
	Note string
}

// Limit is how many requests a robot takes in any such span of time.
type Limit struct {
	Most int
	Per  time.Duration
}

// Room is what is left of a robot's quota.
type Room struct {
	Used   int           // requests within the span of the first limit
	Wait   time.Duration // until as many fit as were asked for; 0: they do
	Frozen time.Time     // until when the robot takes nothing at all; zero: it does
}

// Quotas know what robots were sent, whoever sent it. A robot is named by a hash of its key.
type Quotas interface {
	// Take takes n requests, or says how long to wait for them and takes nothing. 0 looks, and takes nothing. More than
	// a limit allows at all are taken when nothing else is in it.
	Take(ctx context.Context, robot string, n int, limits []Limit) (Room, error)
	// Freeze has a robot take nothing until then. An earlier end than is known already changes nothing.
	Freeze(ctx context.Context, robot string, until time.Time) error
}
