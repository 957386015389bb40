package main

import (
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/rules"
)

func TestUnseenEventsAreReported(t *testing.T) {
	const text = `
- {rule: Seen, desc: d, condition: evt.type = openat, output: o, priority: INFO}
- {rule: Half, desc: d, condition: "evt.type in (openat, sched_process_fork)", output: o, priority: INFO}
- {rule: Blind, desc: d, condition: evt.type = sched_process_fork, output: o, priority: INFO}
- {rule: Any, desc: d, condition: proc.name = cat, output: o, priority: INFO}
`
	set, err := rules.Parse(rules.DefaultConfig(), []rules.Source{{Name: "r.yaml", Data: []byte(text)}})
	if err != nil || set.Err() != nil {
		t.Fatal(err, set.Err())
	}
	var got []string
	for _, p := range unseenEvents(set) {
		got = append(got, p.String())
	}
	if len(got) != 2 || !strings.Contains(got[0], "r.yaml:3:") || !strings.Contains(got[0], "Half: the rule is partly blind") ||
		!strings.Contains(got[1], "Blind: the rule cannot fire") || !strings.Contains(got[1], "sched_process_fork") {
		t.Errorf("unseenEvents = %q, want Half and Blind", got)
	}
}
