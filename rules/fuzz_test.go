package rules

import (
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/pipeline"
)

// slow is longer than any file of the fuzzer's size may take, on a busy machine too.
const slow = 20 * time.Second

// FuzzParse checks that no files make the loader panic or take forever, that it gives a set or an error,
// that every error it reports has a code, and that a rule it hands out can be run.
func FuzzParse(f *testing.F) {
	f.Add(rule("r", "m and proc.name in (l)") + "- list: l\n  items: [a b, c]\n- macro: m\n  condition: evt.type = open\n")
	f.Add("- rule: [\n")
	f.Add("- macro: m\n  condition: &a m\n- macro: *a\n  condition: |\n\n")
	f.Add(rule("r", `"proc.name = \"\\x41\""`, "dedupe: {by: [x], for: 1m}", "window: {}"))
	f.Add(rule("r", `event.a == "x" && event.b[0] in 1..3`, "source: json", "dedupe: {by: [event.a]}"))
	f.Add(rule("r", "evt.num > 0", "window: {by: [proc.pid], within: 1m, sequence: [{name: a, condition: m}, {rule: r}, {name: b, rule: s}]}") +
		rule("s", open, "window: {by: [fd.name], count: {over: 1}, within: 1h, rate: {over: 0.5/s, for: 1m, within: 1s}}") + "- macro: m\n  condition: evt.type = open\n")
	f.Add(strings.Replace(rule("r", "true", "source: json", "window: {within: 1s, distinct: {field: event.a, over: 1}, changed: {field: event.b}, sequence: [{condition: event.a == 1}, {condition: ') || ('}]}"),
		"output: o", `output: "*%5window.count%event.a%window.x"`, 1))
	f.Add("- list: l\n  items: &x [a, *x]\n====\n- list: l\n  items: []\n  override: {items: append}\n")
	f.Add(rule("r", "execve and container.privileged", "exceptions:", "- {name: e, fields: [proc.name], comps: [in], values: [[[a, b c]], [l]]}") +
		"====\n- rule: r\n  exceptions: [{name: e, values: [[x]]}]\n  tags: [a]\n  override: {exceptions: append, tags: append}\n")
	f.Add("- required_engine_version: 57\n- required_plugin_versions: [{name: container, version: 0.4.0, alternatives: [{name: x, version: 1.0.0}]}]\n")
	f.Fuzz(func(t *testing.T, data string) {
		watchdog := time.AfterFunc(slow, func() { panic("more than " + slow.String() + " for " + data) })
		defer watchdog.Stop()
		var sources []Source
		for i, file := range strings.SplitN(data, "====\n", 4) {
			sources = append(sources, Source{Name: string(rune('a'+i)) + ".yaml", Data: []byte(file)})
		}
		s, err := Parse(Config{Matching: MatchFirst, Priority: pipeline.Debug}, sources)
		if (s == nil) == (err == nil) {
			t.Fatalf("Parse(%q) = %v, %v: want one of the two", data, s, err)
		}
		for _, p := range s.Problems {
			if p.Code == "" || p.Message == "" {
				t.Fatalf("Parse(%q): problem %+v", data, p)
			}
		}
		e := filter.NewEvaluator(s.Program)
		e.Reset(&pipeline.Event{Type: pipeline.EventOpen, Proc: &pipeline.Process{}})
		for _, r := range s.Rules {
			if r.Runs() && r.Payload == nil {
				e.Match(r.Code)
				r.Output.Append(nil, e.View())
			}
			if w := r.Window; w != nil && (w.Count+w.Window.Distinct == 0 && w.Rate == 0 && w.Window.Changed+w.Window.New == 0 && len(w.Steps) == 0 || len(w.Steps) != w.Window.Steps) {
				t.Fatalf("Parse(%q): window %+v", data, w)
			}
		}
	})
}
