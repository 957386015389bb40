package route

import (
	"maps"
	"slices"

	"github.com/tocsin-security/tocsin/pipeline"
)

// maxEarly bounds the completions that are remembered: so many alerts are handed out again after a crash.
const maxEarly = 256

// early are completions that found no group. What they complete was told and is done with; or it comes later than
// they do, since a bus that hands a message out again has handed out others before. They live in memory: lost, they
// cost an alert its context, not the alert.
type early struct {
	byID  map[string]pipeline.Alert
	order []string // ids, the oldest first
}

// keep remembers completions.
func (e *early) keep(completions []pipeline.Alert) {
	if e.byID == nil {
		e.byID = map[string]pipeline.Alert{}
	}
	for _, c := range completions {
		if _, known := e.byID[c.ID]; !known {
			e.order = append(e.order, c.ID)
		}
		e.byID[c.ID] = c
	}
	for len(e.order) > maxEarly {
		delete(e.byID, e.order[0])
		e.order = e.order[1:]
	}
}

// join puts behind alerts what completes them and was there before.
func (e *early) join(alerts []pipeline.Alert) []pipeline.Alert {
	if len(e.byID) == 0 {
		return alerts
	}
	all := slices.Clone(alerts)
	for _, a := range alerts {
		if c, known := e.byID[a.ID]; known && isOccurrence(&a) {
			all = append(all, c)
		}
	}
	return all
}

// isOccurrence says that an alert is one of its own, not another's completion.
func isOccurrence(a *pipeline.Alert) bool { return a.Completes == nil }

// complete puts what completes an alert into the alert's place, wherever of the two came first; the latest of
// several is right. What an alert that is not there was to be completed with is dropped: that was told, or was a
// repeat. alerts is not changed.
func complete(alerts []pipeline.Alert) []pipeline.Alert {
	completions := map[string]*pipeline.Alert{}
	for i := range alerts {
		if alerts[i].Completes != nil {
			completions[alerts[i].ID] = &alerts[i]
		}
	}
	if len(completions) == 0 {
		return alerts
	}
	all := make([]pipeline.Alert, 0, len(alerts))
	for _, a := range alerts {
		if a.Completes != nil {
			continue
		}
		if c := completions[a.ID]; c != nil {
			a = completed(a, c)
		}
		all = append(all, a)
	}
	return all
}

// completed is c, which says more of the same occurrence, with what dedupe has found out about a.
func completed(a pipeline.Alert, c *pipeline.Alert) pipeline.Alert {
	whole := *c
	whole.Completes = nil
	whole.Fingerprint = a.Fingerprint
	whole.Count, whole.FirstSeen, whole.LastSeen = a.Count, a.FirstSeen, a.LastSeen
	whole.Escalated, whole.Closing, whole.Episode = a.Escalated, a.Closing, a.Episode
	whole.Degraded = whole.Degraded || a.Degraded
	whole.Lossy = whole.Lossy || a.Lossy
	whole.Labels = maps.Clone(c.Labels)
	return whole
}
