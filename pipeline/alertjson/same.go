package alertjson

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/tocsin-security/tocsin/pipeline"
)

// ReadTheSame reports whether what AppendAll writes of alerts reads as the very same alerts: then whoever would read
// them may have them as they are. Of alerts that carry what is rare it says no, to be sure.
func ReadTheSame(alerts []pipeline.Alert) bool {
	for i := range alerts {
		if !readsTheSame(&alerts[i]) {
			return false
		}
	}
	return true
}

// AsRead is n as it reads once AppendNotification has written it; false: that has to be read, as n carries what is rare.
func AsRead(n pipeline.Notification) (read pipeline.Notification, same bool) {
	if len(n.Held) > 0 || !ReadTheSame(n.Alerts) || !pairsStay(n.GroupLabels) || !pairsStay(n.RouteLabels) {
		return n, false
	}
	for _, s := range [...]string{n.ID, n.Receiver, n.Integration, n.GroupKey, n.Reason, n.Via} {
		if !utf8.ValidString(s) {
			return n, false
		}
	}
	n.Held, n.Attempt = nil, 0
	n.CreatedAt = n.CreatedAt.Round(0)
	n.Alerts = n.Alerts[:len(n.Alerts):len(n.Alerts)] // others may have those behind
	if len(n.RouteLabels) == 0 {
		n.RouteLabels = nil
	}
	return n, timeStays(n.CreatedAt)
}

func readsTheSame(a *pipeline.Alert) bool {
	if a.Stateful != nil || a.Window != nil || a.Unjudged != nil || a.Covered != nil || a.Completes != nil || a.Place != nil ||
		a.Owner != nil || a.Deployment != nil || a.Findings != nil || a.Escalate != nil || a.Summary != nil {
		return false
	}
	if a.Priority > pipeline.Debug || a.Annotations != nil && len(a.Annotations) == 0 || !timeStays(a.Time) || !timeStays(a.FirstSeen) || !timeStays(a.LastSeen) {
		return false
	}
	for _, s := range [...]string{a.ID, a.Rule, a.Source, a.Hostname, a.Output, a.Enrichment, a.Ancestry, a.Episode} {
		if !utf8.ValidString(s) {
			return false
		}
	}
	for _, s := range a.Tags {
		if !utf8.ValidString(s) {
			return false
		}
	}
	return fieldsStay(a.OutputFields) && pairsStay(a.Labels) && pairsStay(a.Annotations)
}

// timeStays: a time is written without its place and without what only this process can read.
func timeStays(t time.Time) bool { return t == t.Round(0).UTC() }

func pairsStay(pairs map[string]string) bool {
	for k, v := range pairs {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return false
		}
	}
	return true
}

func fieldsStay(fields pipeline.Fields) bool {
	for k, v := range fields {
		stays := false
		switch v := v.(type) {
		case nil, bool:
			stays = true
		case string:
			stays = utf8.ValidString(v)
		case json.Number:
			stays = isInteger(string(v))
		}
		if !stays || !utf8.ValidString(k) {
			return false
		}
	}
	return true
}
