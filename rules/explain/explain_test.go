package explain

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

const ruleText = `
- macro: never_true
  condition: (evt.num = 0)
- macro: consider_all
  condition: (never_true)
- macro: opens
  condition: (evt.type in (open, openat) and fd.num >= 0)
- {rule: Plain, desc: d, condition: opens and proc.name = cat and not consider_all, output: o %proc.name %proc.vmsize, priority: INFO}
- {rule: Half seen, desc: d, condition: "evt.type in (open, sched_process_fork)", output: o, priority: INFO}
- {rule: Unwatched too, desc: d, condition: "evt.type in (open, mmap)", output: o, priority: INFO}
- {rule: Null exception, desc: d, condition: evt.type = open and not fd.sip.name = x, output: o, priority: INFO}
- {rule: Null choice, desc: d, condition: evt.type = open and (fd.sip.name = x or proc.name = x), output: o, priority: INFO}
- {rule: Unseen, desc: d, condition: evt.type = sched_process_fork, output: o, priority: INFO}
- {rule: Unwatched, desc: d, condition: evt.type = mmap, output: o, priority: INFO}
- {rule: Nothing, desc: d, condition: evt.type = open and fd.sip.name = x, output: o, priority: INFO}
- {rule: Template, desc: d, condition: opens and consider_all, output: o, priority: INFO}
- {rule: Bare switch, desc: d, condition: evt.type = open and evt.num = 0, output: o, priority: INFO}
- {rule: Empty list, desc: d, condition: evt.type = open and proc.name in (), output: o, priority: INFO}
- {rule: Contradiction, desc: d, condition: evt.type = open and evt.type = close, output: o, priority: INFO}
- {rule: Negated, desc: d, condition: "evt.type = open and not (evt.type != close or fd.num = 3)", output: o, priority: INFO}
- {rule: "Off", desc: d, condition: evt.type = open, output: o, priority: INFO, enabled: false}
- {rule: No type, desc: d, condition: proc.name = x, output: o, priority: INFO}
`

func parse(t *testing.T, text string) *rules.Set {
	t.Helper()
	set, err := rules.Parse(rules.DefaultConfig(), []rules.Source{{Name: "r.yaml", Data: []byte(text)}})
	if err != nil || set.Err() != nil {
		t.Fatal(err, set.Err())
	}
	return set
}

// notForks is a sensor that does not report one event.
func notForks(t pipeline.EventType) bool {
	return t != pipeline.EventClone && t != pipeline.EventConnects
}

func TestVerdicts(t *testing.T) {
	set := parse(t, ruleText)
	for rule, want := range map[string]string{
		"Plain":          "can fire",
		"No type":        "can fire",
		"Half seen":      "partly blind: the sensor does not report sched_process_fork",
		"Unwatched too":  "partly blind: r.yaml:10:46: events of type mmap are not watched",
		"Null exception": "partly blind: r.yaml:11:70: fd.sip.name is always null here: names of hosts are not looked up: rules.resolve_names is off; so its negation always holds",
		"Null choice":    "partly blind: r.yaml:12:64: fd.sip.name is always null here: names of hosts are not looked up: rules.resolve_names is off; so it never holds",
		"Unseen":         "cannot fire: the sensor does not report sched_process_fork",
		"Unwatched":      "cannot fire: r.yaml:14:41: events of type mmap are not watched",
		"Nothing":        "cannot fire: r.yaml:15:59: fd.sip.name is always null here: names of hosts are not looked up: rules.resolve_names is off",
		"Template":       "cannot fire on purpose: r.yaml:3:15: it is switched off by the macro consider_all: give that a condition of your own to switch it on",
		"Bare switch":    `cannot fire on purpose: r.yaml:17:63: it is switched off by "evt.num = 0", which no event satisfies`,
		"Empty list":     `cannot fire: r.yaml:18:62: the list of "proc.name in ()" is empty`,
		"Contradiction":  "cannot fire: r.yaml:19:45: its parts ask for different events: none satisfies all of them",
		"Negated":        "cannot fire: r.yaml:20:40: its parts ask for different events: none satisfies all of them",
		"Off":            "does not run: disabled in its file",
	} {
		v := Judge(set, set.Rule(rule), notForks)
		got := string(v.State)
		if v.OnPurpose {
			got += " on purpose"
		}
		for _, r := range v.Reasons {
			got += ": "
			if r.At != "" {
				got += r.At + ": "
			}
			got += r.Text
		}
		if got != want {
			t.Errorf("%s: %s\nwant %s", rule, got, want)
		}
	}
}

// The tree stands in the order of evaluation, with the macros that its parts come from.
func TestExplanation(t *testing.T) {
	set := parse(t, ruleText)
	e := Explain(set, set.Rule("Plain"), notForks)
	var got []string
	var walk func(p *Part, depth int)
	walk = func(p *Part, depth int) {
		text := p.Kind
		if p.Kind == "check" {
			text = p.Text
		}
		got = append(got, strings.Repeat(" ", depth)+text+" "+strings.Join(p.Macro, ">")+strings.Join(p.Notes, ""))
		for _, k := range p.Kids {
			walk(k, depth+1)
		}
	}
	walk(e.Condition, 0)
	want := []string{
		"and ", " evt.type in (open, openat) opens", " not consider_all", "  evt.num = 0 consider_allwritten to hold for no event",
		" fd.num >= 0 opens", " proc.name = cat ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("condition (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"open", "openat"}, sorted(e.EventTypes)); diff != "" {
		t.Errorf("event types (-want +got):\n%s", diff)
	}
	if last := e.Output[len(e.Output)-1]; last.Name != "proc.vmsize" || last.Unavailable == "" || last.Source != "nothing" {
		t.Errorf("output field = %+v, want one that is not available", last)
	}
	if _, err := json.Marshal(e); err != nil {
		t.Error(err)
	}
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

func TestARuleIsFoundByItsFacts(t *testing.T) {
	text := ""
	for _, name := range []string{"a", "b", "c", "d"} {
		text += "- {rule: " + name + ", desc: d, condition: evt.type = open and proc.name = " + name + "name, output: o, priority: INFO}\n"
	}
	set := parse(t, text)
	e := Explain(set, set.Rule("c"), notForks)
	if want := []Found{{Events: []string{"open"}, Facts: []string{"proc.name = cname"}}}; !cmp.Equal(want, e.Found) {
		t.Errorf("found = %+v, want %+v", e.Found, want)
	}
}

func TestMeter(t *testing.T) {
	set := parse(t, ruleText)
	r := set.Rule("Plain")
	e := Explain(set, r, notForks)
	m, err := NewMeter(set, r, e)
	if err != nil {
		t.Fatal(err)
	}
	event := func(of pipeline.EventType, fd int64, name string) {
		m.Observe(&pipeline.Event{Type: of, Num: 1, HasRet: true, Proc: &pipeline.Process{Known: true, Comm: name},
			FD: pipeline.FD{Kind: pipeline.FDFile, Num: fd}})
	}
	for range 200 {
		event(pipeline.EventOpen, 3, "cat")
		event(pipeline.EventOpen, 3, "dog")
	}
	event(pipeline.EventOpenat, -1, "cat")
	event(pipeline.EventClose, 3, "cat")
	if err := m.Finish(); err != nil {
		t.Fatal(err)
	}
	if want := (Run{Events: 402, OfItsTypes: 401, Candidate: 201, InVain: 1, Held: 200}); *e.Measured != want {
		t.Errorf("run = %+v, want %+v", *e.Measured, want)
	}
	counts := map[string][2]uint64{}
	for _, k := range e.Condition.Kids {
		counts[k.Text] = [2]uint64{k.Measured.Reached, k.Measured.True}
		if k.Text == "proc.name = cat" && (k.Measured.timed == 0 || k.Measured.timed == k.Measured.Reached) {
			t.Errorf("%s was timed %d times of %d, want some of them", k.Text, k.Measured.timed, k.Measured.Reached)
		}
	}
	want := map[string][2]uint64{
		"evt.type in (open, openat)": {401, 401}, "fd.num >= 0": {401, 400}, "proc.name = cat": {400, 200}, "not evt.num = 0": {401, 401},
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("reached and true (-want +got):\n%s", diff)
	}
}
