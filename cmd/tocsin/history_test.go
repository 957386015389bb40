package main

import (
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestVerdicts(t *testing.T) {
	now := time.Now()
	seen := &pipeline.Sight{Count: 12, First: time.Date(2026, 7, 1, 3, 0, 0, 0, time.UTC)}
	for want, a := range map[string]pipeline.Alert{
		"dedupe passed": {Count: 1},
		"window passed 12 occurrences, the first at 2026-07-01T03:00:00Z, dedupe passed": {Count: 1, Window: seen},
		"dedupe passed with 4 repeats that nobody was told of":                           {Count: 5},
		"dedupe passed the store was away: it may be a repeat":                           {Count: 1, Degraded: true},
		"dedupe escalated occurrence 100 of its quiet time":                              {Count: 100, Escalated: true},
		"dedupe closing its quiet time is over: 37 occurrences, the last at 2026-07-01T03:00:00Z": {
			Count: 37, Closing: true, Window: seen, LastSeen: seen.First},
		"": {Stateful: &pipeline.Stateful{}},
	} {
		a.Fingerprint = 7
		var got []string
		for _, s := range verdicts([]pipeline.Alert{a}, now) {
			if s.Fingerprint != 7 || !s.At.Equal(now) {
				t.Errorf("step %+v", s)
			}
			got = append(got, strings.TrimSpace(s.Stage+" "+s.Verdict+" "+s.Detail))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
		}
	}
}

func TestRepeatsOf(t *testing.T) {
	fired := []pipeline.Alert{{ID: "1"}, {ID: "2"}, {ID: "1", Completes: &pipeline.Completes{}}, {ID: "3"}}
	got := repeatsOf(fired, []pipeline.Alert{fired[0], fired[2]})
	if len(got) != 2 || got[0].ID != "2" || got[1].ID != "3" {
		t.Errorf("repeats %+v, want 2 and 3", got)
	}
	if got := repeatsOf(fired[:2], fired[:2]); got != nil {
		t.Errorf("repeats %+v of what all passed", got)
	}
}
