package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/match"
	"github.com/tocsin-security/tocsin/stages/whitelist"
)

// manyEntries are n entries as people write them, none of which is about the events of the benchmarks: programs
// with files, images, addresses, path prefixes, users and pods; one in ten has a schedule, one in ten is for all rules.
func manyEntries(n int) string {
	var b strings.Builder
	for i := range n {
		matches := []string{
			"{proc.name: [job%d], fd.name: [/etc/shadow]}", "{container.image.repository: [registry/app%d], proc.exepath: [/usr/bin/x]}",
			"{fd.rip: [10.%d.0.0/16], proc.name: [sync]}", "proc.name = tool%d and fd.name startswith /etc/", "{proc.pname: [cron%d], user.name: [backup]}",
			"{k8s.ns.name: [team-%d], proc.name: [\"sh*\"]}", "proc.exepath startswith /opt/app%d/ and not proc.name = sh",
		}
		fmt.Fprintf(&b, "- id: e%d\n  reason: because\n  match: %s\n  rules: %s\n", i, fmt.Sprintf(matches[i%len(matches)], i%200),
			[]string{`["Read *"]`, `["Read *"]`, `[tag:odd]`, `"*"`, `["Read one"]`}[i%5])
		if i%10 == 0 {
			b.WriteString("  schedule: [{daily: \"02:00-03:00\", location: Europe/Berlin}]\n")
		}
	}
	return b.String()
}

// busy is a file being read by a program in a container.
func busy() *pipeline.Event {
	return &pipeline.Event{
		Type: pipeline.EventOpenat, Time: time.Now().UnixNano(), HasRet: true, Ret: 3,
		FD:   pipeline.FD{Kind: pipeline.FDFile, Num: 3, Name: "/etc/shadow"},
		Path: [2]pipeline.Path{{Raw: "/etc/shadow", Name: "/etc/shadow", Set: true}},
		Proc: &pipeline.Process{Known: true, PID: 5, Comm: "worker", Cmdline: "worker --id 7", ExePath: "/usr/bin/worker",
			ContainerID: "3ad7b26ded6d", Container: &pipeline.Container{Type: "containerd", Name: "shop", Image: "registry/shop:1", Complete: true}},
	}
}

// twoRules are about opens.
const twoRules = `
- {rule: Read one, condition: "evt.type in (open, openat)", output: "read (file=%fd.name proc=%proc.cmdline)", desc: d, priority: INFO, tags: [odd]}
- {rule: Read two, condition: "evt.type in (open, openat) and fd.num < 0", output: o, desc: d, priority: INFO}
`

// BenchmarkEntries is what an event costs with a thousand entries, none of which covers it, in times of what it
// costs with none (x-none): when a rule fires on it, and when none does. The budget is 1.2.
func BenchmarkEntries(b *testing.B) {
	set := parseRules(b, twoRules)
	matcher := func(n int) *match.Matcher {
		m, err := match.New(match.Config{Whitelist: parseEntries(b, manyEntries(n), set)}, set)
		if err != nil {
			b.Fatal(err)
		}
		return m
	}
	none, many := matcher(0), matcher(1000)
	quiet := busy()
	quiet.Type = pipeline.EventConnect
	for name, ev := range map[string]*pipeline.Event{"fires": busy(), "quiet": quiet} {
		b.Run(name, func(b *testing.B) {
			alerts := 0
			emit := func(pipeline.Alert) { alerts++ }
			compare(b, func() { none.Match(ev, emit) }, func() { many.Match(ev, emit) })
			if (alerts > 0) != (name == "fires") {
				b.Fatalf("%d alerts", alerts)
			}
		})
	}
}

// BenchmarkStructuredEntries is the same for a posted event on which a rule fires.
func BenchmarkStructuredEntries(b *testing.B) {
	set := parseRules(b, `- {rule: R, source: json, condition: event.type == "login", output: "login of %event.user.name", desc: d, priority: INFO}`)
	payload := func(n int) *match.Payload {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "- {id: e%d, reason: because, rules: [R], match: {event.ip: [10.0.0.0/8], event.user.name: [user%d, other%d]}}\n", i, i, i)
		}
		return match.NewPayload(match.Config{Whitelist: parseEntries(b, text.String(), set)}, set)
	}
	none, many := payload(0), payload(1000)
	ev := map[string]any{"type": "login", "user": map[string]any{"name": "li"}, "ip": "10.0.0.1"}
	ask := func(p *match.Payload) func() {
		return func() {
			if alerts, err := p.MatchMap("id", "json", ev, time.Now()); err != nil || len(alerts) != 1 {
				b.Fatal(alerts, err)
			}
		}
	}
	compare(b, ask(none), ask(many))
}

func parseRules(b testing.TB, text string) *rules.Set {
	set, err := rules.Parse(rules.DefaultConfig(), []rules.Source{{Name: "r.yaml", Data: []byte(text)}})
	if err != nil || set.Err() != nil {
		b.Fatal(err, set.Err())
	}
	return set
}

func parseEntries(b testing.TB, text string, set *rules.Set) *whitelist.List {
	list, problems := whitelist.Parse(whitelist.Config{}, []rules.Source{{Name: "w.yaml", Data: []byte(text)}}, set, time.Now())
	if err := rules.Err(problems); err != nil {
		b.Fatal(err)
	}
	return list
}

// compare times two functions in turns, and reports the shortest time of the second in times of that of the
// first: what else the machine does only adds.
func compare(b *testing.B, one, other func()) {
	const calls = 200 // in a row: long against the clock, short against what else runs
	least := [2]time.Duration{time.Hour, time.Hour}
	b.ReportAllocs()
	for b.Loop() {
		for i, call := range []func(){one, other} {
			begun := time.Now()
			for range calls {
				call()
			}
			least[i] = min(least[i], time.Since(begun))
		}
	}
	b.ReportMetric(float64(least[0].Nanoseconds())/calls, "ns/none")
	b.ReportMetric(float64(least[1])/float64(least[0]), "x-none")
}
