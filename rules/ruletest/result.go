package ruletest

import (
	"encoding/json"
	"time"
)

// Result is how the tests of a file went.
type Result struct {
	File     string       `json:"file"`
	Tests    []TestResult `json:"tests"`
	Coverage *Coverage    `json:"coverage,omitempty"`
}

// Status of a test.
type Status string

// Statuses.
const (
	Pass Status = "pass"
	Fail Status = "fail"
	Skip Status = "skip" // its file says so
)

// TestResult is how one test went.
type TestResult struct {
	Name       string    `json:"name"`
	At         string    `json:"at"` // file:line:col
	Status     Status    `json:"status"`
	Skipped    string    `json:"skipped,omitempty"` // why
	Seconds    float64   `json:"seconds"`
	Missing    []Missing `json:"missing,omitempty"`    // expected, and did not come
	Unexpected []Alert   `json:"unexpected,omitempty"` // came, and was not expected
}

// Alert is an alert that came.
type Alert struct {
	Rule   string `json:"rule"`
	Output string `json:"output"`
	Time   Time   `json:"at"`
}

// Missing is an alert that did not come as it was expected.
type Missing struct {
	Rule    string  `json:"rule"`
	At      string  `json:"at"`                // file:line:col of the expectation
	Output  *string `json:"output,omitempty"`  // expected
	Time    *Time   `json:"time,omitempty"`    // expected
	Instead *Alert  `json:"instead,omitempty"` // came, of the same rule, and differs
	Why     *Why    `json:"why_not,omitempty"` // the rule did not fire; nil when Instead is set
}

// Why says why a rule did not fire, of the event that came closest to it.
type Why struct {
	Event  string   `json:"event,omitempty"` // file:line:col of the event; "" when none had a say
	Reason string   `json:"reason"`          // in words
	Part   string   `json:"part,omitempty"`  // the first part of the condition that was false
	At     string   `json:"at,omitempty"`    // file:line:col of that part
	Macro  string   `json:"macro,omitempty"` // where it comes from
	Values []string `json:"values,omitempty"`
}

// Counts are how many tests passed, failed and were skipped.
func (r *Result) Counts() (passed, failed, skipped int) {
	for _, t := range r.Tests {
		switch t.Status {
		case Pass:
			passed++
		case Fail:
			failed++
		default:
			skipped++
		}
	}
	return passed, failed, skipped
}

// Time is a time within a test, written as the file writes it: counted from the start.
type Time struct{ time.Time }

// String is +30s, or the time of day where that is far from the start.
func (t Time) String() string {
	if d := t.Sub(start); d >= 0 && d < 24*time.Hour {
		return "+" + d.String()
	}
	return t.Format(time.RFC3339Nano)
}

// MarshalJSON writes String.
func (t Time) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }
