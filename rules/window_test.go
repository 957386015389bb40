package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

func TestWindowNumbers(t *testing.T) {
	const month = 720 * time.Hour
	for key, want := range map[string]pipeline.Window{
		"within: 1m, count: {over: 10}":                     {Within: time.Minute, Count: 10, Cooldown: time.Minute},
		"within: 1m, count: {over: 10}, cooldown: 5m":       {Within: time.Minute, Count: 10, Cooldown: 5 * time.Minute},
		"within: 1m, count: {over: 10}, cooldown: 0":        {Within: time.Minute, Count: 10},
		`within: "1m", count: {over: "10"}`:                 {Within: time.Minute, Count: 10, Cooldown: time.Minute},
		"within: 1d, distinct: {field: fd.sport, over: 20}": {Within: 24 * time.Hour, Distinct: 20, Cooldown: 24 * time.Hour},
		"rate: {over: 10/s}":                                {Rate: 10, RateSpan: 10 * time.Second},
		"rate: {over: 0.5 / s, for: 2m}":                    {Rate: 0.5, RateSpan: 10 * time.Second, RateFor: 2 * time.Minute, Cooldown: 2 * time.Minute},
		"rate: {over: 120/m, for: 0}":                       {Rate: 2, RateSpan: time.Minute},
		"rate: {over: 7200/h}":                              {Rate: 2, RateSpan: time.Hour},
		"rate: {over: 10/s, within: 30s}":                   {Rate: 10, RateSpan: 30 * time.Second},
		"changed: {field: proc.name}":                       {Changed: month},
		"changed: {field: proc.name, for: 1h}, within: 5m":  {Changed: time.Hour, Within: 5 * time.Minute, Cooldown: 5 * time.Minute},
		"new: {field: proc.exepath}":                        {New: month},
		"new: {field: proc.exepath, for: 2w}":               {New: 14 * 24 * time.Hour},
		"within: 1m, sequence: [{name: a, condition: evt.type = open}, {name: b, condition: evt.type = close}]": {Within: time.Minute, Steps: 2, Cooldown: time.Minute},
		"within: 1m, count: {over: 10}, rate: {over: 1/s}, new: {field: fd.name}":                               {Within: time.Minute, Count: 10, Rate: 1, RateSpan: 10 * time.Second, New: month, Cooldown: time.Minute},
	} {
		s := parse(t, rule("r", open, "window: {by: [container.id], "+key+"}"))
		if got := serious(s); got != "" {
			t.Errorf("%s: %s", key, got)
			continue
		}
		if diff := cmp.Diff(want, s.Rules[0].Window.Window); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
}

// No number that is written may become a smaller one by rounding: then as many as allowed would be too many.
func TestRatesAreNotRoundedDown(t *testing.T) {
	for _, unit := range []time.Duration{time.Second, time.Minute, time.Hour} {
		for n := 1.0; n < 5000; n++ {
			if most := perSecond(n, unit, unit) * unit.Seconds(); most < n || most >= n+0.001 {
				t.Fatalf("%v a %v: %v occurrences fit in", n, unit, most)
			}
		}
	}
}

func TestWindowFieldsOfARule(t *testing.T) {
	names := func(refs []field.Ref) string {
		var all []string
		for _, f := range refs {
			all = append(all, f.Text)
		}
		return fmt.Sprint(refs != nil, all)
	}
	const count = "within: 1m, count: {over: 1}}"
	for sentence, c := range map[string]struct {
		keys         []string
		by, identity string
		local        bool
	}{
		"a container is one node's":            {[]string{"window: {by: [container.id, fd.sip], " + count}, "true [container.id fd.sip]", "true [container.id fd.sip]", true},
		"a process is one node's":              {[]string{"window: {by: proc.pid, " + count}, "true [proc.pid]", "true [proc.pid]", true},
		"an ancestor is one node's":            {[]string{"window: {by: [\"proc.apid[2]\"], " + count}, "true [proc.apid[2]]", "true [proc.apid[2]]", true},
		"a user is the fleet's":                {[]string{"window: {by: [user.name], " + count}, "true [user.name]", "true [user.name]", false},
		"an image is the fleet's":              {[]string{"window: {by: [container.image.repository], " + count}, "true [container.image.repository]", "true [container.image.repository]", false},
		"nothing is the fleet's, and the rule": {[]string{"window: {by: [], " + count}, "false []", "true []", false},
		"without by too":                       {[]string{"window: {" + count}, "false []", "true []", false},
		"dedupe.by stays":                      {[]string{"window: {by: [user.name], " + count, "dedupe: {by: [fd.name]}"}, "true [user.name]", "true [fd.name]", false},
		"dedupe.for alone says nothing of it":  {[]string{"window: {by: [user.name], " + count, "dedupe: {for: 1h}"}, "true [user.name]", "true [user.name]", false},
		"a list of fields over several lines":  {[]string{"window:", "  by:", "  - user.name", "  - evt.hostname", "  within: 1m", "  count:", "    over: 1"}, "true [user.name evt.hostname]", "true [user.name evt.hostname]", true},
	} {
		s := parse(t, rule("r", open, c.keys...))
		if len(s.Rules) != 1 || s.Rules[0].Window == nil {
			t.Errorf("%s: %s", sentence, serious(s))
			continue
		}
		r := s.Rules[0]
		if by, identity := names(r.Window.By), names(r.DedupeBy); by != c.by || identity != c.identity || r.Window.Local != c.local {
			t.Errorf("%s: by %s, identity %s, local %t; want %s, %s, %t", sentence, by, identity, r.Window.Local, c.by, c.identity, c.local)
		}
	}
}

func TestBadWindows(t *testing.T) {
	const e = "error: LOAD_ERR_YAML_VALIDATE: r: "
	open := open
	two := "{name: a, condition: evt.type = open}, {name: b, condition: evt.type = close}"
	for key, want := range map[string]string{
		"x":                            "6:3: " + e + `window must be a mapping (for example {by: [container.id], within: 5m, count: {over: 10}})`,
		"~":                            "6:3: " + e + `window must be a mapping (for example {by: [container.id], within: 5m, count: {over: 10}})`,
		"{}":                           "6:3: " + e + "window says when nothing: it has no clause (clauses are count, distinct, rate, changed, new, sequence; for example count: {over: 10})",
		"{by: [proc.pid], within: 1m}": "6:3: " + e + "window says when nothing: it has no clause (clauses are count, distinct, rate, changed, new, sequence; for example count: {over: 10})",
		"{withn: 1m}":                  "6:12: " + e + `window: unknown key "withn" (did you mean "within"?)`,
		"{threshold: 1m}":              "6:12: " + e + `window: unknown key "threshold" (the keys are by, within, count, distinct, rate, changed, new, sequence, cooldown)`,
		"{within: 1m, within: 2m, count: {over: 1}}":                                  "", // YAML's own error, see below
		"{count: {over: 1}}":                                                          "6:12: " + e + "window.within is missing: count needs to know how far back to look (for example within: 5m)",
		"{distinct: {field: fd.name, over: 1}}":                                       "6:12: " + e + "window.within is missing: distinct needs to know how far back to look (for example within: 5m)",
		"{sequence: [" + two + "]}":                                                   "6:12: " + e + "window.within is missing: sequence needs to know how far back to look (for example within: 5m)",
		"{within: 0, count: {over: 1}}":                                               "6:20: " + e + "window.within: 0 is too short: it is at least 1ms",
		"{within: -1m, count: {over: 1}}":                                             "6:20: " + e + `window.within: duration "-1m": write a number and a unit, as in 500ms, 30s, 5m, 4h, 1d`,
		"{within: 60, count: {over: 1}}":                                              "6:20: " + e + `window.within: duration "60": write a number and a unit, as in 500ms, 30s, 5m, 4h, 1d`,
		"{within: 11y, count: {over: 1}}":                                             "6:20: " + e + "window.within: 11y is too long: it is at most 10y",
		"{within: , count: {over: 1}}":                                                "6:12: " + e + `window.within: duration "": write a number and a unit, as in 500ms, 30s, 5m, 4h, 1d`,
		"{within: [1m], count: {over: 1}}":                                            "6:20: " + e + "window.within must be a single value",
		"{within: 1m, count: 10}":                                                     "6:24: " + e + "window.count must be a mapping (write count: {over: 10})",
		"{within: 1m, count: {}}":                                                     "6:24: " + e + "window.count.over is missing (write count: {over: 10})",
		"{within: 1m, count: {above: 10}}":                                            "6:32: " + e + `window.count: unknown key "above" (the keys are over)`,
		"{within: 1m, count: {over: 0}}":                                              "6:38: " + e + `window.count.over: "0" is no whole number above 0 (over: 10 holds at the 11th)`,
		"{within: 1m, count: {over: -1}}":                                             "6:38: " + e + `window.count.over: "-1" is no whole number above 0 (over: 10 holds at the 11th)`,
		"{within: 1m, count: {over: 1.5}}":                                            "6:38: " + e + `window.count.over: "1.5" is no whole number above 0 (over: 10 holds at the 11th)`,
		"{within: 1m, count: {over: 9007199254740993}}":                               "6:38: " + e + `window.count.over: "9007199254740993" is no whole number above 0 (over: 10 holds at the 11th)`,
		"{within: 1m, count: {over: ten}}":                                            "6:38: " + e + `window.count.over: "ten" is no whole number above 0 (over: 10 holds at the 11th)`,
		"{within: 1m, distinct: {over: 1}}":                                           "6:24: " + e + "window.distinct.field is missing (write distinct: {field: fd.sport, over: 20})",
		"{within: 1m, distinct: {field: fd.sprot, over: 1}}":                          "6:42: " + e + `window.distinct.field: nonexistent field "fd.sprot" (did you mean "fd.sport"?)`,
		"{within: 1m, distinct: {field: fd.ip, over: 1}}":                             "6:42: " + e + "window.distinct.field: fd.ip stands for both ends of a connection: it has no one value",
		"{within: 1m, distinct: {field: fd.name x, over: 1}}":                         "6:49: " + e + `window.distinct.field: "fd.name x" is not a field's name`,
		"{within: 1m, distinct: {field: [a], over: 1}}":                               "6:42: " + e + "window.distinct.field must be a single value",
		"{by: [container.ids], within: 1m, count: {over: 1}}":                         "6:17: " + e + `window.by: nonexistent field "container.ids" (did you mean "container.id"?)`,
		"{by: [fd.name, fd.name], within: 1m, count: {over: 1}}":                      "6:26: " + e + "window.by: fd.name is named twice",
		"{by: [\"\"], within: 1m, count: {over: 1}}":                                  "6:12: " + e + "window.by is empty",
		"{by: {a: b}, within: 1m, count: {over: 1}}":                                  "6:16: " + e + "window.by must be a single value",
		"{by: [event.a], within: 1m, count: {over: 1}}":                               "6:17: " + e + `window.by: nonexistent field "event.a"`,
		"{rate: {over: 10}}":                                                          "6:25: " + e + `window.rate.over: "10" is no rate (write a number above 0 and s, m or h: 10/s, 0.5/s, 100/m)`,
		"{rate: {over: 10/d}}":                                                        "6:25: " + e + `window.rate.over: "10/d" is no rate (write a number above 0 and s, m or h: 10/s, 0.5/s, 100/m)`,
		"{rate: {over: 0/s}}":                                                         "6:25: " + e + `window.rate.over: "0/s" is no rate (write a number above 0 and s, m or h: 10/s, 0.5/s, 100/m)`,
		"{rate: {over: inf/s}}":                                                       "6:25: " + e + `window.rate.over: "inf/s" is no rate (write a number above 0 and s, m or h: 10/s, 0.5/s, 100/m)`,
		"{rate: {over: 1e3/s}}":                                                       "6:25: " + e + `window.rate.over: "1e3/s" is no rate (write a number above 0 and s, m or h: 10/s, 0.5/s, 100/m)`,
		"{rate: {for: 1m}}":                                                           "6:12: " + e + "window.rate.over is missing (write rate: {over: 10/s, for: 2m})",
		"{rate: {over: 10/s, for: x}}":                                                "6:36: " + e + `window.rate.for: duration "x": write a number and a unit, as in 500ms, 30s, 5m, 4h, 1d`,
		"{rate: {over: 10/s, within: 0s}}":                                            "6:39: " + e + "window.rate.within: 0s is too short: it is at least 1ms",
		"{changed: {for: 1h}}":                                                        "6:12: " + e + "window.changed.field is missing (write changed: {field: container.image.tag})",
		"{changed: proc.name}":                                                        "6:12: " + e + "window.changed must be a mapping (write changed: {field: container.image.tag})",
		"{new: {field: fd.name, for: 0}}":                                             "6:39: " + e + "window.new.for: 0 is too short: it is at least 1ms",
		"{new: {field: fd.name, over: 1}}":                                            "6:34: " + e + `window.new: unknown key "over" (the keys are field, for)`,
		"{within: 1m, count: {over: 1}, cooldown: soon}":                              "6:52: " + e + `window.cooldown: duration "soon": write a number and a unit, as in 500ms, 30s, 5m, 4h, 1d`,
		"{within: 1m, sequence: x}":                                                   "6:34: " + e + "window.sequence must be a list (write sequence: [{name: first, condition: …}, {name: then, rule: …}])",
		"{within: 1m, sequence: [{name: a, condition: evt.type = open}]}":             "6:24: " + e + "window.sequence has 1 steps: it needs 2 to 16",
		"{within: 1m, sequence: [a, b]}":                                              "6:35: " + e + "window.sequence[0] must be a mapping (write {name: …, condition: …} or {name: …, rule: …})",
		"{within: 1m, sequence: [{name: a}, {name: b}]}":                              "6:35: " + e + "window.sequence[0]: a step has either a condition or the name of a rule",
		"{within: 1m, sequence: [{condition: x, rule: y}, {name: b}]}":                "6:35: " + e + "window.sequence[0]: a step has either a condition or the name of a rule",
		"{within: 1m, sequence: [{name: a, cond: x}, {name: b}]}":                     "6:45: " + e + `window.sequence[0]: unknown key "cond" (the keys are name, condition, rule)`,
		"{within: 1m, sequence: [{name: a, condition: x}, {name: b, condition: ''}]}": "6:70: " + e + "window.sequence[1].condition is empty",
		"{within: 1m, sequence: [{name: a, condition: x}, {name: a, condition: y}]}":  "6:67: " + e + `window.sequence: two steps have the name "a"`,
	} {
		s := parse(t, rule("r", open, "window: "+key))
		if want == "" {
			want = `6:24: error: LOAD_ERR_YAML_PARSE`
		}
		if got := serious(s); !strings.HasPrefix(got, "a.yaml:"+want) || strings.Contains(got, "\n") || len(s.Rules) != 0 && !strings.Contains(want, "PARSE") {
			t.Errorf("%s:\n%s\nwant %s", key, got, want)
		}
	}
}

func TestWindowsThatHardlyDoWhatWasMeant(t *testing.T) {
	const w = "warning: LINT_WINDOW: r: "
	for key, want := range map[string]string{
		"{within: 1m, count: {over: 1}}":                                       "6:3: " + w + "window: all occurrences of the rule on all nodes are counted together (name what is counted together, for example by: [container.id])",
		"{by: [], within: 1m, count: {over: 1}}":                               "6:12: " + w + "window: all occurrences of the rule on all nodes are counted together (name what is counted together, for example by: [container.id])",
		"{by: [fd.name], within: 1m, count: {over: 100000}}":                   "6:39: " + w + "window.count: more than 100000 occurrences of one key are a lot to wait for (check the number; a rate may say it better)",
		"{by: [fd.name], within: 1m, count: {over: 99999}}":                    "",
		"{by: [fd.name], within: 1m, distinct: {field: fd.sip, over: 100000}}": "6:39: " + w + "window.distinct: more than 100000 different values of one key are a lot to wait for, and are estimated (check the number)",
		"{by: [fd.name, evt.time], within: 1m, count: {over: 1}}":              "6:26: " + w + "window.by: evt.time is another one for every event: nothing is counted together (leave it out of by)",
		"{by: [evt.num], within: 1m, count: {over: 1}}":                        "6:17: " + w + "window.by: evt.num is another one for every event: nothing is counted together (leave it out of by)",
		"{by: [fd.cport], within: 1m, count: {over: 1}}":                       "6:17: " + w + "window.by: fd.cport is another one for every connection: nothing is counted together (leave it out of by)",
		"{by: [fd.sport], within: 1m, count: {over: 1}}":                       "",
		"{by: [proc.pid], new: {field: fd.name}}":                              "",
		"{by: [proc.pid], rate: {over: 1/m, within: 10s}}":                     "6:28: " + w + "window.rate: a single occurrence in 10s is over it (measure it over a longer time: rate: {over: …, within: 1h})",
		"{by: [fd.sip.name], within: 1m, count: {over: 1}}":                    "6:17: warning: BLIND: r: window.by: fd.sip.name is always null here: names of hosts are not looked up: rules.resolve_names is off",
	} {
		s := parse(t, rule("r", open, "window: "+key))
		if want != "" {
			want = "a.yaml:" + want
		}
		if got := serious(s); got != want || len(s.Rules) != 1 {
			t.Errorf("%s:\n%s\nwant %s", key, got, want)
		}
	}
}

func TestWindowsOfStructuredEvents(t *testing.T) {
	s := parseSources(t, rule("r", `event.type == "x"`, "source: login",
		"window: {by: [event.user.name], within: 1m, distinct: {field: event.user.age, over: 2}, changed: {field: event.type}, new: {field: event.user.name}}"))
	if len(s.Rules) != 1 {
		t.Fatal(serious(s))
	}
	r := s.Rules[0]
	by, distinct, changed, unseen := r.Window.Fields()
	if got, want := fmt.Sprintln(by, distinct, changed, unseen, r.Window.Local), "[event.user.name] event.user.age event.type event.user.name false\n"; got != want {
		t.Errorf("window of %s, want %s", got, want)
	}
	if diff := cmp.Diff(r.Window.Payload.By, r.Payload.DedupeBy, cmpopts.IgnoreUnexported(payload.Path{})); diff != "" {
		t.Errorf("identity (-by +got):\n%s", diff)
	}
	for key, want := range map[string]string{
		"{by: [event.user.nmae], within: 1m, count: {over: 1}}":                      `a.yaml:7:27: error: LOAD_ERR_YAML_VALIDATE: r: window.by: the schema has no member "nmae" here (did you mean "name"?)`,
		"{by: [user.name], within: 1m, count: {over: 1}}":                            `a.yaml:7:17: error: LOAD_ERR_YAML_VALIDATE: r: window.by: no member of the event: "user"`,
		"{within: 1m, sequence: [{condition: event.typ == 1}, {condition: true}]}":   `a.yaml:7:53: error: LOAD_ERR_COMPILE_CONDITION: r: the schema has no member "typ" here (did you mean "type"?)`,
		`{within: 1m, sequence: [{condition: 'true) || (true'}, {condition: true}]}`: `a.yaml:7:52: error: LOAD_ERR_COMPILE_CONDITION: r: unexpected token`,
		"{within: 1m, sequence: [{rule: r}, {condition: true}]}":                     `a.yaml:7:42: error: LOAD_ERR_VALIDATE: r: a step cannot be the rule itself`,
	} {
		all := ""
		for _, p := range parseSources(t, rule("r", `event.type == "x"`, "source: login", "window: "+key)).Problems {
			all += p.String() + "\n"
		}
		if !strings.Contains(all, want) {
			t.Errorf("%s:\n%s\nwant %s", key, all, want)
		}
	}
}

// stepsHold asks a sequence about an event of a type and a process: whether it holds, and which steps do.
func stepsHold(s *Set, r *Rule, of pipeline.EventType, comm string) string {
	e := filter.NewEvaluator(s.Program)
	e.Reset(&pipeline.Event{Type: of, HasRet: true, Proc: &pipeline.Process{Known: true, Comm: comm}})
	held := fmt.Sprint(e.Match(r.Code), ":")
	for _, step := range r.Window.Steps {
		if e.Match(step.Code) {
			held += " " + step.Name
		}
	}
	return held
}

const sequenceFile = `
- macro: opens
  condition: evt.type = open
- list: shells
  items: [sh, bash]
- rule: Closer
  desc: d
  condition: evt.type = close
  output: o
  priority: INFO
  enabled: false
  exceptions: [{name: e, fields: proc.name, values: [sh]}]
- rule: Both
  desc: d
  condition: proc.name != cat
  exceptions: [{name: e, fields: proc.name, values: [dog]}]
  output: o
  priority: INFO
  window:
    by: [proc.pid]
    within: 1m
    sequence:
    - {name: opened, condition: opens}
    - rule: Closer
    - condition: >
        opens
        and proc.name in (shells)
`

func TestStepsAskTheConditionTheirOwnAndTheExceptions(t *testing.T) {
	s := parse(t, sequenceFile)
	if got := serious(s); got != "" {
		t.Fatal(got)
	}
	r := s.Rule("Both")
	for comm, want := range map[string][2]string{ // on open, on close
		"cat":  {"false:", "false:"},              // the rule's own condition
		"dog":  {"false:", "false:"},              // its exception
		"sh":   {"true: opened step 3", "false:"}, // an exception of the rule of a step
		"bash": {"true: opened step 3", "true: Closer"},
		"vi":   {"true: opened", "true: Closer"},
	} {
		for i, of := range []pipeline.EventType{pipeline.EventOpen, pipeline.EventClose} {
			if got := stepsHold(s, r, of, comm); got != want[i] {
				t.Errorf("%v of %s: %s, want %s", of, comm, got, want[i])
			}
		}
	}
	if types := r.Code.EventTypes(); !slices.Equal(types, []pipeline.EventType{pipeline.EventClose, pipeline.EventOpen}) {
		t.Errorf("event types %v, want those of the steps", types)
	}
	if diff := cmp.Diff([]string{"opens"}, s.Origin(r, r.Window.Steps[0].Node.(*syntax.And).Kids[1])); diff != "" {
		t.Errorf("macros of the first step (-want +got):\n%s", diff)
	}
}

func TestPayloadSteps(t *testing.T) {
	s := parseSources(t, rule("Ok", `event.type == "ok" // fine`, "source: login", "enabled: false")+
		rule("r", `event.user.age > 18 // of age`, "source: login", "window: {within: 1m, sequence: [{name: fail, condition: 'event.type == \"fail\" || event.type == \"no\" // bad'}, {rule: Ok}]}"))
	if s.Rule("r") == nil {
		t.Fatal(serious(s))
	}
	for event, want := range map[[2]any]string{
		{"fail", 20.0}: "fail", {"no", 20.0}: "fail", {"ok", 20.0}: "Ok", {"no", 17.0}: "", {"ok", 17.0}: "", {"x", 20.0}: "",
	} {
		e := payload.FromMap(map[string]any{"type": event[0], "user": map[string]any{"age": event[1]}})
		got := ""
		for _, step := range s.Rule("r").Window.Steps {
			if holds, err := step.Payload.Match(e); err != nil {
				t.Fatal(err)
			} else if holds {
				got += step.Name
			}
		}
		if got != want {
			t.Errorf("%v: steps %q, want %q", event, got, want)
		}
	}
}

func TestSequencesThatCannotBe(t *testing.T) {
	sequence := func(steps string) string {
		return rule("r", open, "window: {by: [proc.pid], within: 1m, sequence: ["+steps+"]}")
	}
	const other = ", {condition: evt.type = close}"
	for sentence, c := range map[string]struct{ file, want string }{
		"itself":                     {sequence("{rule: r}" + other), "a.yaml:6:58: error: LOAD_ERR_VALIDATE: r: a step cannot be the rule itself"},
		"a rule that is not there":   {sequence("{rule: Opener}"+other) + rule("Openr", open), `a.yaml:6:58: error: LOAD_ERR_VALIDATE: r: there is no rule "Opener" (did you mean "Openr"?)`},
		"another sequence":           {sequence("{rule: s}"+other) + strings.Replace(sequence("{condition: evt.type = open}"+other), "rule: r", "rule: s", 1), `a.yaml:6:58: error: LOAD_ERR_VALIDATE: r: a step cannot be another sequence: "s" (name the rules of its steps instead)`},
		"a rule of another source":   {sequence("{rule: s}"+other) + rule("s", "true", "source: json"), `a.yaml:6:58: error: LOAD_ERR_VALIDATE: r: rule "s" is for source json, this one for syscall`},
		"a macro nobody has":         {sequence("{condition: opns}" + other), `a.yaml:6:63: error: LOAD_ERR_VALIDATE: r: undefined macro "opns" used in filter`},
		"a field nobody has":         {sequence("{condition: proc.nme = x}" + other), `a.yaml:6:63: error: LOAD_ERR_COMPILE_CONDITION: r: nonexistent field "proc.nme" (did you mean "proc.name"?)`},
		"a rule that has a window":   {sequence("{rule: s}"+other) + rule("s", open, "window: {by: [proc.pid], within: 1m, count: {over: 1}}"), ""},
		"a rule of a later file":     {sequence("{rule: s}"+other) + "====\n" + rule("s", open), ""},
		"nor one that comes in none": {sequence("{rule: s}"+other) + "====\n" + rule("t", open), `a.yaml:6:58: error: LOAD_ERR_VALIDATE: r: there is no rule "s" (did you mean "t"?)`},
		"a macro of a later file":    {sequence("{condition: m}"+other) + "====\n- macro: m\n  condition: evt.type = open\n", `a.yaml:6:63: error: LOAD_ERR_VALIDATE: r: undefined macro "m" used in filter (a file can use only what it and the files before it define)`},
		"a macro that a later file breaks": {"- macro: m\n  condition: evt.type = open\n" + sequence("{condition: m}"+other) + "====\n- macro: m\n  condition: n\n  override: {condition: replace}\n====\n- macro: m\n  condition: evt.type = open\n  override: {condition: replace}\n",
			`b.yaml:2:14: error: LOAD_ERR_VALIDATE: r: undefined macro "n" used in filter`},
		"steps that ask for any event":          {rule("r", "proc.pid = 1", "window: {by: [proc.pid], within: 1m, sequence: [{condition: proc.name = a}, {condition: proc.name = b}]}"), "a.yaml:1:3: warning: LOAD_NO_EVTTYPE: r: matches too many event types, which costs performance (add a check of evt.type)"},
		"a condition that asks nothing is fine": {rule("r", "evt.num >= 0", "window: {by: [proc.pid], within: 1m, sequence: [{condition: evt.type = open}, {condition: evt.type = close}]}"), ""},
		"seventeen steps":                       {sequence(strings.Repeat("{condition: evt.type = open}, ", 16) + "{condition: evt.type = open}"), "a.yaml:6:40: error: LOAD_ERR_YAML_VALIDATE: r: window.sequence has 17 steps: it needs 2 to 16"},
	} {
		got := serious(parse(t, strings.Split(c.file, "====\n")...))
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s:\n%s\nwant %s", sentence, got, c.want)
		}
	}
}

func TestWindowsAreReplacedAsAWhole(t *testing.T) {
	before := rule("r", open, "window: {by: [proc.pid], within: 1m, count: {over: 10}}")
	s := parse(t, before, "- rule: r\n  window: {by: [fd.name], rate: {over: 1/s}}\n  override: {window: replace}\n")
	if w := s.Rule("r").Window; serious(s) != "" || w.Count != 0 || w.Rate != 1 || w.By[0].Text != "fd.name" {
		t.Errorf("window %+v, %s", w, serious(s))
	}
	s = parse(t, before+"- rule: r\n  window: {cooldown: 1h}\n  override: {window: append}\n")
	want := "a.yaml:9:14: error: LOAD_ERR_YAML_VALIDATE: r: override: window of a rule cannot be used with append (a window is replaced as a whole: write override: {window: replace})"
	if got := serious(s); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestARuleWithAWindowHidesNone(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Matching = MatchFirst
	window := "window: {by: [proc.pid], within: 1m, count: {over: 1}}"
	steps := "window: {by: [proc.pid], within: 1m, sequence: [{condition: proc.name = a}, {condition: proc.name = b}]}"
	for sentence, c := range map[string]struct {
		file   string
		hidden bool
	}{
		"a window before a rule":            {rule("a", open, window) + rule("b", open), false},
		"a rule before a window":            {rule("a", open) + rule("b", open, window), true},
		"a rule before a sequence":          {rule("a", open) + rule("b", open, steps), true},
		"a rule for one step of a sequence": {rule("a", open+" and proc.name = a") + rule("b", open, steps), false},
	} {
		s, err := Parse(cfg, []Source{{Name: "a.yaml", Data: []byte(c.file)}})
		if err != nil {
			t.Fatal(err)
		}
		if got := serious(s); strings.Contains(got, "LINT_SHADOWED: b: never fires") != c.hidden {
			t.Errorf("%s: %s, want hidden %t", sentence, got, c.hidden)
		}
	}
}
