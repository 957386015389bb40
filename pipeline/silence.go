package pipeline

import "time"

// Matcher is one condition on a label. A missing label is an empty one; regular expressions are RE2 and match the
// whole value.
type Matcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual bool   `json:"isEqual"` // false: != or !~
}

// Silence keeps alerts quiet that match, from StartsAt until EndsAt. They stay visible, as suppressed.
type Silence struct {
	ID          string            `json:"id"`       // UUID
	Matchers    []Matcher         `json:"matchers"` // all have to hold; at least one does not match the empty string
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	UpdatedAt   time.Time         `json:"updatedAt"`
	CreatedBy   string            `json:"createdBy"`
	Comment     string            `json:"comment"`
	Ticket      string            `json:"ticket,omitempty"` // where the reason is kept
	Annotations map[string]string `json:"annotations,omitempty"`

	Forced   bool     `json:"forced,omitempty"`   // it names neither a rule nor a workload, and somebody said that this is meant
	IdleEnd  Duration `json:"idleEnd,omitempty"`  // it ends by itself when nothing has matched for so long; 0: it does not
	EndedWhy string   `json:"endedWhy,omitempty"` // why it ended before its time: "expired by NAME", "nothing matched for 24h"
}

// State is pending, active or expired.
func (s *Silence) State(now time.Time) string {
	switch {
	case now.Before(s.StartsAt):
		return "pending"
	case now.Before(s.EndsAt):
		return "active"
	default:
		return "expired"
	}
}

// Ack says that somebody takes care of an alert: it is not told again while the ack lasts.
type Ack struct {
	Fingerprint Fingerprint `json:"fingerprint"`
	By          string      `json:"by"`
	Comment     string      `json:"comment,omitempty"`
	At          time.Time   `json:"at"`
	Until       time.Time   `json:"until"` // it is over then
	Via         string      `json:"via"`   // api, link
}

// Hits is how often a silence kept alerts back, in the whole fleet.
type Hits struct {
	Alerts uint64    `json:"alerts"`        // repeats count
	Last   time.Time `json:"last,omitzero"` // when it did so last; zero: never
}
