package route

import (
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// gather sorts alerts into inboxes, in the order of the groups' first alerts.
func gather(s *Setup, alerts []pipeline.Alert, now time.Time) (in []pipeline.Inbox) {
	at := map[string]int{}
	for i := range alerts {
		a := &alerts[i]
		by := a.Labels
		if c := a.Completes; c != nil {
			by = c.Labels // it goes where the alert went that it completes
		}
		more := s.Inhibit.Wait(by)
		for _, r := range s.Tree.Match(by) {
			in = put(in, at, r, a, by, more, now)
			if a.Closing { // a sum of quiet times is no alarm
				continue
			}
			for _, s := range r.steps {
				in = put(in, at, s, a, by, more, now)
			}
		}
	}
	return in
}

// put puts an alert with these labels into the inbox of its group of a route; at says which one that is.
func put(in []pipeline.Inbox, at map[string]int, r *Route, a *pipeline.Alert, by map[string]string, more time.Duration, now time.Time) []pipeline.Inbox {
	labels := r.groupLabels(by)
	key := r.groupKey(labels)
	n, there := at[key]
	if !there {
		n = len(in)
		at[key] = n
		in = append(in, pipeline.Inbox{Key: key, Route: r.ID, Receiver: r.Receiver, Labels: labels, IfThere: true})
	}
	box := &in[n]
	if wait := max(r.wait(a, now), more); isOccurrence(a) || len(box.Alerts) == 0 {
		if r.role == plain || len(box.Alerts) == 0 {
			box.Wait = max(box.Wait, wait)
		} else {
			box.Wait = min(box.Wait, wait) // of several stateful alerts; each has its own time then
		}
	}
	if isOccurrence(a) && box.IfThere { // the first that can make the group
		box.IfThere = false
		// Whoever is told now has not had the time until a step.
		box.AtOnce = r.role == plain && (box.Wait == 0 || began(a).Add(box.Wait).Before(now))
	}
	box.Alerts = append(box.Alerts, *a)
	return in
}

// began is when what the alert tells of began.
func began(a *pipeline.Alert) time.Time {
	if a.Stateful != nil {
		return a.Stateful.StartsAt
	}
	return a.Time
}

// sourcesOf are what alerts inhibit others with. What completes an alert inhibits as the whole one does.
func sourcesOf(s *Setup, alerts []pipeline.Alert) (all []pipeline.Source) {
	for i := range alerts {
		all = append(all, s.Inhibit.Sources(&alerts[i])...)
	}
	return all
}
