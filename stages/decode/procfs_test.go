package decode

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestSeedReadsOurselves(t *testing.T) {
	offset, err := BootOffset()
	if err != nil {
		t.Fatal(err)
	}
	d := New(Config{}, "h", offset)
	if err := d.Seed("/proc"); err != nil {
		t.Fatal(err)
	}
	p := d.Lookup(int32(os.Getpid()))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	type facts struct {
		PPID               int32
		Exe, ExePath, CWD  string
		Args               []string
		UID, EUID, GID     uint32
		Known, InNamespace bool
	}
	got := facts{p.PPID, p.Exe, p.ExePath, p.CWD, p.Args, p.UID, p.EUID, p.GID, p.Known, p.MntNS != 0 && p.PidNS != 0}
	want := facts{int32(os.Getppid()), os.Args[0], exe, cwd + "/", os.Args[1:],
		uint32(os.Getuid()), uint32(os.Geteuid()), uint32(os.Getegid()), true, true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("this process (-want +got):\n%s", diff)
	}
	if p.ExeIno == 0 || p.ExeMtime == 0 || p.StartTime == 0 || len(p.Env) == 0 {
		t.Errorf("this process: inode %d, mtime %d, start %d, %d variables", p.ExeIno, p.ExeMtime, p.StartTime, len(p.Env))
	}
	if chain := ancestors(p); chain[len(chain)-1] > 2 {
		t.Errorf("ancestors = %v, want them to end at pid 1 (or kthreadd)", chain)
	}
}

func TestProcessIsReadFromProcOnce(t *testing.T) {
	d := New(Config{}, "h", 0)
	if err := d.Seed("/proc"); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cat") // waits for its input
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	pid := uint32(cmd.Process.Pid)
	unlink := func(start uint64) *pipeline.Process {
		h := eventHeader{Time: start + 1e9, Start: start, Pid: pid, Tid: pid, Type: uint16(pipeline.EventUnlink)}
		return decode(t, d, build(syscallEvent{Header: h}, func(e *syscallEvent) *eventHeader { return &e.Header }, nil)).Proc
	}
	stat, _, err := readProcess("/proc", int32(pid), 0)
	if err != nil {
		t.Fatal(err)
	}
	exact := stat.Start + 9_999_999 // somewhere within the tick that /proc tells
	p := unlink(exact)
	if !p.Known || p.Comm != "cat" || p.Start != exact || p.Parent != d.Lookup(int32(os.Getpid())) {
		t.Errorf("process = %+v, want cat, our child, started at %d", p, exact)
	}
	if p := unlink(exact + 1e9); p.Known {
		t.Errorf("process with another start = %q, want a placeholder", p.Comm)
	}
}

func TestForkOfASeededProcessKeepsWhatProcTold(t *testing.T) {
	procfs := fakeProc(t, "7 (fresh) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0", "Uid:\t5\t6\t5\t5\n")
	d := New(Config{}, "h", 0)
	if err := d.Seed(procfs); err != nil {
		t.Fatal(err)
	}
	h := timed(7, pipeline.EventClone, 6)
	h.Start = 5e9 + 1234
	decode(t, d, task(h, info(7, 1, "stale")))
	if p := d.Lookup(7); p.Comm != "fresh" || p.EUID != 6 {
		t.Errorf("process = %q with uid %d, want what /proc told", p.Comm, p.EUID)
	}
}

// fakeProc makes a /proc with one process, 7.
func fakeProc(t *testing.T, stat, status string) string {
	t.Helper()
	procfs := t.TempDir()
	dir := filepath.Join(procfs, "7")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"stat": stat, "status": status,
		"cmdline": "/bin/x\x00-a\x00\x00b c\x00", "environ": "A=1\x00", "loginuid": "1000",
		"cgroup": "3:memory:/docker/" + strings.Repeat("0a", 32) + "\n0::/\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"exe": "/memfd:x (deleted)", "cwd": "/"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return procfs
}

func TestReadProcess(t *testing.T) {
	procfs := fakeProc(t, "7 (a) b (\n) S 1 6 5 34819 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0",
		"Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nNSpid:\t7\t3\nNSpgid:\t6\t2\nCapInh:\t1\nCapPrm:\t00ff\nCapEff:\t0f\n")
	got, cgroups, err := readProcess(procfs, 7, 1000)
	if err != nil {
		t.Fatal(err)
	}
	want := pipeline.Process{PID: 7, PPID: 1, VPID: 3, VTID: 3, PGID: 6, SID: 5, VPGID: 2,
		Start: 5e9, StartTime: 5e9 + 1000, Comm: "a) b (\n", Exe: "/bin/x", Args: []string{"-a", "", "b c"},
		Cmdline: "a) b (\n -a  b c", ExePath: "memfd:x", ExeMemfd: true, ExeDeleted: true, CWD: "/", Env: []string{"A=1"},
		UID: 1, EUID: 2, GID: 6, LoginUID: 1000, TTY: 34819,
		CapInheritable: 1, CapPermitted: 0xff, CapEffective: 0xf, Known: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("process (-want +got):\n%s", diff)
	}
	if want := []string{"/docker/" + strings.Repeat("0a", 32)}; !slices.Equal(cgroups, want) {
		t.Errorf("cgroups = %q, want %q", cgroups, want)
	}
}

func TestCgroupsOfProcComeInTheKernelsOrder(t *testing.T) {
	got := parseCgroups("9:name=systemd:/s\n4:memory:/m\n8:pids:/p\n7:cpu,cpuacct:/c\n3:cpuset:/\n0::/u:x\n\nbroken\n")
	if want := []string{"/u:x", "/m", "/p", "/s", "/c"}; !slices.Equal(got, want) {
		t.Errorf("parseCgroups = %q, want %q", got, want)
	}
}

func TestSeedErrors(t *testing.T) {
	d := New(Config{}, "h", 0)
	err := d.Seed(filepath.Join(t.TempDir(), "none"))
	if err == nil || !strings.Contains(err.Error(), "scan the processes in") {
		t.Errorf("Seed of a folder that is not there = %v", err)
	}
	procfs := fakeProc(t, "7 (x S 1", "")
	if err := os.Mkdir(filepath.Join(procfs, "8"), 0o700); err != nil { // gone as soon as it was listed
		t.Fatal(err)
	}
	if err := d.Seed(procfs); err != nil || d.Processes() != 0 {
		t.Errorf("Seed with unreadable processes = %v, %d of them; want none and no error", err, d.Processes())
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (x) S 1 6 5 34819 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0"))
	f.Add([]byte(")(" + strconv.Itoa(1)))
	f.Fuzz(func(t *testing.T, stat []byte) {
		var p pipeline.Process
		if err := parseStat(stat, &p); err == nil && !strings.Contains(string(stat), "("+p.Comm+")") {
			t.Errorf("parseStat(%q): name %q is not in it", stat, p.Comm)
		}
	})
}
