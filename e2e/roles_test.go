package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A sensor without a broker hands its alerts to a router over HTTP, and keeps them while it is away.
func TestSensorSpoolsWhileTheRouterIsAway(t *testing.T) {
	c := newContainer(t)
	sink := newWebhookSink(t)
	sensorSide, routerSide := newLayout(t, shadowRules), newLayout(t, shadowRules)
	routerAddr := freeAddr(t)
	sensor := start(t, sensorSide.dir, "sensor", sensorSide.config("0s", webhookReceiver(sink), "bus: http://"+routerAddr))
	c.run(t, 0, "cat", "/etc/shadow")
	eventually(t, "the sensor has found the router away", func() error {
		if sensor.metric(t, "tocsin_retries_total") == 0 {
			return fmt.Errorf("no failed post yet")
		}
		return nil
	})
	config := strings.ReplaceAll(routerSide.config("0s", webhookReceiver(sink), "sensor: {enabled: false}"), "{http}", routerAddr)
	file := filepath.Join(routerSide.dir, "router.yaml")
	must(t, os.WriteFile(file, []byte(config), 0o600))
	launch(t, "router", "--config", file)
	if got := objects(sink.waitFor(t, 1)); !slices.Equal(got, []string{"/etc/shadow"}) {
		t.Errorf("delivered %v, want /etc/shadow", got)
	}
	sensor.stop(t)
}

// Without rights the sensor says in one sentence what is missing, and a router works.
func TestWithoutRights(t *testing.T) {
	needRoot(t) // to become somebody else
	sink := newWebhookSink(t)
	dir, err := os.MkdirTemp("", "tocsin-nobody")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o777))
	l := layout{dir}
	must(t, os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(shadowRules), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "whitelist.yaml"), []byte("[]\n"), 0o644))

	addr := freeAddr(t)
	write := func(name string, extra ...string) string {
		file := filepath.Join(dir, name)
		text := strings.ReplaceAll(l.config("0s", webhookReceiver(sink), extra...), "{http}", addr)
		must(t, os.WriteFile(file, []byte(text), 0o644))
		return file
	}
	asNobody := func(args ...string) *exec.Cmd {
		cmd := exec.Command(binary, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		return cmd
	}

	out, err := asNobody("run", "--config", write("run.yaml"), "--data-dir", filepath.Join(dir, "data-run")).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err == nil || strings.Count(text, "\n") != 0 || !strings.Contains(text, "tocsin router") {
		t.Errorf("run without rights printed %q (%v), want one sentence that says what is missing and that the router works", text, err)
	}

	p := &process{cmd: asNobody("router", "--config", write("router.yaml")), stdout: &lines{}, stderr: &lines{}, base: "http://" + addr, done: make(chan error, 1)}
	p.cmd.Stderr = p.stderr
	must(t, p.cmd.Start())
	go func() { p.done <- p.cmd.Wait() }()
	p.waitReady(t)
	post(t, p, falcoAlert("/a"))
	sink.waitFor(t, 1)
	p.stop(t)
}

// A capture replayed gives the alerts that a live run gives.
func TestRecordAndReplay(t *testing.T) {
	c := newContainer(t)
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	live := start(t, l.dir, "run", l.config("0s", webhookReceiver(sink)))
	file := filepath.Join(l.dir, "capture.tocsin")
	recorder := launch(t, "record", "-o", file)
	eventually(t, "the recorder records", func() error {
		if !strings.Contains(recorder.stderr.String(), "recording") {
			return fmt.Errorf("stderr: %s", recorder.stderr)
		}
		return nil
	})
	c.run(t, 0, "cat", "/etc/shadow")
	sink.waitFor(t, 1)
	recorder.stop(t)
	live.stop(t)

	replay := exec.Command(binary, "replay", "--config", filepath.Join(l.dir, "run.yaml"), file)
	var stderr bytes.Buffer
	replay.Stderr = &stderr
	out, err := replay.Output()
	if err != nil {
		t.Fatalf("replay: %v\n%s", err, stderr.String())
	}
	if !strings.Contains(stderr.String(), "events/s") {
		t.Errorf("replay printed no figures: %s", stderr.String())
	}
	replayed, lived := comparable(t, string(out), c), comparable(t, live.stdout.String(), c)
	if diff := cmp.Diff(lived, replayed); diff != "" {
		t.Errorf("replay differs from live (-live +replay):\n%s", diff)
	}
	if got := replayed["output"]; !strings.Contains(fmt.Sprint(got), "container="+c.shortID()) {
		t.Errorf("output %q lacks the container", got)
	}
}

// comparable is the alert about a container among output lines, without what two sensors, or two makings
// of it, tell differently: the moment to the nanosecond, the id, and what dedupe adds.
func comparable(t *testing.T, output string, c *container) map[string]any {
	t.Helper()
	var a map[string]any
	for line := range strings.Lines(output) {
		if strings.Contains(line, c.shortID()) { // the recorder hears of everything on this machine
			must(t, json.Unmarshal([]byte(line), &a))
			break
		}
	}
	if a == nil {
		t.Fatalf("no alert about container %s in:\n%s", c.shortID(), output)
	}
	for _, key := range []string{"uuid", "time", "count", "first_seen", "last_seen"} {
		delete(a, key)
	}
	delete(a["output_fields"].(map[string]any), "evt.time")
	delete(a["annotations"].(map[string]any), "evt_time")
	return a
}

// SIGHUP and POST /-/reload exchange the configuration whole, or keep the old one.
func TestReload(t *testing.T) {
	c := newContainer(t)
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	p := start(t, l.dir, "run", l.config("0s", webhookReceiver(sink)))
	rulesFile := filepath.Join(l.dir, "rules.yaml")
	reload := func() (int, string) {
		resp, err := http.Post(p.base+"/-/reload", "", nil)
		must(t, err)
		defer resp.Body.Close()
		var answer bytes.Buffer
		answer.ReadFrom(resp.Body)
		return resp.StatusCode, answer.String()
	}

	// A mistake: refused with its place, and the old rules go on.
	must(t, os.WriteFile(rulesFile, []byte(shadowRules+"\n- rule: Broken\n  desc: x\n  condition: evt.typ = open\n  output: x\n  priority: INFO\n"), 0o644))
	if status, answer := reload(); status != 500 || !strings.Contains(answer, "rules.yaml:11:14") || !strings.Contains(answer, "evt.type") {
		t.Errorf("reload of a broken rule = %d %s, want 500 with file:line and a hint", status, answer)
	}
	c.run(t, 0, "cat", "/etc/shadow")
	sink.waitFor(t, 1)

	// A good one: the new rules are in force, whatever they need from the kernel.
	renamed := strings.ReplaceAll(shadowRules, "Shadow read", "Removed") + "\n- rule: Mode changed\n  desc: x\n  condition: evt.type in (chmod, fchmodat) and evt.res = SUCCESS and evt.arg.filename endswith /watched\n  output: mode of %evt.arg.filename changed\n  priority: INFO\n"
	must(t, os.WriteFile(rulesFile, []byte(renamed), 0o644))
	must(t, p.cmd.Process.Signal(syscall.SIGHUP))
	eventually(t, "the reload is done", func() error {
		if !strings.Contains(p.stderr.String(), "configuration reloaded") {
			return fmt.Errorf("stderr: %s", p.stderr)
		}
		return nil
	})
	watched := filepath.Join(l.dir, "watched")
	must(t, os.WriteFile(watched, nil, 0o644))
	must(t, syscall.Chmod(watched, 0o600))
	got := sink.waitFor(t, 2)[1].Alerts[0].Labels["rule"]
	if got != "Mode changed" && got != "Removed" {
		t.Errorf("after the reload rule %q fired, want the new one", got)
	}

	// What needs a restart is refused.
	config, err := os.ReadFile(filepath.Join(l.dir, "run.yaml"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(l.dir, "run.yaml"), append(config, "\nstore: redis://127.0.0.1:1\n"...), 0o600))
	if status, answer := reload(); status != 500 || !strings.Contains(answer, "store needs a restart") {
		t.Errorf("reload with another store = %d %s, want 500", status, answer)
	}
}
