package alertjson

import (
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// AsRead is n as it reads once AppendNotification has written it exactly.
func AsRead(n pipeline.Notification) pipeline.Notification {
	n.Held, n.Attempt, n.CreatedAt = nil, 0, n.CreatedAt.Round(0)
	n.Alerts = n.Alerts[:len(n.Alerts):len(n.Alerts)] // others may have those behind
	if len(n.RouteLabels) == 0 {
		n.RouteLabels = nil
	}
	return n
}

// isPlain says that an alert carries nothing that is rare, and nothing that is left out or changed when it is written,
// beside its texts and fields.
func isPlain(a *pipeline.Alert) bool {
	if a.Stateful != nil || a.Window != nil || a.Unjudged != nil || a.Covered != nil || a.Completes != nil || a.Place != nil ||
		a.Owner != nil || a.Deployment != nil || a.Findings != nil || a.Escalate != nil || a.Summary != nil {
		return false
	}
	return a.Priority <= pipeline.Debug && (a.Annotations == nil || len(a.Annotations) > 0) &&
		timeStays(a.Time) && timeStays(a.FirstSeen) && timeStays(a.LastSeen)
}

// timeStays: a time is written without its place and without what only this process can read.
func timeStays(t time.Time) bool { return t == t.Round(0).UTC() }
