package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/stages/enrich/runtimetest"
)

// captureRules print what a capture has to carry: names from the container's own files and the host's, the
// runtime's metadata, ancestors and their arguments, times, the working directory.
const captureRules = `
- rule: Marked file
  desc: a marked file was opened
  condition: evt.type in (open, openat, openat2) and (fd.name = /etc/shadow and container.id != host or fd.name endswith .tocsin-marked)
  output: opened (file=%fd.name user=%user.name group=%group.name login=%user.loginname container=%container.name image=%container.image.repository team=%container.label.team cwd=%proc.cwd env=%proc.env[MARK] parents=%proc.pname %proc.aname[2] args=%proc.pcmdline start=%proc.pid.ts since=%proc.duration num=%evt.num)
  priority: WARNING
  dedupe: {by: [proc.pid, fd.name]}
- rule: Marked program
  desc: the container's program started
  condition: evt.type = execve and proc.cmdline contains tocsin-marked
  output: started (exe=%proc.exepath user=%user.name container=%container.name parent=%proc.pname)
  priority: NOTICE
  dedupe: {by: [proc.pid, fd.name]}
`

// A capture replays to what was alerted live, on a machine that has nothing of the one it was made on.
//
// Two ways to make one are tested. A run that records itself gives every byte, id and time included: the
// capture holds the very records that it judged. A recorder beside a run is a sensor of its own, which
// reads the clock a moment later, and counts other events: there time, id, proc.duration and evt.num are
// left out.
//
// Every occurrence is a thing of its own here, so that each is printed. Live lines are what a stdout receiver prints at the end of the durable half. They are the alert as the
// rule made it and, at its end, what dedupe adds: count, first_seen and last_seen, which are cut off.
func TestReplayElsewhereGivesWhatLiveGave(t *testing.T) {
	c := newContainer(t)
	r := runtimetest.StartContainerd(t)
	const id = "tocsin-capture-test"
	r.Run("default", id, "--label", "nerdctl/name=web", "--label", "team=shop")
	l := newLayout(t, captureRules)
	extra := []string{fmt.Sprintf("enrich: {containers: {sockets: %s}}", r.Socket)}
	config := l.config("0s", "stdout_configs: [{format: json}]", extra...)
	tap, beside := filepath.Join(l.dir, "tap.tocsin"), filepath.Join(l.dir, "beside.tocsin")

	addr := freeAddr(t)
	file := filepath.Join(l.dir, "run.yaml")
	must(t, os.WriteFile(file, []byte(strings.ReplaceAll(config, "{http}", addr)), 0o644))
	live := launch(t, "run", "--config", file, "--record", tap)
	live.base = "http://" + addr
	live.waitReady(t)
	recorder := launch(t, "record", "--config", file, "-o", beside)
	for _, p := range []*process{live, recorder} {
		eventually(t, "it knows the container", func() error {
			if !strings.Contains(p.stderr.String(), "container runtime found") {
				return fmt.Errorf("stderr: %s", p.stderr)
			}
			return nil
		})
	}
	eventually(t, "the recorder records", func() error {
		if !strings.Contains(recorder.stderr.String(), "msg=recording") {
			return fmt.Errorf("stderr: %s", recorder.stderr)
		}
		return nil
	})

	marked := filepath.Join(t.TempDir(), "x.tocsin-marked")
	must(t, os.WriteFile(marked, []byte("x\n"), 0o644))
	const times = 3
	for i := range times {
		// The shell outlives its events: whoever is gone before they are read may be told without a name.
		must(t, r.Ctr("tasks", "exec", "--exec-id", fmt.Sprint("e", i), "--user", "1000:1000", id, "/bin/sh", "-c", "cat /etc/shadow; sleep 2"))
		c.run(t, 0, "sh", "-c", "cat /etc/shadow; true tocsin-marked; sleep 1")
		cat := exec.Command("cat", marked)
		cat.Env = append(os.Environ(), "MARK=not\xfftext")
		cat.Dir = "/usr"
		must(t, cat.Run())
		// No rule asks for chdir: live does not know of it, and a recorder that does must not tell.
		must(t, exec.Command("sh", "-c", "cd /; read line < "+marked+"; true").Run())
	}
	recorder.stop(t)
	eventually(t, "every alert is printed", func() error {
		files := strings.Count(live.stdout.String(), `"rule":"Marked file","priority"`)
		programs := strings.Count(live.stdout.String(), `"rule":"Marked program","priority"`)
		if files < 4*times+1 || programs < 3*times { // the test itself made the marked file
			return fmt.Errorf("%d of %d files, %d of %d programs", files, 4*times+1, programs, 3*times)
		}
		return nil
	})
	live.stop(t)
	r.Remove("default", id)
	r.Stop()

	lived := alertLines(t, live.stdout.String())
	for _, want := range []string{"user=app group=<NA> login=<NA> container=web image= team=shop", "user=root", `env=not` + "\uFFFD" + `text`, "container=host", "cwd=/usr/"} {
		if !slices.ContainsFunc(lived, func(line string) bool { return strings.Contains(line, want) }) {
			t.Errorf("no live alert of %d has %q", len(lived), want)
		}
	}
	replayed := alertLines(t, replayElsewhere(t, l, file, tap))
	if diff := cmp.Diff(lived, replayed); diff != "" {
		t.Errorf("replay of the run's own capture (-live +replay):\n%s", diff)
	}
	// A capture that was cut gives the alerts of its whole records.
	b, err := os.ReadFile(tap)
	must(t, err)
	must(t, os.WriteFile(tap, b[:len(b)-1], 0o600))
	if cut := alertLines(t, replayElsewhere(t, l, file, tap)); len(cut) == 0 || !slices.Equal(cut, lived[:len(cut)]) {
		t.Errorf("a cut capture gave %d alerts, want the first of %d", len(cut), len(lived))
	}
	replayed = withoutClock(t, alertLines(t, replayElsewhere(t, l, file, beside)))
	if diff := cmp.Diff(withoutClock(t, lived), replayed); diff != "" {
		t.Errorf("replay of the capture made beside it (-live +replay):\n%s", diff)
	}
}

// replayElsewhere replays as nobody, in a root directory that holds the binary, the rules and the capture:
// no /proc, no account files, no sockets.
func replayElsewhere(t *testing.T, l layout, config, file string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "elsewhere")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	for from, to := range map[string]string{binary: "tocsin", config: "run.yaml", file: "capture",
		filepath.Join(l.dir, "rules.yaml"): "rules.yaml", filepath.Join(l.dir, "whitelist.yaml"): "whitelist.yaml"} {
		b, err := os.ReadFile(from)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, to), b, 0o755))
	}
	replay := exec.Command("/tocsin", "replay", "--config", "/run.yaml", "/capture")
	replay.Dir, replay.Env = "/", []string{}
	replay.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var stderr bytes.Buffer
	replay.Stderr = &stderr
	out, err := replay.Output()
	if err != nil {
		t.Fatalf("replay elsewhere: %v\n%s", err, stderr.String())
	}
	if !regexp.MustCompile(`replay: \d+ events, \d+ alerts, 0 records not decoded, .* events/s, .* CPU time`).MatchString(stderr.String()) {
		t.Errorf("figures of the replay: %s", stderr.String())
	}
	return string(out)
}

var addedByDedupe = regexp.MustCompile(`,"count":1,"first_seen":"[^"]*","last_seen":"[^"]*"}$`)

// alertLines are the alerts as their rules made them, in order of their ids, which is that of their times.
func alertLines(t *testing.T, output string) []string {
	t.Helper()
	var all []string
	for line := range strings.Lines(output) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "{") {
			all = append(all, addedByDedupe.ReplaceAllString(line, "}"))
		}
	}
	slices.Sort(all) // a line begins with its id
	return all
}

var clocked = regexp.MustCompile(` since=\d+ num=\d+\)`)

// withoutClock leaves out what two sensors tell differently of one event.
func withoutClock(t *testing.T, alerts []string) []string {
	t.Helper()
	var all []string
	for _, line := range alerts {
		line = clocked.ReplaceAllString(line, ")")
		var a map[string]any
		must(t, json.Unmarshal([]byte(line), &a))
		delete(a, "uuid")
		delete(a, "time")
		for _, part := range []string{"output_fields", "annotations"} {
			for _, name := range []string{"evt.time", "evt.num", "proc.duration"} {
				delete(a[part].(map[string]any), name)
				delete(a[part].(map[string]any), strings.ReplaceAll(name, ".", "_"))
			}
		}
		b, err := json.Marshal(a)
		must(t, err)
		all = append(all, string(b))
	}
	return all
}
