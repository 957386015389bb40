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

// isPlain says that nothing of an alert is left out or changed when it is written, beside what a Writer takes note of.
func isPlain(a *pipeline.Alert) bool {
	return a.Priority <= pipeline.Debug && (a.Annotations == nil || len(a.Annotations) > 0) && (a.Findings == nil || len(a.Findings) > 0) &&
		timeStays(a.Time) && timeStays(a.FirstSeen) && timeStays(a.LastSeen)
}

// timeStays: a time is written without its place and without what only this process can read.
func timeStays(t time.Time) bool { return t == t.Round(0).UTC() }
