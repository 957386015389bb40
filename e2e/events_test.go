package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/sensor"
)

// values are what rules see of an event. In a value, DIR is the folder of the action; * is any value but none.
type values map[string]string

// eventCase is an event that an action of testdata/events.c makes. The action is the first word of the case's name.
type eventCase struct {
	event, res string // evt.type and evt.res; * where the error depends on how the kernel was built
	fields     values
}

const null = "<nil>"

// only32 are actions that a machine without 32-bit calls lacks: events.c asks it.
var only32 = map[string]bool{"umount": true, "recvmsg_32": true, "recvmmsg_32": true}

// notYetInTable are events that no action makes yet. It should be empty.
var notYetInTable = []string{}

// Every event of the sensor, made by a real program, on the host and in a container: rules see what it did.
func TestEveryEvent(t *testing.T) {
	needRoot(t)
	program := compile(t, "testdata/events.c")
	c := newContainer(t)
	c.capabilities = ownCapabilities(t)
	list, err := exec.Command(program, "list").Output()
	must(t, err)
	actions := strings.Fields(string(list))
	dir := t.TempDir()
	copyProgram(t, program, filepath.Join(c.bundle, "rootfs/events"))

	out := recordAndReplay(t, eventRules(), func() {
		for _, action := range actions {
			out, err := exec.Command(program, action, filepath.Join(dir, action)).CombinedOutput()
			if err != nil && action != "procexit" {
				t.Errorf("events %s: %v\n%s", action, err, out)
			}
		}
		c.run(t, 0, "sh", "-c", "for action in "+strings.Join(actions, " ")+"; do /events $action /tmp/$action; done; true")
	})
	seen := eventsSeen(t, out)
	for name, want := range eventCases() {
		action := actionOf(name)
		if !slices.Contains(actions, action) {
			if runtime.GOARCH == "amd64" && !only32[action] { // others lack the old calls
				t.Errorf("%s: events.c has no action %s", name, action)
			}
			continue
		}
		for container, base := range map[string]string{"host": dir, c.shortID(): "/tmp"} {
			t.Run(name+" in "+container, func(t *testing.T) {
				want.check(t, filepath.Join(base, action), seen[container+" "+action])
			})
		}
	}
}

// actionOf is the action that a case is about.
func actionOf(name string) string {
	action, _, _ := strings.Cut(name, " ")
	return action
}

// Who adds an event to the sensor adds an action that makes it.
func TestEveryEventHasAnAction(t *testing.T) {
	tested := map[string]bool{}
	for _, c := range eventCases() {
		tested[c.event] = true
	}
	for _, event := range append(sensor.Syscalls(), pipeline.EventExecve, pipeline.EventExit) {
		inTable, excused := tested[event.String()], slices.Contains(notYetInTable, event.String())
		if inTable == excused {
			t.Errorf("%s: in the table %v, in notYetInTable %v: want one of the two", event, inTable, excused)
		}
	}
}

// check finds among the events of an action one that is as wanted.
func (c eventCase) check(t *testing.T, dir string, seen []values) {
	t.Helper()
	want := maps.Clone(c.fields)
	if want == nil {
		want = values{}
	}
	want["evt.type"], want["evt.res"] = c.event, c.res
	var near []string
	for _, got := range seen {
		if got["evt.type"] != c.event {
			continue
		}
		var differ []string
		for field, value := range want {
			value = strings.ReplaceAll(value, "DIR", dir)
			if got[field] != value && (value != "*" || got[field] == null || got[field] == "") {
				differ = append(differ, fmt.Sprintf("%s = %q, want %q", field, got[field], value))
			}
		}
		if len(differ) == 0 {
			return
		}
		slices.Sort(differ)
		near = append(near, strings.Join(differ, "; "))
	}
	t.Errorf("of %d events no %s is as wanted:\n%s", len(seen), c.event, strings.Join(near, "\n"))
}

// eventsSeen sorts alerts by container and action.
func eventsSeen(t *testing.T, alerts []byte) map[string][]values {
	t.Helper()
	seen := map[string][]values{}
	for line := range bytes.Lines(alerts) {
		got := alertFields(t, line)
		key := got["container.id"] + " " + got["proc.args[0]"]
		seen[key] = append(seen[key], got)
	}
	return seen
}

// alertFields reads an alert's output fields; numbers as they are written.
func alertFields(t *testing.T, line []byte) values {
	t.Helper()
	var alert struct {
		Fields map[string]any `json:"output_fields"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	must(t, d.Decode(&alert))
	got := values{}
	for field, value := range alert.Fields {
		got[field] = fmt.Sprint(value)
	}
	return got
}

// eventRules is a rule for every event of the program, whose output has every field of the table.
func eventRules() string {
	events, output := map[string]bool{}, map[string]bool{"evt.type": true, "evt.res": true, "container.id": true, "proc.args[0]": true}
	for _, c := range eventCases() {
		events[c.event] = true
		for field := range c.fields {
			output[field] = true
		}
	}
	return fmt.Sprintf(`
- rule: Event
  desc: d
  condition: evt.type in (%s) and proc.exepath endswith /events
  output: "%%%s"
  priority: INFO
`, strings.Join(slices.Sorted(maps.Keys(events)), ", "), strings.Join(slices.Sorted(maps.Keys(output)), " %"))
}

// compile builds a program of testdata, static, and returns its path.
func compile(t *testing.T, source string, flags ...string) string {
	t.Helper()
	needTool(t, "gcc")
	program := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(source), ".c"))
	build := exec.Command("gcc", append(flags, "-O1", "-Wall", "-static", "-o", program, source)...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", source, err, out)
	}
	return program
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, text, 0o755))
}
