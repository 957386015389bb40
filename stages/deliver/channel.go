package deliver

import (
	"context"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Channel is how messages get to one integration.
type Channel struct {
	// Render makes a message of a notification, Notify sends it: nil, or a *pipeline.DeliveryError.
	Render func(pipeline.Notification) (pipeline.Message, error)
	Notify func(context.Context, pipeline.Message) error
	// Cost is how many requests a message takes; nil: one.
	Cost func(pipeline.Message) int

	Receiver string           // whom it is of
	Robot    string           // whose quota it is; see Limits
	Limits   []pipeline.Limit // the first one is the quota that people know. None: each notification goes at once, alone

	// Readers are those for whom a message is, where each of them has a quota of these Limits, too; nil: nobody has.
	Readers func(pipeline.Message) []string

	// Fallback says that what this channel cannot tell is told elsewhere: urgent notifications do not wait for it then.
	Fallback bool
}

// queues reports whether notifications wait here, and go together when there are many.
func (c *Channel) queues() bool { return len(c.Limits) > 0 }

func (c *Channel) cost(m pipeline.Message) int {
	if c.Cost == nil {
		return 1
	}
	return c.Cost(m)
}

// limits are those for a batch. A quarter of the quota is kept for what is urgent. A sixth is kept for digests when so
// much waits that the bus hands out no more (full): behind that, what is urgent would wait too.
func (c *Channel) limits(b *batch, full bool) []pipeline.Limit {
	most := c.Limits[0].Most
	switch {
	case b.lane == urgent:
		most -= most / 6
	case !b.digest || !full:
		most -= (most + 3) / 4
	}
	limits := append([]pipeline.Limit{}, c.Limits...)
	limits[0].Most = max(most, 1)
	return limits
}

// Trouble is a channel that has taken nothing for a while.
type Trouble struct {
	Receiver    string
	Integration string
	Since       time.Time // of the first failure
	Waiting     int       // notifications, here
	Err         error     // the latest failure
}
