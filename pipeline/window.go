package pipeline

import "time"

// Window says when occurrences of one key amount to an alert. What is not asked for is zero; all that is
// asked for must hold. docs/windows.md has the meaning of each part; every engine follows it.
type Window struct {
	Within   time.Duration `json:"within,omitempty"`   // how far back count, distinct, changed, new and the steps look
	Count    uint64        `json:"count,omitempty"`    // more occurrences than this
	Distinct uint64        `json:"distinct,omitempty"` // more values of Observation.Distinct than this
	Rate     float64       `json:"rate,omitempty"`     // more occurrences a second than this, measured over RateSpan,
	RateSpan time.Duration `json:"rate_span,omitempty"`
	RateFor  time.Duration `json:"rate_for,omitempty"` // without a break for so long
	Changed  time.Duration `json:"changed,omitempty"`  // Observation.Changed differs from the last one, remembered for so long
	New      time.Duration `json:"new,omitempty"`      // Observation.New was not seen for so long
	Steps    int           `json:"steps,omitempty"`    // so many steps in order; at most MaxSteps
	Cooldown time.Duration `json:"cooldown,omitempty"` // no second alert for so long after one
}

// MaxSteps bounds a sequence.
const MaxSteps = 16

// Span is how far back the occurrences themselves matter.
func (w *Window) Span() time.Duration { return max(w.Within, w.RateSpan) }

// Observation is one occurrence shown to a window. An engine does not keep its strings.
type Observation struct {
	Window *Window   `json:"window"`
	Key    string    `json:"key"` // the rule and what it counts by: what is counted together
	ID     string    `json:"id"`  // of the occurrence; the same again is a redelivery, not another one; "": never redelivered
	At     time.Time `json:"at"`  // when it occurred
	// Arrived is when it reached us: what At is measured against where clocks disagree. Zero: it has not
	// arrived yet, and whoever asks the window says when.
	Arrived  time.Time `json:"arrived"`
	Distinct string    `json:"distinct,omitempty"` // "" here and below: the occurrence has no such value, and it counts for nothing
	Changed  string    `json:"changed,omitempty"`
	New      string    `json:"new,omitempty"`
	Steps    uint16    `json:"steps,omitempty"` // bit n is set: it can be step n of the sequence, counted from 0
}

// Judged is a window's answer to an Observation.
type Judged struct {
	Fired    bool
	Degraded bool // the shared store could not be asked; a local window answered
	Sight
}

// Sight is what a window holds in view when it fires, the occurrence that made it fire included. Outputs
// show it as %window.count and so on.
type Sight struct {
	Count    uint64      `json:"count"`
	Distinct uint64      `json:"distinct,omitempty"`
	Rate     float64     `json:"rate,omitempty"`   // occurrences a second over RateSpan
	Values   []string    `json:"values,omitempty"` // the latest distinct values, latest last; at most MaxValues, each cut to MaxValue bytes
	First    time.Time   `json:"first"`            // when the first and the last of the counted occurrences were
	Last     time.Time   `json:"last"`
	Previous string      `json:"previous,omitempty"` // the value before the change
	Steps    []time.Time `json:"steps,omitempty"`    // when the steps were
}

// MaxWidth bounds how far a value in an output is padded, in characters.
const MaxWidth = 1024

// What a Sight shows of values at most.
const (
	MaxValues = 10
	MaxValue  = 64
)

// Unjudged is what an alert waits for whose window is the store's: the router asks, and finishes the alert
// with Show or drops it.
type Unjudged struct {
	Observation Observation  `json:"observation"`
	Output      []OutputPart `json:"output"`          // of which the alert's output will be made
	Steps       []string     `json:"steps,omitempty"` // the names of the sequence's steps
}

// OutputPart is text, or what a window shows there.
type OutputPart struct {
	Text  string `json:"text,omitempty"`
	Sight string `json:"sight,omitempty"` // window.count and so on
	Width int    `json:"width,omitempty"` // of the value, padded as other fields are
}
