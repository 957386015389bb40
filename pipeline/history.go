package pipeline

import "time"

// Live is an alert as it stands: of either kind, while it counts as firing. An event counts as firing until
// resolve_timeout after its last occurrence; nobody is told that it no longer does.
type Live struct {
	Alert
	StartsAt  time.Time
	EndsAt    time.Time // it is no longer live from then on
	UpdatedAt time.Time
}

// Step is something that happened to an alert on its way. Steps are facts for people who ask why; nothing
// depends on them.
type Step struct {
	At           time.Time   `json:"at"`
	Fingerprint  Fingerprint `json:"fingerprint"`
	Stage        string      `json:"stage"`   // window, dedupe, route, flush, deliver
	Verdict      string      `json:"verdict"` // passed, repeat, escalated, silenced, inhibited, muted, acknowledged, notified, sent, retry, dead …
	Detail       string      `json:"detail,omitempty"`
	Receiver     string      `json:"receiver,omitempty"`
	Integration  string      `json:"integration,omitempty"`
	GroupKey     string      `json:"group_key,omitempty"`
	Notification string      `json:"notification,omitempty"` // its delivery id
	Attempt      int         `json:"attempt,omitempty"`      // of delivery, from 1
}
