package decode

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestLinksOfARoot(t *testing.T) {
	procfs := t.TempDir()
	root := func(pid int, links map[string]string) {
		dir := filepath.Join(procfs, strconv.Itoa(pid), "root")
		if err := os.MkdirAll(filepath.Join(dir, "var"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, target := range links {
			if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	root(1, map[string]string{"bin": "usr/bin", "var/run": "/run"})
	root(2, map[string]string{"var/run": "../run"})
	root(3, map[string]string{"bin": "/opt/usr/bin"})
	both := pipeline.LinkUsr | pipeline.LinkRun
	l, m := links{}, &machine{procfs: procfs}
	for sentence, c := range map[string]struct {
		pid     int32
		mountNS uint32
		want    pipeline.Links
	}{
		"a merged root":                    {1, 10, both},
		"one with a relative /var/run":     {2, 20, pipeline.LinkRun},
		"a /bin that leads elsewhere":      {3, 30, 0},
		"a process that is gone":           {4, 40, both},
		"a mount namespace without number": {1, 0, both},
	} {
		old := pipeline.Links(0)
		if c.pid == 4 || c.mountNS == 0 {
			old = both // inherited
		}
		if got := l.of(m, c.pid, c.mountNS, old); got != c.want {
			t.Errorf("%s: links = %b, want %b", sentence, got, c.want)
		}
	}
	if err := os.RemoveAll(procfs); err != nil {
		t.Fatal(err)
	}
	if got := l.of(m, 1, 10, 0); got != both {
		t.Errorf("looked at again, links = %b, want what is remembered", got)
	}
}

// What was seen live holds in replay, where there is nothing to look at.
func TestLinksOutliveASnapshot(t *testing.T) {
	d := newDecoder(t)
	d.Lookup(100).Links = pipeline.LinkUsr
	snapshot, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	r := New(Config{}, "h", 0)
	if err := r.Restore(snapshot); err != nil {
		t.Fatal(err)
	}
	decode(t, r, execed(100, 1, "ls", 101))
	if got := r.Lookup(100).Links; got != pipeline.LinkUsr {
		t.Errorf("after an exec in replay links = %b, want %b", got, pipeline.LinkUsr)
	}
}
