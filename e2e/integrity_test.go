package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// changes does everything to a file that the rules that ship tell apart, and reads it, which they ignore.
// $B runs a command, $F is the file, $D its directory.
const changes = `set -e
cat $F >/dev/null
echo x >>$F
cd $D; $B chmod 640 ${F##*/}
$B ln $F $D/hard; $B ln -s ${F##*/} $D/soft; $B ln -s $D $D/there
$B mv /proc/self/root$F $D/away; $B mv $D/away ./../${D##*/}/${F##*/}
$B rm $F`

// Each kind of change is told once for each time it happened, on the host and in a container, and a read is not.
func TestChangesOfWatchedFilesAreTold(t *testing.T) {
	c := newContainer(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "watched")
	must(t, os.WriteFile(file, []byte("x\n"), 0o600))
	rules, err := os.ReadFile("../configs/rules/integrity.yaml")
	must(t, err)
	watched := string(rules) + "\n- list: user_integrity_files\n  items: [" + file + "]\n- list: user_integrity_directories\n  items: [" + dir + "]\n"
	out := recordAndReplay(t, watched, func() {
		script := exec.Command("sh", "-c", changes)
		script.Env = append(os.Environ(), "B=", "F="+file, "D="+dir)
		if out, err := script.CombinedOutput(); err != nil {
			t.Errorf("on the host: %v\n%s", err, out)
		}
		c.run(t, 0, "sh", "-c", "B=busybox F=/etc/passwd D=/etc; "+changes)
	})
	got := map[[2]string]int{}
	for line := range strings.Lines(string(out)) {
		var alert struct {
			Rule   string
			Labels map[string]string
		}
		must(t, json.Unmarshal([]byte(line), &alert))
		got[[2]string{alert.Labels["container_id"], alert.Rule}]++
	}
	for rule, n := range map[string]int{
		"Watched file modified": 1, "Watched file attributes changed": 1, "Watched file linked": 3,
		"Watched file moved": 2, "Watched file deleted": 1,
	} {
		for _, container := range []string{"host", c.shortID()} {
			if got[[2]string{container, rule}] != n {
				t.Errorf("%s in %s: told %d times, want %d", rule, container, got[[2]string{container, rule}], n)
			}
		}
	}
	if t.Failed() {
		t.Logf("alerts:\n%s", out)
	}
}
