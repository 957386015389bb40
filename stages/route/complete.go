package route

import (
	"maps"

	"github.com/tocsin-security/tocsin/pipeline"
)

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
