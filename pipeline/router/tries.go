package router

import (
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/bus"
)

// tries are the attempts at one notification, those of earlier processes included. A notification whose earlier
// attempt may have reached its channel, as nobody learned what came of it, says so to the channel (Again); one that
// was refused does not.
type tries struct {
	router *Router
	msg    *message.Message
	n      pipeline.Notification
	past   bus.Past
	begun  bool // the attempt that is under way
	start  time.Time
}

func (r *Router) triesOf(msg *message.Message, n pipeline.Notification) *tries {
	return &tries{router: r, msg: msg, n: n, past: r.bus.PastOf(msg)}
}

// delivery is the next attempt.
func (t *tries) delivery() *pipeline.Delivery {
	t.begun = false
	n := t.n
	n.Attempt = int(t.past.Attempts) + 1
	n.Again = t.n.Again || t.past.Unsure
	return &pipeline.Delivery{Notification: n, Begin: t.begin}
}

// begin notes that an attempt begins, so that a kill from here on leaves it known, and returns what to deliver.
func (t *tries) begin() pipeline.Notification {
	n := t.n
	n.Attempt = int(t.past.Attempts) + 1
	n.Again = t.n.Again || t.past.Unsure
	t.past.Attempts++
	t.begun, t.start = true, time.Now()
	t.note(bus.Past{Attempts: t.past.Attempts, Unsure: true})
	return n
}

// end takes what came of the attempt.
func (t *tries) end(err error) {
	if !t.begun {
		return
	}
	t.router.metrics.handler.WithLabelValues("notify").Observe(time.Since(t.start).Seconds())
	switch {
	case err == nil:
		return // acknowledged by whoever asked for it
	case mayHaveArrived(err):
		t.past.Unsure = true
	default:
		t.note(t.past)
	}
}

// note goes on where it fails: an alarm that goes out unmarked is better than one that does not.
func (t *tries) note(past bus.Past) {
	if err := t.router.bus.Note(t.msg, past); err != nil {
		t.router.log.Warn("a delivery is not noted; after a kill it would come again without saying so", "notification", t.n.ID, "err", err)
	}
}

// mayHaveArrived says that after this error the channel may have taken the message all the same.
func mayHaveArrived(err error) bool {
	var known *pipeline.DeliveryError
	return !errors.As(err, &known) || known.Unknown
}
