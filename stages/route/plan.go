package route

import "time"

// lookAgain is when a group is looked at that keeps something back without it being known for how long.
const lookAgain = 24 * time.Hour

// keepRecent is how long a group stays after its last message, group_interval at least, for the events that it has
// dealt with: a bus hands out again within some seconds what a killed process had under way. Longer keeps more groups.
const keepRecent = 15 * time.Second

// planned is when a group is due again by itself.
type planned struct {
	at    time.Time // zero: never
	holds bool
	gone  bool
}

func (p *planned) by(at time.Time) {
	if p.at.IsZero() || at.Before(p.at) {
		p.at = at
	}
}

// held plans for the end of what keeps something back.
func (p *planned) held(until time.Time) {
	p.holds = true
	if !until.IsZero() {
		p.by(until)
	}
}

// plan says when the group is next looked at, if nothing comes before: at the earliest time at which something
// changes by itself. What is kept back is told as soon as it may be; everything else keeps group_interval.
func (d *decision) plan() {
	var next planned // what has to wait until the group is ready
	for _, m := range d.firing {
		next.by(m.Alert.Stateful.EndsAt) // passed: it is told as firing now, and as resolved when the group is ready again
	}
	for _, to := range d.receiver.Integrations {
		if last := d.memory.Told[to.Topic]; len(d.waiting) > 0 && !last.IsZero() {
			next.by(last.Add(d.route.RepeatInterval))
		}
	}
	ready := upToMicro(d.memory.Ready)
	d.memory.Ready = ready
	if !next.at.IsZero() {
		d.due.by(later(next.at, ready))
	}
	switch {
	case !d.due.at.IsZero():
		d.due.at = upToMicro(later(d.due.at, d.now.Add(time.Second))) // a clock that lags behind another must not spin
	case d.due.holds:
		d.due.at = d.now.Add(lookAgain)
	case ready.After(d.now):
		d.due.at = ready // until then what comes joins this group and keeps its pace
	case len(d.memory.Recent) > 0 && d.stay(ready).After(d.now):
		d.due.at = d.stay(ready)
	case len(d.firing) > 0:
		d.due.at = d.now.Add(lookAgain) // acknowledged without an end
	default:
		d.due.gone = true
	}
}

// stay is until when a group that has nothing else to keep stays for its recent events.
func (d *decision) stay(ready time.Time) time.Time {
	return ready.Add(keepRecent - d.route.GroupInterval)
}

// upToMicro rounds up to what stores keep of a time: looked at a little too early, nothing would have changed.
func upToMicro(t time.Time) time.Time {
	if rest := t.Nanosecond() % 1000; rest > 0 {
		return t.Add(time.Duration(1000 - rest))
	}
	return t
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
