package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A rule for /bin holds where that is a link into /usr, however the file was reached.
func TestRulesForMergedDirectories(t *testing.T) {
	needRoot(t)
	target, err := os.Readlink("/bin")
	need(t, err == nil && strings.HasSuffix(target, "usr/bin"), "a merged /usr")
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink("/usr/bin/true", link))
	const rule = `
- rule: Old name
  desc: d
  condition: evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.name = /bin/true and proc.exepath endswith e2e.test
  output: "%fd.nameraw opens %fd.name"
  priority: INFO
`
	paths := []string{"/bin/true", "/usr/bin/true", link, "/proc/self/root/bin/true"}
	alerts := string(recordAndReplay(t, rule, func() {
		for _, path := range paths {
			file, err := os.Open(path)
			must(t, err)
			file.Close()
		}
	}))
	for _, path := range paths {
		if want := `"` + path + ` opens /usr/bin/true"`; !strings.Contains(alerts, want) {
			t.Errorf("no alert says %s:\n%s", want, alerts)
		}
	}
}
