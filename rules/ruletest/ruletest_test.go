package ruletest

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const ruleText = `
- list: shells
  items: [sh, bash]
- macro: spawned
  condition: (evt.type in (execve, execveat) and evt.rawres = 0)
- macro: from_cron
  condition: (proc.aname[2] = crond or proc.aname = anacron)
- rule: Shell
  desc: d
  condition: spawned and proc.name in (shells) and not from_cron
  output: shell %proc.name of %proc.aname[2] by %user.uid
  priority: WARNING
- rule: Any exec
  desc: d
  condition: spawned and proc.exe = any
  output: exec
  priority: INFO
- rule: Also any exec
  desc: d
  condition: spawned and proc.exe = any
  output: exec %evt.time
  priority: INFO
- rule: Out
  desc: d
  condition: evt.type = connect and fd.snet = 10.0.0.0/8 and fd.port = 443 and not fd.ip = 10.0.0.1 and fd.connected = true
  output: to %fd.sip
  priority: INFO
- rule: Off
  desc: d
  condition: evt.type = open
  output: off
  priority: INFO
  enabled: false
- rule: Window
  desc: d
  condition: evt.type = open
  output: window %window.count
  priority: INFO
  window: {by: [proc.pid], within: 1m, count: {over: 2}}
- rule: Ports
  desc: d
  condition: evt.type = connect and fd.sport exists
  output: ports %window.values
  priority: INFO
  window: {within: 1m, distinct: {field: fd.sport, over: 2}}
- rule: Chain
  desc: d
  condition: proc.pid exists
  output: "%window.steps"
  priority: INFO
  window:
    by: [proc.pid]
    within: 1m
    sequence: [{name: make, condition: evt.type = mkdir}, {name: remove, condition: evt.type = rmdir}]
- rule: Payload window
  desc: d
  source: waits
  condition: event.a == 1
  output: window %window.count of %event.a
  priority: INFO
  window: {by: [event.a], within: 1m, count: {over: 2}}
- rule: Abroad
  desc: d
  source: moves
  condition: event.a == 1 and geo(event.ip).country != "CN"
  output: "%event.ip in %geo(event.ip).city"
  priority: INFO
- rule: Connect abroad
  desc: d
  condition: evt.type = connect and geo.country != CN
  output: to %geo.city
  priority: INFO
- rule: Adult
  desc: d
  source: json
  condition: event.age >= 18
  output: adult %event.who
  priority: INFO
`

const whitelistText = `
- {id: night, reason: r, match: {proc.name: [sh]}, rules: [Shell], schedule: [{times: [{start_time: "02:00", end_time: "03:00"}]}]}
`

// write puts the rules and a test file into a folder and returns the test file's name.
func write(t *testing.T, tests string) string {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "rules_test.yaml")
	for file, text := range map[string]string{"rules.yaml": ruleText, "wl.yaml": whitelistText, "rules_test.yaml": tests} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

func runFile(t *testing.T, tests string, opts Options) (*Result, error) {
	t.Helper()
	name := write(t, tests)
	f, err := Read(name, []byte(tests))
	if err != nil {
		return nil, err
	}
	return Run(f, opts)
}

// text is what a person reads, without the folder.
func text(t *testing.T, tests string) string {
	t.Helper()
	r, err := runFile(t, tests, Options{})
	if err != nil {
		t.Fatalf("Run(%s): %v", tests, err)
	}
	var out strings.Builder
	if err := r.WriteText(&out, false); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(out.String(), filepath.Dir(r.File)+"/", "")
}

const head = "rule_files: [rules.yaml]\n"

func one(rest string) string { return head + "tests:\n- name: t\n" + rest }

func TestTestsPass(t *testing.T) {
	for sentence, file := range map[string]string{
		"an alert with its output": one(`
  events: [{evt.type: execve, evt.rawres: 0, proc.name: bash, proc.aname: [runc, init], user.uid: 0}]
  alerts: [{rule: Shell, output: shell bash of init by 0}]`),
		"an absent field is null, in outputs too": one(`
  events: [{evt.type: execve, evt.rawres: 0, proc.name: bash}]
  alerts: [{rule: Shell, output: shell bash of <NA> by <NA>}]`),
		"one ancestor by its number is the list's": one(`
  events: [{evt.type: execve, evt.rawres: 0, proc.name: bash, "proc.aname[2]": crond}]
  alerts: []`),
		"any ancestor is any of the list": one(`
  events: [{evt.type: execve, evt.rawres: 0, proc.name: bash, proc.aname: [a, b, c, anacron]}]
  alerts: []`),
		"an ancestor by its number is one of all": one(`
  events: [{evt.type: execve, evt.rawres: 0, proc.name: bash, "proc.aname[4]": anacron}]
  alerts: []`),
		"a failed execve is no successful one": one(`
  events: [{evt.type: execve, evt.rawres: -2, proc.name: bash}]
  alerts: []`),
		"an address answers for its network, and both ends for either": one(`
  events:
  - {evt.type: connect, fd.sip: 10.2.3.4, fd.port: [50000, 443], fd.ip: [192.168.0.1, 10.2.3.4], fd.connected: true}
  - {evt.type: connect, fd.sip: 10.2.3.4, fd.port: [50000, 443], fd.ip: [192.168.0.1, 10.0.0.1], fd.connected: true}
  - {evt.type: connect, fd.sip: 11.2.3.4, fd.port: [50000, 443], fd.connected: true}
  - {evt.type: connect, fd.sip: 10.2.3.4, fd.port: [50000, 80], fd.connected: true}
  - {evt.type: connect, fd.sip: 10.2.3.4, fd.port: [50000, 443], fd.connected: false}
  alerts: [{rule: Out, output: to 10.2.3.4}]`),
		"times are counted from the start, and repeated events go on": one(`
  events:
  - {repeat: 3, every: 10s, evt.type: execve, evt.rawres: 0, proc.name: sh}
  - {evt.type: execve, evt.rawres: 0, proc.name: bash}
  - {at: +1m, evt.type: execve, evt.rawres: 0, proc.name: bash}
  alerts: [{rule: Shell, at: 0s}, {rule: Shell, at: 10s}, {rule: Shell, at: +20s}, {rule: Shell, at: 1m}, {rule: Shell, at: 20s}]`),
		"alerts find the expectation that fits, in any order": one(`
  events:
  - {evt.type: execve, evt.rawres: 0, proc.name: sh}
  - {evt.type: execve, evt.rawres: 0, proc.name: bash, at: 5s}
  alerts: [{rule: Shell}, {rule: Shell, output: shell sh of <NA> by <NA>}]`),
		"only the first rule fires when matching says so": head + `
rules: {matching: first}
tests:
- {name: t, events: [{evt.type: execve, evt.rawres: 0, proc.exe: any}], alerts: [{rule: Any exec}]}`,
		"all rules fire": one(`
  events: [{evt.type: execve, evt.rawres: 0, proc.exe: any}]
  alerts: [{rule: Also any exec}, {rule: Any exec}]`),
		"a whitelist is judged by the time of the event": head + `
whitelist_files: [wl.yaml]
tests:
- {name: night, events: [{at: "2026-01-01T02:30:00Z", evt.type: execve, evt.rawres: 0, proc.name: sh}], alerts: []}
- {name: day, events: [{at: "2026-01-01T04:30:00Z", evt.type: execve, evt.rawres: 0, proc.name: sh}], alerts: [{rule: Shell}]}`,
		"an event is made from another": one(`
  events:
  - &base {evt.type: execve, evt.rawres: 0, proc.name: bash, user.uid: 7}
  - {<<: *base, proc.name: sh}
  alerts: [{rule: Shell, output: shell bash of <NA> by 7}, {rule: Shell, output: shell sh of <NA> by 7}]`),
		"a test has an address database of its own": head + `
tests:
- name: t
  source: moves
  places:
    203.0.113.9: {country: CN}
    "2001:db8::1": {country: SG, city: Singapore, asn: 64500, as_org: x}
  events: [{event: {a: 1, ip: 203.0.113.9}}, {event: {a: 1, ip: "2001:db8::1"}}, {event: {a: 1, ip: 192.0.2.1}}]
  alerts: [{rule: Abroad, output: "2001:db8::1 in Singapore"}]`,
		"an event of the kernel brings its place": one(`
  events: [{evt.type: connect, geo.country: US, geo.city: Boston}, {evt.type: connect, geo.country: CN}, {evt.type: connect}]
  alerts: [{rule: Connect abroad, output: to Boston}]`),
		"an event without a type is of none": one(`
  events: [{evt.rawres: 0, proc.name: bash, proc.exe: any}]
  alerts: []`),
	} {
		t.Run(sentence, func(t *testing.T) {
			r, err := runFile(t, file, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if passed, failed, skipped := r.Counts(); passed == 0 || failed+skipped > 0 {
				t.Errorf("%d passed, %d failed, %d skipped\n%s", passed, failed, skipped, text(t, file))
			}
		})
	}
}

func TestFailuresSayWhy(t *testing.T) {
	for sentence, c := range map[string]struct {
		file string
		want string
	}{
		"the first part that is false, with its macro and the values": {one(`
  events: [{evt.type: execve, evt.rawres: 0, proc.name: zsh}]
  alerts: [{rule: Shell}]`), `FAIL  t  (rules_test.yaml:3:3)
    - Shell  (rules_test.yaml:6:13)
        a part of its condition is false: proc.name in (sh, bash)
        at rules.yaml:10:26, for the event at rules_test.yaml:5:13
        proc.name is "zsh"
rules_test.yaml: 0 passed, 1 failed, 0 skipped
`},
		"of several events the one that came closest": {one(`
  events:
  - {evt.type: open, proc.name: bash}
  - {evt.type: execve, evt.rawres: 0, proc.name: bash, proc.aname: [sh, crond]}
  - {evt.type: close}
  alerts: [{rule: Shell}]`), `FAIL  t  (rules_test.yaml:3:3)
    - Shell  (rules_test.yaml:9:13)
        this holds, and must not: proc.aname = anacron or proc.aname[2] = crond
        at rules.yaml:10:52, macro from_cron, for the event at rules_test.yaml:7:6
        proc.aname is "sh crond"
        proc.aname[2] is "crond"
rules_test.yaml: 0 passed, 1 failed, 0 skipped
`},
		"another output": {one(`
  events: [{evt.type: execve, evt.rawres: 0, proc.name: sh}]
  alerts: [{rule: Shell, output: shell ash, at: 3s}]`), `FAIL  t  (rules_test.yaml:3:3)
    Shell fired, but not as expected  (rules_test.yaml:6:13)
      - shell ash
      + shell sh of <NA> by <NA>
              ^
      - at +3s
      + at +0s
rules_test.yaml: 0 passed, 1 failed, 0 skipped
`},
		"an alert nobody expects": {one(`
  events: [{evt.type: execve, evt.rawres: 0, proc.name: sh}]
  alerts: []`), `FAIL  t  (rules_test.yaml:3:3)
    + Shell at +0s
      shell sh of <NA> by <NA>
rules_test.yaml: 0 passed, 1 failed, 0 skipped
`},
		"a rule that is off": {one(`
  events: [{evt.type: open}]
  alerts: [{rule: "Off"}]`), `FAIL  t  (rules_test.yaml:3:3)
    - Off  (rules_test.yaml:6:13)
        the rule does not run: disabled in its file
rules_test.yaml: 0 passed, 1 failed, 0 skipped
`},
		"a whitelist entry": {head + `whitelist_files: [wl.yaml]
tests:
- {name: t, events: [{at: 2h30m, evt.type: execve, evt.rawres: 0, proc.name: sh}], alerts: [{rule: Shell}]}`, `FAIL  t  (rules_test.yaml:4:4)
    - Shell  (rules_test.yaml:4:94)
        its condition holds, and the whitelist entry "night" covers it
rules_test.yaml: 0 passed, 1 failed, 0 skipped
`},
		"a rule before it": {head + `rules: {matching: first}
tests:
- {name: t, events: [{evt.type: execve, evt.rawres: 0, proc.exe: any}], alerts: [{rule: Any exec}, {rule: Also any exec}]}`, `FAIL  t  (rules_test.yaml:4:4)
    - Also any exec  (rules_test.yaml:4:101)
        its condition holds, and a rule before it fired: rules.matching is first
rules_test.yaml: 0 passed, 1 failed, 0 skipped
`},
		"a test that is skipped is not passed": {head + `tests:
- {name: t, skip: waits for the new agent, events: [{evt.type: open}], alerts: []}`, `SKIP  t  (rules_test.yaml:3:4)
      waits for the new agent
rules_test.yaml: 0 passed, 0 failed, 1 skipped
`},
		"windows that did not fire": {head + `tests:
- {name: count, events: [{repeat: 2, evt.type: open, proc.pid: 1}, {evt.type: open, proc.pid: 2}, {at: 60s, evt.type: open, proc.pid: 1}], alerts: [{rule: Window}]}
- {name: cooldown, events: [{repeat: 9, every: 1s, evt.type: open, proc.pid: 1}], alerts: [{rule: Window, at: 2s}, {rule: Window}]}
- {name: distinct, events: [{evt.type: connect, fd.sport: 1}, {evt.type: connect, fd.sport: 1}, {evt.type: connect, fd.sport: 2}], alerts: [{rule: Ports}]}
- {name: payload, source: waits, events: [{event: {a: 1}}], alerts: [{rule: Payload window}]}`, `FAIL  count  (rules_test.yaml:3:4)
    - Window  (rules_test.yaml:3:150)
        its condition holds, its window did not fire; window: 1 of more than 2 within 1m0s
FAIL  cooldown  (rules_test.yaml:4:4)
    - Window  (rules_test.yaml:4:117)
        its window fired fewer times than expected; window: 9 of more than 2 within 1m0s, cooldown 1m0s
FAIL  distinct  (rules_test.yaml:5:4)
    - Ports  (rules_test.yaml:5:142)
        its condition holds, its window did not fire; window: 2 values of more than 2 within 1m0s
FAIL  payload  (rules_test.yaml:6:4)
    - Payload window  (rules_test.yaml:6:71)
        its condition holds, its window did not fire; window: 1 of more than 2 within 1m0s
rules_test.yaml: 0 passed, 4 failed, 0 skipped
`},
		"windows that fire": {head + `tests:
- {name: a, events: [{repeat: 3, every: 1s, evt.type: open, proc.pid: 1}, {repeat: 2, evt.type: open, proc.pid: 2}], alerts: [{rule: Window, at: 2s, output: "window 3"}]}
- {name: the next test counts anew, events: [{repeat: 2, evt.type: open, proc.pid: 1}], alerts: []}
- {name: later, events: [{repeat: 3, evt.type: open, proc.pid: 1}, {at: 2m, repeat: 3, evt.type: open, proc.pid: 1}], alerts: [{rule: Window, at: 0s}, {rule: Window, at: 2m}]}
- {name: store, events: [{evt.type: connect, fd.sport: 1}, {evt.type: connect, fd.sport: 2}, {evt.type: connect, fd.sport: 3}], alerts: [{rule: Ports, output: "ports 1, 2, 3"}]}
- {name: payload, source: waits, events: [{repeat: 3, event: {a: 1}}], alerts: [{rule: Payload window, output: "window 3 of 1"}]}
- {name: chain, events: [{evt.type: mkdir, proc.pid: 1}, {evt.type: rmdir, proc.pid: 2}, {evt.type: rmdir, proc.pid: 1, at: 9s}], alerts: [{rule: Chain, at: 9s, output: "make 00:00:00, remove 00:00:09"}]}`,
			"rules_test.yaml: 6 passed, 0 failed, 0 skipped\n"},
		"structured events": {head + `tests:
- {name: t, source: json, events: [{event: {age: 17}}, {repeat: 2, every: 1s, event: {age: 18, who: li}}], alerts: [{rule: Adult, output: "adult li"}, {rule: Adult}]}
- {name: u, source: json, events: [{event: {age: 17}}], alerts: [{rule: Adult}]}`, `FAIL  u  (rules_test.yaml:4:4)
    - Adult  (rules_test.yaml:4:67)
        no event satisfied its condition
rules_test.yaml: 1 passed, 1 failed, 0 skipped
`},
	} {
		t.Run(sentence, func(t *testing.T) {
			if diff := cmp.Diff(c.want, text(t, c.file)); diff != "" {
				t.Errorf("what people read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	event := func(e string) string { return one("  events: [{" + e + "}]\n  alerts: []") }
	for want, file := range map[string]string{
		`:4:13: nonexistent field "proc.nmae" (did you mean "proc.name"?)`:    event("proc.nmae: x"),
		`:4:24: proc.name is a string, 123 is a number: put it in quotes`:     event("proc.name: 123"),
		`:4:24: proc.name is a string, true is a bool: put it in quotes`:      event("proc.name: true"),
		`:4:27: container.id: 1.5 is a number with a fraction or an exponent`: event("container.id: 1.5"),
		`:4:24: proc.name is a string, not a list`:                            event("proc.name: [a]"),
		`:4:23: proc.pid is a int64, "x" is none`:                             event("proc.pid: x"),
		`:4:23: fd.sport is a port: it is never 65536`:                        event("fd.sport: 65536"),
		`:4:21: fd.sip is an ip address, "10.0.0.0/8" is none`:                event("fd.sip: 10.0.0.0/8"),
		`:4:25: evt.failed is a bool, "yes" is none`:                          event("evt.failed: 'yes'"),
		`:4:20: fd.ip stands for the two ends of a connection`:                event("fd.ip: [10.0.0.1, 10.0.0.2, 10.0.0.3]"),
		`proc.vmsize is always null here, no event can have a value for it`:   event("proc.vmsize: 3"),
		`:4:23: unknown event type "opne" (did you mean "open"?)`:             event("evt.type: opne"),
		`:4:23: events of type mmap are not watched`:                          event("evt.type: mmap"),
		`:4:23: an execveat that succeeds is an event of type execve`:         event("evt.type: execveat"),
		`:4:13: "ta" is not a field's name (did you mean "at"?)`:              event("ta: 3s"),
		`:4:17: at: "soon" is no time (write +30s`:                            event("at: soon"),
		`:4:21: repeat: a number from 1`:                                      event("repeat: 0"),
		`:3:3: test "t": alerts is missing (alerts: [] expects none)`:         one("  events: []"),
		`:5:19: there is no rule "Shel" (did you mean "Shell"?)`:              one("  events: []\n  alerts: [{rule: Shel}]"),
		`:3:1: unknown key "test" (did you mean "tests"?)`:                    head + "\ntest: []\ntests: []",
		`:2:19: matching: "last" is neither "all" nor "first"`:                head + "rules: {matching: last}\ntests: []",
		`rule_files is missing`:                                               "tests: [{name: t, events: [], alerts: []}]",
		`tests is missing`:                                                    head,
		`a test file is one mapping`:                                          "",
		`not YAML`:                                                            "a: [",
		`missing.yaml`:                                                        "rule_files: [missing.yaml]\ntests: [{name: t, events: [], alerts: []}]",
		`the name "t" is taken by the test at`:                                head + "tests: [{name: t, events: [], alerts: []}, {name: t, events: [], alerts: []}]",
		`:4:9: skip: say why the test is not run`:                             one("  skip: \" \"\n  events: []\n  alerts: []"),
		`event is missing: the payload`:                                       one("  source: json\n  events: [{at: 3s}]\n  alerts: []"),
	} {
		_, err := runFile(t, file, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want %q in it, for\n%s", err, want, file)
		}
	}
}

func TestJUnitIsValid(t *testing.T) {
	good, err := runFile(t, head+`tests:
- {name: "passes <&>", events: [], alerts: []}
- {name: fails, events: [{evt.type: execve, evt.rawres: 0, proc.name: sh, user.uid: 3}], alerts: []}
- {name: waits, skip: for something, events: [{evt.type: open}], alerts: [{rule: Window}]}
`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	good.Tests[1].Unexpected[0].Output += "\x01\xff"
	_, bad := runFile(t, "tests: 3", Options{})
	var out bytes.Buffer
	if err := WriteJUnit(&out, []*Result{good}, []Broken{{File: "bad.yaml", Err: bad}}); err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	if got.Tests != 4 || got.Failures != 1 || got.Skipped != 1 || got.Errors != 1 || len(got.Suites) != 2 {
		t.Errorf("counts = %+v", got)
	}
	cases := got.Suites[0].Cases
	if cases[0].Name != "passes <&>" || cases[0].Failure != nil || cases[2].Skipped == nil || got.Suites[1].Cases[0].Error == nil {
		t.Errorf("cases = %+v", got.Suites)
	}
	if f := cases[1].Failure; f == nil || !strings.Contains(f.Text, "+ Shell at +0s") || !strings.Contains(f.Text, "\uFFFD") {
		t.Errorf("failure = %+v, want what came, and no byte that XML cannot hold", f)
	}
}

func TestCoverage(t *testing.T) {
	r, err := runFile(t, one(`
  events:
  - {evt.type: execve, evt.rawres: 0, proc.name: sh}
  - {evt.type: execve, evt.rawres: 0, proc.name: cat, proc.exe: other}
  - {evt.type: open}
  alerts: [{rule: Shell}]`), Options{Coverage: true})
	if err != nil {
		t.Fatal(err)
	}
	c := r.Coverage
	if c.Rules != 9 || c.Fired != 1 || len(c.NeverFired) != 8 || c.NeverFired[0].Rule != "Any exec" {
		t.Errorf("rules: %+v", c)
	}
	got := map[string]string{}
	for _, g := range c.Incomplete {
		got[g.Check] = g.Never
	}
	for check, never := range map[string]string{
		"proc.name in (sh, bash)":        "", // both
		"evt.type in (execve, execveat)": "",
		"evt.rawres = 0":                 "false",
		"proc.exe = any":                 "true",
		"proc.aname = anacron":           "true",
		"fd.port = 443":                  "asked",
	} {
		if got[check] != never {
			t.Errorf("%s: never %q, want %q", check, got[check], never)
		}
	}
}

// Only the tests that are asked for run.
func TestOnlySomeTests(t *testing.T) {
	tests := head + "tests: [{name: one, events: [], alerts: []}, {name: two, events: [], alerts: []}]"
	r, err := runFile(t, tests, Options{Only: regexp.MustCompile("^tw")})
	if err != nil || len(r.Tests) != 1 || r.Tests[0].Name != "two" {
		t.Errorf("tests = %+v, %v, want two alone", r, err)
	}
}
