package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever way a program takes to a file or to a new image, on the host or in a container: the same rule sees it.
func TestTricks(t *testing.T) {
	needRoot(t)
	needTool(t, "gcc")
	c := newContainer(t)
	dir := t.TempDir()
	program, secret := filepath.Join(dir, "tricks"), filepath.Join(dir, "secret")
	build := exec.Command("gcc", "-O1", "-Wall", "-static", "-no-pie", "-pthread", "-o", program, "testdata/tricks.c")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	list, err := exec.Command(program, "list").Output()
	must(t, err)
	ways := strings.Fields(string(list))
	must(t, os.WriteFile(secret, []byte("x"), 0o600))
	text, err := os.ReadFile(program)
	must(t, err)
	root := filepath.Join(c.bundle, "rootfs")
	must(t, os.WriteFile(filepath.Join(root, "tricks"), text, 0o755))
	must(t, os.WriteFile(filepath.Join(root, "etc/secret"), []byte("x"), 0o600))

	out := recordAndReplay(t, trickRules(secret), func() {
		for _, way := range ways {
			if out, err := exec.Command(program, way, secret).CombinedOutput(); err != nil {
				t.Errorf("tricks %s: %v\n%s", way, err, out)
			}
		}
		c.run(t, 0, "sh", "-c", "set -e; for way in "+strings.Join(ways, " ")+"; do /tricks $way /etc/secret || echo $way; done")
	})
	seen := map[string]int{}
	for line := range strings.Lines(string(out)) {
		var alert struct{ Output string }
		must(t, json.Unmarshal([]byte(line), &alert))
		seen[alert.Output]++
	}
	for _, way := range ways {
		for _, container := range []string{"host", c.shortID()} {
			want := fmt.Sprintf("%s opens in %s", way, container)
			if strings.HasPrefix(way, "exec_") {
				want = fmt.Sprintf("%s starts in %s, from memory: %v", way, container, way == "exec_memfd")
			}
			if seen[want] == 0 {
				t.Errorf("nobody told: %s", want)
			}
		}
	}
	if t.Failed() {
		t.Logf("told: %v", seen)
	}
}

// trickRules name the file as it really is, and the way by the arguments of who took it. A new image has
// other arguments: its way is in the environment.
func trickRules(secret string) string {
	return `
- rule: Secret read
  desc: d
  condition: evt.is_open_read = true and evt.res = SUCCESS and fd.name in (` + secret + `, /etc/secret) and proc.exepath endswith /tricks
  output: "%proc.args[0] opens in %container.id"
  priority: INFO
- rule: New image
  desc: d
  condition: evt.type = execve and evt.res = SUCCESS and proc.args = again
  output: "%proc.env[WAY] starts in %container.id, from memory: %proc.is_exe_from_memfd"
  priority: INFO
`
}
