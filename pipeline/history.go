package pipeline

import (
	"errors"
	"time"
)

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

// Known is what history knows of an alert: the latest of it, and its account. It may be live or not any more.
type Known struct {
	Live
	Occurrences uint64 // of an event: all, repeats included; of a stateful alert: how often it began to fire
	First, Last time.Time
	Repeats     uint64 // of an event: kept quiet since it was last let through
}

// Kinds of an Occurrence.
const (
	OccurredEvent    = "event"
	OccurredFiring   = "firing"
	OccurredResolved = "resolved"
)

// Occurrence is something that history keeps: an event that was let through, a stateful alert that began to fire or
// ended.
type Occurrence struct {
	At    time.Time // when it occurred
	Kind  string    // event, firing, resolved
	Alert Alert
}

// HistoryQuery asks for occurrences, the latest first. What is zero does not narrow it down.
type HistoryQuery struct {
	Fingerprint *Fingerprint
	Rule        string
	Matchers    []Matcher // all have to hold
	Text        string    // in output, rule or a label's value, whatever the letter case
	Kind        string
	Priority    *Priority // no less severe than this
	From, To    time.Time // when it occurred: not before From, before To
	Limit       int       // at most; 0: 100
	Cursor      string    // Next of the page before
}

// ErrCursor says that HistoryQuery.Cursor is none that a search gave.
var ErrCursor = errors.New("the cursor is not one that a search gave: use the next of the page before, with the same question")

// HistoryPage is a part of the answer to a HistoryQuery.
type HistoryPage struct {
	Occurrences []Occurrence
	Next        string // where to go on; "": there is no more. A page may have none and still a Next: see Looked
	Looked      int    // how many occurrences were looked at for this page, which is bounded
}
