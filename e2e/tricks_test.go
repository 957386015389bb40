package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whatever way a program takes to a file, to a new image, to a name or to an address, on the host or in a privileged
// container: the same rule sees it.
func TestTricks(t *testing.T) {
	needRoot(t)
	program := compile(t, "testdata/tricks.c", "-no-pie", "-pthread")
	c := newContainer(t)
	c.capabilities = ownCapabilities(t)
	secret := filepath.Join(t.TempDir(), "secret")
	list, err := exec.Command(program, "list").Output()
	must(t, err)
	ways := strings.Fields(string(list))
	if !slices.Contains(ways, "compat") {
		t.Log("this machine has no 32-bit system calls")
	}
	must(t, os.WriteFile(secret, []byte("x"), 0o600))
	root := filepath.Join(c.bundle, "rootfs")
	copyProgram(t, program, filepath.Join(root, "tricks"))
	must(t, os.WriteFile(filepath.Join(root, "etc/secret"), []byte("x"), 0o600))

	out := recordAndReplay(t, trickRules(secret), func() {
		for _, way := range ways {
			if out, err := exec.Command(program, way, secret).CombinedOutput(); err != nil {
				t.Errorf("tricks %s: %v\n%s", way, err, out)
			}
		}
		// What does not work in there is not told either.
		c.run(t, 0, "sh", "-c", "for way in "+strings.Join(ways, " ")+"; do /tricks $way /etc/secret || echo $way; done")
	})
	seen := map[string]int{}
	for line := range strings.Lines(string(out)) {
		var alert struct{ Output string }
		must(t, json.Unmarshal([]byte(line), &alert))
		seen[alert.Output]++
	}
	for _, way := range ways {
		for _, container := range []string{"host", c.shortID()} {
			times := 1
			if way == "twice" || way == "passed" {
				times = 2 // O_PATH, which rules take for reading, and the real one
			}
			if want := way + " " + toldOf(way) + " in " + container; seen[want] < times {
				t.Errorf("told %d times, want %d: %s", seen[want], times, want)
			}
		}
	}
	if t.Failed() {
		t.Logf("told: %v", seen)
	}
}

// toldOf is what a rule says of a way. Those that change something are named after the system call that does it.
func toldOf(way string) string {
	first, last, _ := strings.Cut(way, "_")
	switch {
	case first == "exec":
		return fmt.Sprintf("starts, from memory: %v", way == "exec_memfd")
	case first == "connect" || first == "sendto" || last == "first" || last == "uring":
		return first
	default:
		return "opens"
	}
}

// trickRules name the file as it really is, and the way by the arguments of who took it. A new image has
// other arguments: its way is in the environment.
func trickRules(secret string) string {
	return strings.NewReplacer("SECRET", secret).Replace(`
- macro: by_tricks
  condition: proc.exepath endswith /tricks
- rule: Secret read
  desc: d
  condition: evt.is_open_read = true and evt.res = SUCCESS and fd.name in (SECRET, /etc/secret) and by_tricks
  output: "%proc.args[0] opens in %container.id"
  priority: INFO
- rule: New image
  desc: d
  condition: evt.type = execve and evt.res = SUCCESS and proc.args = again
  output: "%proc.env[WAY] starts, from memory: %proc.is_exe_from_memfd in %container.id"
  priority: INFO
- rule: Secret's name changed
  desc: d
  condition: >
    evt.type in (linkat, symlinkat, renameat, renameat2, unlinkat, mkdirat, mount) and evt.res = SUCCESS and by_tricks
    and (fs.path.name startswith SECRET or fs.path.source startswith SECRET or fs.path.target startswith SECRET
    or fs.path.name startswith /etc/secret or fs.path.source startswith /etc/secret or fs.path.target startswith /etc/secret)
  output: "%proc.args[0] %evt.type in %container.id"
  priority: INFO
- rule: Root changed
  desc: d
  condition: evt.type = chroot and evt.res = SUCCESS and by_tricks
  output: "%proc.args[0] %evt.type in %container.id"
  priority: INFO
- rule: Connection
  desc: d
  condition: evt.type in (connect, sendto) and fd.sip = 127.0.0.1 and fd.sport = 9 and by_tricks
  output: "%proc.args[0] %evt.type in %container.id"
  priority: INFO
`)
}
