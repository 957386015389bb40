package enrich

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// world is a made-up /proc, and the clock.
type world struct {
	t      *testing.T
	procfs string
	now    time.Time
}

func newWorld(t *testing.T) (*world, *accounts) {
	w := &world{t: t, procfs: t.TempDir(), now: time.Unix(1000, 0)}
	w.process(1, 1, map[string]string{
		"etc/passwd": "root:x:0:0::/:/bin/sh\nli:x:1000:1000::/:/bin/sh\nli2:x:1000:1000::/:/bin/sh\n",
		"etc/group":  "root:x:0:\nstaff:x:50:li\n",
	})
	return w, newAccounts(w.procfs, func() time.Time { return w.now })
}

// process adds a process in a mount namespace whose root holds files.
func (w *world) process(pid int, mountNS uint32, files map[string]string) {
	w.t.Helper()
	dir := filepath.Join(w.procfs, fmt.Sprint(pid))
	for _, sub := range []string{"ns", "root/etc"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := os.Symlink(fmt.Sprintf("mnt:[%d]", mountNS), filepath.Join(dir, "ns", "mnt")); err != nil {
		w.t.Fatal(err)
	}
	for name, text := range files {
		w.write(pid, name, text)
	}
}

func (w *world) path(pid int, name string) string {
	return filepath.Join(w.procfs, fmt.Sprint(pid), "root", name)
}

func (w *world) write(pid int, name, text string) {
	w.t.Helper()
	if err := os.WriteFile(w.path(pid, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// names resolves a fresh copy of p.
func names(a *accounts, p pipeline.Process) string {
	p.User, p.Group, p.Login = "", "", ""
	a.resolve(&p)
	return p.User + " " + p.Group + " " + p.Login
}

func TestNamesComeFromTheProcessesOwnFiles(t *testing.T) {
	w, a := newWorld(t)
	w.process(7, 70, map[string]string{"etc/passwd": "app:x:1000:1000::/:\n", "etc/group": "app:x:50:\n"})
	for name, c := range map[string]struct {
		p    pipeline.Process
		want string
	}{
		"a host process": {pipeline.Process{PID: 5, EUID: 1000, GID: 50, LoginUID: 1000, MntNS: 99}, "li staff li"},
		"a container's process, whoever logged in":    {pipeline.Process{PID: 7, EUID: 1000, GID: 50, LoginUID: 1000, MntNS: 70, ContainerID: "c"}, "app app li"},
		"ids without a name":                          {pipeline.Process{PID: 7, EUID: 4, GID: 4, LoginUID: pipeline.UnsetUID, MntNS: 70, ContainerID: "c"}, "<NA> <NA> <NA>"},
		"root needs no file":                          {pipeline.Process{PID: 8, MntNS: 80, ContainerID: "d", LoginUID: pipeline.UnsetUID}, "root root <NA>"},
		"a process that is gone, its parent is not":   {pipeline.Process{PID: 9, EUID: 1000, GID: 50, MntNS: 70, ContainerID: "e", Parent: &pipeline.Process{PID: 7, MntNS: 70}}, "app app root"},
		"a parent outside the container says nothing": {pipeline.Process{PID: 9, EUID: 1000, GID: 50, MntNS: 71, ContainerID: "f", Parent: &pipeline.Process{PID: 1, MntNS: 1}}, "<NA> <NA> root"},
		"nor does it to a process of unknown mounts":  {pipeline.Process{PID: 9, EUID: 1000, GID: 50, ContainerID: "h", Parent: &pipeline.Process{PID: 1, MntNS: 1}}, "<NA> <NA> root"},
		"a pid with a new owner says nothing":         {pipeline.Process{PID: 7, EUID: 1000, GID: 50, MntNS: 72, ContainerID: "g"}, "<NA> <NA> root"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := names(a, c.p); got != c.want {
				t.Errorf("user, group, login = %q, want %q", got, c.want)
			}
		})
	}
}

func TestHomesAndShellsComeWithTheName(t *testing.T) {
	w, a := newWorld(t)
	w.write(1, "etc/passwd", "li:x:1000:1000:Li, Wei:/home/li:/bin/zsh\nli2:x:1000:1000::/other:/bin/sh\nbad:x:7:7:/home/bad:/bin/sh\n")
	for sentence, c := range map[string]struct {
		uid         uint32
		home, shell string
	}{
		"the first entry counts": {1000, "/home/li", "/bin/zsh"},
		"a line without gecos":   {7, "", ""},
		"nobody":                 {9, "", ""},
	} {
		p := pipeline.Process{PID: 5, EUID: c.uid}
		a.resolve(&p)
		if p.Home != c.home || p.Shell != c.shell {
			t.Errorf("%s: home %q, shell %q, want %q, %q", sentence, p.Home, p.Shell, c.home, c.shell)
		}
	}
}

func TestFilesAreReadAgainWhenTheyChange(t *testing.T) {
	w, a := newWorld(t)
	w.process(7, 70, map[string]string{"etc/passwd": "old:x:1000:1000::/:\n"})
	p := pipeline.Process{PID: 7, EUID: 1000, GID: 50, MntNS: 70, ExecNS: 70, ContainerID: "c"}
	check := func(when, want string) {
		t.Helper()
		if got := names(a, p); !strings.HasPrefix(got, want+" ") {
			t.Errorf("%s: names = %q, want user %q", when, got, want)
		}
	}
	check("at first", "old")
	w.write(7, "etc/passwd", "newer:x:1000:1000::/:\n")
	check("within a second of the last look", "old")
	w.now = w.now.Add(recheck)
	check("after it", "newer")
	if err := os.RemoveAll(filepath.Join(w.procfs, "7")); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(recheck)
	check("with nobody left to ask", "newer")
}

func TestNamesOfOneContainerAreNotTheNexts(t *testing.T) {
	w, a := newWorld(t)
	w.process(7, 70, map[string]string{"etc/passwd": "old:x:1000:1000::/:\n"})
	names(a, pipeline.Process{PID: 7, EUID: 1000, MntNS: 70, ContainerID: "first"})
	w.process(8, 70, map[string]string{"etc/passwd": "new:x:1000:1000::/:\n"}) // the kernel gave the number again
	got := names(a, pipeline.Process{PID: 8, EUID: 1000, MntNS: 70, ContainerID: "second"})
	if !strings.HasPrefix(got, "new ") {
		t.Errorf("names in the second container = %q, want user new", got)
	}
}

func TestContainersFilesAreNotTrusted(t *testing.T) {
	w, a := newWorld(t)
	outside := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(outside, []byte("evil:x:1000:1000::/:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	big := "app:x:1000:1000::/:\n" + strings.Repeat("# padding\n", maxAccountFile/10) + "late:x:1001:1::/:\n"
	for name, c := range map[string]struct {
		pid  int
		lay  func(pid int) error
		want string
		euid uint32
	}{
		"an absolute link out of the root": {10, func(pid int) error { return os.Symlink(outside, w.path(pid, "etc/passwd")) }, "<NA>", 1000},
		"a relative link out of the root": {11, func(pid int) error {
			return os.Symlink("../../../../../../../../.."+outside, w.path(pid, "etc/passwd"))
		}, "<NA>", 1000},
		"a link inside the root": {12, func(pid int) error {
			w.write(pid, "etc/real", "app:x:1000:1000::/:\n")
			return os.Symlink("/etc/real", w.path(pid, "etc/passwd"))
		}, "app", 1000},
		"a fifo":                  {13, func(pid int) error { return unix.Mkfifo(w.path(pid, "etc/passwd"), 0o600) }, "<NA>", 1000},
		"a folder":                {14, func(pid int) error { return os.Mkdir(w.path(pid, "etc/passwd"), 0o700) }, "<NA>", 1000},
		"a huge file: its start":  {15, func(pid int) error { w.write(pid, "etc/passwd", big); return nil }, "app", 1000},
		"a huge file: not beyond": {15, nil, "<NA>", 1001},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(w.procfs, fmt.Sprint(c.pid))); err != nil {
				w.process(c.pid, uint32(c.pid), nil)
				if c.lay == nil {
					w.write(c.pid, "etc/passwd", big)
				} else if err := c.lay(c.pid); err != nil {
					t.Fatal(err)
				}
			}
			p := pipeline.Process{PID: int32(c.pid), EUID: c.euid, MntNS: uint32(c.pid), ContainerID: fmt.Sprint(c.pid)}
			if got := names(a, p); !strings.HasPrefix(got, c.want+" ") {
				t.Errorf("names = %q, want user %q", got, c.want)
			}
		})
	}
}

func TestRememberedRootsAreBounded(t *testing.T) {
	_, a := newWorld(t)
	for i := range maxRoots + 10 {
		names(a, pipeline.Process{PID: 9999, EUID: 5, MntNS: uint32(i + 2), ContainerID: fmt.Sprint(i)})
	}
	if len(a.roots) > maxRoots {
		t.Errorf("%d root file systems are remembered, want at most %d", len(a.roots), maxRoots)
	}
}

func FuzzParseAccounts(f *testing.F) {
	f.Add([]byte("root:x:0:0::/:/bin/sh\n+::::::\n#c\n:x:1:\nlong:x:4294967296:\nlast:x:7"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for id, name := range parseAccounts(b) {
			if name == "" || strings.ContainsAny(name, ":\n") || utf8.Valid(b) && !strings.Contains(string(b), name) || !utf8.ValidString(name) {
				t.Errorf("parseAccounts(%q): %d is %q", b, id, name)
			}
		}
	})
}

// A container runtime's process is in the container's namespace before its root is the container's:
// what it sees then must not be believed for longer than that look.
func TestNamesSeenDuringSetUpAreNotKept(t *testing.T) {
	w, a := newWorld(t)
	w.process(7, 70, map[string]string{"etc/passwd": "host:x:1000:1000::/:\n"})
	p := pipeline.Process{PID: 7, EUID: 1000, MntNS: 70, ExecNS: 1, ContainerID: "c"}
	names(a, p)
	w.write(7, "etc/passwd", "app:x:1000:1000::/:\n") // what pivot_root does to the root
	p.ExecNS = 70
	if got := names(a, p); !strings.HasPrefix(got, "app ") {
		t.Errorf("names of the container's first process = %q, want its own root's", got)
	}
}

func TestNamesReadAtPivotServeAProcessThatIsGone(t *testing.T) {
	w, a := newWorld(t)
	w.process(7, 70, map[string]string{"etc/passwd": "app:x:1000:1000::/:\n"})
	a.pivoted(7)
	if err := os.RemoveAll(filepath.Join(w.procfs, "7")); err != nil {
		t.Fatal(err)
	}
	gone := pipeline.Process{PID: 7, EUID: 1000, MntNS: 70, ExecNS: 70, ContainerID: "c"}
	if got := names(a, gone); !strings.HasPrefix(got, "app ") {
		t.Errorf("names = %q, want what was read when the runtime entered the root", got)
	}
	if len(a.entered) != 0 {
		t.Errorf("%d entered roots are kept after their container was seen, want none", len(a.entered))
	}
	for ns := range 10 * maxEntered {
		w.process(1000+ns, uint32(1000+ns), nil)
		a.pivoted(int32(1000 + ns))
	}
	if len(a.entered) > maxEntered {
		t.Errorf("%d entered roots are kept, want at most %d", len(a.entered), maxEntered)
	}
}
