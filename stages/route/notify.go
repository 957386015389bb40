package route

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// maxAlerts bounds one notification: more than people read, less than what a channel chokes on.
const maxAlerts = 256

// notify makes the notifications, and notes in the log what they tell.
func (d *decision) notify() (told bool) {
	for _, to := range d.receiver.Integrations {
		reason, alerts := d.reason(to), d.out
		if reason != "" {
			alerts = slices.Concat(d.out, d.full(to))
			d.log(to)
		} else {
			reason = d.eventsReason()
		}
		if len(alerts) == 0 {
			continue
		}
		told = true
		d.tell(to, reason, alerts)
	}
	for _, m := range d.firing {
		m.keep("")
	}
	return told
}

// full are the members of a notification: all that fire, and those resolved of which the integration knew.
func (d *decision) full(to Integration) (alerts []pipeline.Alert) {
	for _, m := range d.firing {
		m.tell(to.Topic)
		alerts = append(alerts, m.firing())
	}
	if to.SendResolved {
		for _, m := range d.gone {
			if m.isTold(to.Topic) {
				alerts = append(alerts, m.Alert)
			}
		}
	}
	return alerts
}

// eventsReason is why events alone are told.
func (d *decision) eventsReason() string {
	if !slices.ContainsFunc(d.out, func(a pipeline.Alert) bool { return !a.Closing }) {
		return reasonSummary
	}
	if d.memory.Number > 0 {
		return reasonNew
	}
	return reasonFirst
}

// tell makes the notifications of alerts to one integration: as many as maxAlerts asks for.
func (d *decision) tell(to Integration, reason string, alerts []pipeline.Alert) {
	for start := 0; start < len(alerts); start += maxAlerts {
		part := alerts[start:min(start+maxAlerts, len(alerts))]
		n := d.notification(to, reason)
		n.Alerts, n.ID = part, d.deliveryID(to, part, nil)
		d.notifications = append(d.notifications, n)
		for i := range part {
			step := d.step(part[i].Fingerprint, "notified")
			step.Detail, step.Integration, step.Notification = reason, to.Topic, n.ID
			if s := part[i].Stateful; s != nil && s.Resolved(d.now) {
				step.Detail = "resolved: " + reason
			}
			d.steps = append(d.steps, step)
		}
	}
}

// log notes that an integration was told of members.
func (d *decision) log(to Integration) {
	if d.memory.Told == nil {
		d.memory.Told = map[string]time.Time{}
	}
	d.memory.Told[to.Topic] = d.now
}

func (d *decision) notification(to Integration, reason string) pipeline.Notification {
	if d.route.role != plain && (reason == reasonFirst || reason == reasonNew) {
		reason = reasonEscalate
	}
	return pipeline.Notification{
		Receiver: d.receiver.Name, Integration: to.Topic, GroupKey: d.group.Key, GroupLabels: d.group.Labels,
		RouteLabels: d.route.Labels, Reason: reason, Again: d.unsure, CreatedAt: d.now.UTC(),
	}
}

// sumUp makes the notifications of accounts of what is no longer kept back. Each is one of its own: it is about the
// past, and may be long.
func (d *decision) sumUp() (told bool) {
	var still []account
	for _, a := range d.memory.Held {
		if by := d.back(&a); len(by) > 0 {
			a.Until = over(by)
			d.due.held(a.Until)
			still = append(still, a)
			continue
		}
		held := a.closed(d.now)
		for _, to := range d.receiver.Integrations {
			n := d.notification(to, reasonSummary)
			n.Held, n.ID = []pipeline.Held{held}, d.deliveryID(to, nil, &a)
			d.notifications = append(d.notifications, n)
			told = true
		}
	}
	d.memory.Held = still
	return told
}

// back is what keeps an account open: the route is muted, or the latest event in it would be kept back again.
func (d *decision) back(a *account) []pipeline.Suppressed {
	by := slices.Concat(d.watch.muted, d.watch.silenced(a.Labels))
	if a.Why == pipeline.ByInhibition {
		by = append(by, d.watch.inhibited(a.Labels, a.Of)...)
	}
	return by
}

// deliveryID is the same whenever the same goes the same way for the same reason, so that the bus can tell a message
// published again after a crash.
func (d *decision) deliveryID(to Integration, alerts []pipeline.Alert, held *account) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%d\n", d.group.Key, to.Topic, d.memory.Number)
	for i := range alerts {
		id := alerts[i].ID
		if s := alerts[i].Stateful; s != nil { // each time it is posted it has another id
			id = fmt.Sprint(alerts[i].Fingerprint, s.StartsAt.UnixMicro(), s.Resolved(d.now)) // one that fires again is another
		}
		h.Write([]byte(id + "\n"))
	}
	if held != nil {
		fmt.Fprintf(h, "held %s %q %d\n", held.Why, held.Name, held.From.UnixNano())
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
