package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// goldenDir holds what Falco reports of known programs; its README says how that was made.
const goldenDir = "../../shared/golden"

// fields are one event as rules see it; a field that is null is absent.
type fields map[string]any

// scenario is one known program and what is reported of it.
type scenario struct {
	Name   string   `json:"scenario"`
	Events []fields `json:"events"`
}

// TestGolden runs the programs that Falco was run on and compares every field of every event. Where
// tocsin differs on purpose, deviations says so; docs/falco-compatibility.md argues for each.
func TestGolden(t *testing.T) {
	needRoot(t)
	needTool(t, "gcc")
	golden := readGolden(t)
	known := goldenVocabulary(golden)
	got := runScenarios(t, golden, known)
	used := map[string]bool{}
	differences := map[string]int{}
	for _, s := range golden {
		t.Run(s.Name, func(t *testing.T) {
			for _, p := range pair(s.Events, got[s.Name]) {
				for _, d := range p.differences(s.Name, known, used) {
					differences[d.field]++
					t.Error(d)
				}
			}
		})
	}
	if len(differences) > 0 {
		t.Logf("differences by field: %v", differences)
	}
	for _, d := range deviations {
		if !used[d.id()] {
			t.Errorf("the deviation %s is not needed any more", d.id())
		}
	}
}

func readGolden(t *testing.T) []scenario {
	t.Helper()
	file, err := os.Open(filepath.Join(goldenDir, "falco-0.44.1.jsonl"))
	must(t, err)
	defer file.Close()
	var all []scenario
	for d := json.NewDecoder(file); d.More(); {
		var s scenario
		must(t, d.Decode(&s))
		all = append(all, s)
	}
	return all
}

// vocabulary is what the golden events speak of: only these events and fields are compared.
type vocabulary struct {
	fields []string
	events map[string]bool
}

func goldenVocabulary(golden []scenario) vocabulary {
	v := vocabulary{events: map[string]bool{}}
	names := map[string]bool{}
	for _, s := range golden {
		for _, e := range s.Events {
			v.events[fmt.Sprint(e["evt.type"])] = true
			for name := range e {
				names[name] = true
			}
		}
	}
	v.fields = slices.Sorted(maps.Keys(names))
	return v
}

// runScenarios records while it runs the programs one after the other, and replays the capture through a
// rule that prints every field.
func runScenarios(t *testing.T, golden []scenario, known vocabulary) map[string][]fields {
	t.Helper()
	dir := t.TempDir()
	buildScenarios(t, dir)
	t.Cleanup(func() { os.RemoveAll("/var/tmp/golden") })
	out := recordAndReplay(t, goldenRule(known), func() {
		for _, s := range golden {
			runScenario(dir, s.Name).Run() // an error is the end some programs are for
		}
	})
	return split(t, out, known)
}

// buildScenarios compiles the programs into dir. They need no more of libcap than the kernel's header.
func buildScenarios(t *testing.T, dir string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(dir, "sys"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "sys/capability.h"), []byte("#include <linux/capability.h>\n"), 0o644))
	if out, err := runScenario(dir, "list").CombinedOutput(); err != nil {
		t.Fatalf("build the programs: %v\n%s", err, out)
	}
}

func runScenario(dir, name string) *exec.Cmd {
	cmd := exec.Command("bash", filepath.Join(goldenDir, "run.sh"), name)
	cmd.Env = append(os.Environ(), "GOLDEN_BIN="+dir, "CPATH="+dir)
	return cmd
}

// goldenRule prints every field of everything the programs and their children do.
func goldenRule(known vocabulary) string {
	return `
- rule: Golden
  desc: everything the programs do
  condition: (proc.exepath startswith /var/tmp/golden/ or proc.pexepath startswith /var/tmp/golden/)
  output: "%` + strings.Join(known.fields, " %") + `"
  priority: INFO
`
}

// split sorts alerts, in order, by the program that ran, which begins with its own execve.
func split(t *testing.T, alerts []byte, known vocabulary) map[string][]fields {
	t.Helper()
	got := map[string][]fields{}
	name := ""
	lines := bufio.NewScanner(bytes.NewReader(alerts))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var alert struct {
			Fields fields `json:"output_fields"`
		}
		must(t, json.Unmarshal(lines.Bytes(), &alert))
		e := alert.Fields
		maps.DeleteFunc(e, func(_ string, v any) bool { return v == nil })
		if e["evt.type"] == "execve" && e["evt.arg.filename"] == "/var/tmp/golden/scenario" {
			name = fmt.Sprint(e["proc.args"])
		}
		if known.events[fmt.Sprint(e["evt.type"])] {
			normalise(e)
			got[name] = append(got[name], e)
		}
	}
	must(t, lines.Err())
	return got
}

var port = regexp.MustCompile(`:\d+`)

// normalise replaces what differs from run to run as the golden file does.
func normalise(e fields) {
	for name, v := range e {
		switch v := v.(type) {
		case float64:
			creates := e["evt.type"] == "clone" || e["evt.type"] == "setsid"
			if name == "evt.rawres" && creates && v > 0 {
				e[name] = "PID"
			}
			if strings.HasSuffix(name, "port") && isEphemeral(int(v)) {
				e[name] = "EPHEMERAL"
			}
		case string:
			if name == "fd.name" {
				e[name] = port.ReplaceAllStringFunc(v, func(s string) string {
					if n, err := strconv.Atoi(s[1:]); err == nil && isEphemeral(n) {
						return ":EPHEMERAL"
					}
					return s
				})
			}
		}
	}
}

// isEphemeral: the kernel's default net.ipv4.ip_local_port_range starts there.
func isEphemeral(port int) bool { return port >= 32768 }

// match is an event of Falco's and the same one of ours; one of them is nil where the other has no twin.
type match struct{ want, got fields }

// pair finds each event's twin: events of several processes may come in another order.
func pair(want, got []fields) []match {
	key := func(e fields) string {
		return fmt.Sprint(e["evt.type"], e["evt.rawres"] == "PID", e["thread.ismain"], e["proc.cmdline"])
	}
	loose := func(e fields) string { return fmt.Sprint(e["evt.type"], e["evt.rawres"] == "PID") }
	pairs := make([]match, len(want))
	taken := make([]bool, len(got))
	for _, key := range []func(fields) string{key, loose} {
		for i, w := range want {
			for j, g := range got {
				if pairs[i].got == nil && !taken[j] && key(w) == key(g) {
					pairs[i].got, taken[j] = g, true
				}
			}
			pairs[i].want = w
		}
	}
	for j, g := range got {
		if !taken[j] {
			pairs = append(pairs, match{got: g})
		}
	}
	return pairs
}

// difference is a field that has another value.
type difference struct {
	event, field string
	want, got    any
}

func (d difference) String() string {
	return fmt.Sprintf("%s: %s = %v, Falco has %v", d.event, d.field, show(d.got), show(d.want))
}

func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return strconv.Quote(v)
	default:
		return fmt.Sprint(v)
	}
}

// differences compares the fields of a pair; those on purpose are left out and noted in used.
func (m match) differences(scenario string, known vocabulary, used map[string]bool) []difference {
	switch {
	case m.got == nil:
		return []difference{{event: fmt.Sprint(m.want["evt.type"]), field: "event", want: "it"}}
	case m.want == nil:
		return []difference{{event: fmt.Sprint(m.got["evt.type"]), field: "event", got: "it"}}
	}
	var list []difference
	for _, name := range known.fields {
		if absentInGolden(name, m.want) || reflect.DeepEqual(m.want[name], m.got[name]) {
			continue
		}
		d := difference{fmt.Sprint(m.want["evt.type"]), name, m.want[name], m.got[name]}
		if i := slices.IndexFunc(deviations, func(a deviation) bool { return a.allows(scenario, d) }); i >= 0 {
			used[deviations[i].id()] = true
			continue
		}
		list = append(list, d)
	}
	return list
}

// absentInGolden are the fields of whoever started the program, which the golden file leaves out.
func absentInGolden(name string, want fields) bool {
	switch name {
	case "proc.pname", "proc.pcmdline", "proc.pexepath", "proc.sname", "proc.aname[2]":
		return want[name] == nil
	}
	return false
}

// deviation is a difference on purpose.
type deviation struct {
	scenario string
	event    string
	fields   string // separated by blanks
	got      any    // what tocsin has
}

func (a deviation) allows(scenario string, d difference) bool {
	return a.scenario == scenario && a.event == d.event &&
		slices.Contains(strings.Fields(a.fields), d.field) && reflect.DeepEqual(a.got, d.got)
}

func (a deviation) id() string { return strings.Join([]string{a.scenario, a.event, a.fields}, " ") }

// deviations are all differences on purpose. docs/falco-compatibility.md has a section for each group.
var deviations = []deviation{
	// What the kernel resolved, where Falco has the caller's text or nothing.
	{"exec_script", "openat", "fd.name fs.path.name", "/usr/lib/x86_64-linux-gnu/libc.so.6"},
	{"exec_script", "openat", "fd.directory", "/usr/lib/x86_64-linux-gnu"},
	{"fchownat_rel", "fchownat", "fs.path.name", "/var/tmp/golden/file"},
	{"openat_baddirfd", "openat", "fs.path.name", "<UNKNOWN>file"},
	// A failed connect carries its address.
	{"connect_tcp6_refused", "connect", "fd.name", ":::0->::1:9"},
	{"connect_tcp6_refused", "connect", "fd.sip fd.rip", "::1"},
	{"connect_tcp6_refused", "connect", "fd.sport fd.rport", 9.0},
	// Calls that Falco knows no more of than their number.
	{"truncate_file", "truncate", "evt.rawres", 0.0},
	{"truncate_file", "truncate", "evt.res", "SUCCESS"},
	{"truncate_file", "truncate", "evt.arg.path", "/var/tmp/golden/file"},
	{"setxattr_file", "setxattr", "evt.rawres", 0.0},
	{"setxattr_file", "setxattr", "evt.res", "SUCCESS"},
	{"setxattr_file", "setxattr", "evt.arg.path", "/var/tmp/golden/file"},
	// What a call did to its process, at once instead of at the next exec.
	{"setresuid_then_exec", "setresuid", "thread.cap_effective thread.cap_permitted", ""},
	{"setsid_then_exec", "setsid", "proc.is_vpgid_leader", true},
}
