package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/sensor"
	"github.com/tocsin-security/tocsin/stages/match"
)

// The gravest rule that asks for a kind of event decides when it is left out.
func TestShedOrder(t *testing.T) {
	const text = `
- {rule: Grave, desc: d, condition: evt.type = ptrace, output: o, priority: CRITICAL}
- {rule: Bad, desc: d, condition: "evt.type in (connect, ptrace)", output: o, priority: WARNING}
- {rule: Mild, desc: d, condition: "evt.type in (openat, connect)", output: o, priority: NOTICE}
`
	set, err := rules.Parse(rules.DefaultConfig(), []rules.Source{{Name: "r.yaml", Data: []byte(text)}})
	if err != nil || set.Err() != nil {
		t.Fatal(err, set.Err())
	}
	m, err := match.New(match.Config{}, set)
	if err != nil {
		t.Fatal(err)
	}
	// What keeps the process table true is asked for whatever the rules ask for, and never left out.
	for _, state := range []pipeline.EventType{pipeline.EventChdir, pipeline.EventSetuid, pipeline.EventPivotRoot} {
		if !slices.Contains(wanted(m), state) {
			t.Errorf("%s is not asked for: processes would be told of as they were", state)
		}
	}
	want := map[pipeline.EventType]sensor.Shed{
		pipeline.EventPtrace: sensor.ShedLast, pipeline.EventConnect: sensor.ShedLate, pipeline.EventOpenat: sensor.ShedEarly,
	}
	if diff := cmp.Diff(want, shedOrder(m)); diff != "" {
		t.Errorf("shedOrder (-want +got):\n%s", diff)
	}
}
