package ruletest

import (
	"time"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// File is a test file.
type File struct {
	Name      string
	RuleFiles []string // relative to the file's folder, as all paths in it
	Whitelist []string
	Matching  string // rules.MatchAll, rules.MatchFirst or "": the first one
	Tests     []Test
}

// Test is a number of events and the alerts that they, and nothing else, lead to.
type Test struct {
	Name   string
	At     syntax.Pos
	Skip   string // why it is not run; "": it is
	Source string // of its events
	Places Places // what is known of addresses; nil: nothing
	Events []Event
	Alerts []Expected
}

// Event is one event, or several alike.
type Event struct {
	At     syntax.Pos
	Time   time.Time // of the first
	Repeat int       // how many, at least 1
	Every  time.Duration

	Type    pipeline.EventType // of an event of the kernel, which Fields are of
	Fields  field.Given
	Payload map[string]any // of a structured event
}

// Expected is an alert that has to come.
type Expected struct {
	At     syntax.Pos
	Rule   string
	RuleAt syntax.Pos
	Output *string    // nil: whatever it says
	Time   *time.Time // nil: whenever it comes
}

// start is when the first event of a test happens that does not say when: a fixed time, so that schedules
// and expiry dates of a whitelist give the same answer every day.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
