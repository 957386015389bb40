package sensor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// facts are what /proc says of a process, to compare with what the kernel side says.
type facts struct {
	PID, PPID, PGID, SID int
	TTY                  int
	LoginUID             uint32
	CapEff               string
	MntNS, PIDNS         uint32
	Ino, Dev             uint64
	Mtime, Ctime         int64
	Comm, Cgroup         string
}

func ownFacts() (facts, error) {
	var f facts
	read := func(name string) string {
		b, err := os.ReadFile("/proc/self/" + name)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(b))
	}
	stat := strings.Fields(read("stat")[strings.LastIndexByte(read("stat"), ')')+1:])
	if len(stat) < 5 {
		return f, errors.New("no /proc/self/stat")
	}
	f.PID = os.Getpid()
	for i, field := range []*int{&f.PPID, &f.PGID, &f.SID, &f.TTY} {
		n, err := strconv.Atoi(stat[i+1])
		if err != nil {
			return f, err
		}
		*field = n
	}
	if _, err := fmt.Sscan(read("loginuid"), &f.LoginUID); err != nil {
		f.LoginUID = 0xffffffff
	}
	for line := range strings.Lines(read("status")) {
		if v, found := strings.CutPrefix(line, "CapEff:"); found {
			f.CapEff = strings.TrimSpace(v)
		}
	}
	var st unix.Stat_t
	for name, inode := range map[string]*uint32{"mnt": &f.MntNS, "pid": &f.PIDNS} {
		if err := unix.Stat("/proc/self/ns/"+name, &st); err != nil {
			return f, err
		}
		*inode = uint32(st.Ino)
	}
	if err := unix.Stat("/proc/self/exe", &st); err != nil {
		return f, err
	}
	f.Ino, f.Dev, f.Mtime, f.Ctime = st.Ino, st.Dev, st.Mtim.Nano(), st.Ctim.Nano()
	f.Comm, f.Cgroup = read("comm"), read("cgroup")
	return f, nil
}

func printFacts() error {
	f, err := ownFacts()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// become replaces this process by the same program doing another act.
func become(act, exe string) error {
	return unix.Exec(exe, []string{"renamed", "-a", "b c", ""}, []string{actEnv + "=" + act, "K=V"})
}

var processActs = map[string]func() error{
	"facts":  printFacts,
	"exit 3": func() error { os.Exit(3); return nil },
	"leader goes first": func() error {
		// The first thread ends alone, with a code of its own; the process goes on without it.
		go func() {
			for !isZombie(os.Getpid()) {
				runtime.Gosched()
			}
			os.Exit(3)
		}()
		_, _, err := unix.Syscall(unix.SYS_EXIT, 5, 0, 0)
		return err
	},
	"killed": func() error { return unix.Kill(os.Getpid(), unix.SIGKILL) },
	"exec":   func() error { return become("facts", "/proc/self/exe") },
	"exec from a thread": func() error {
		failed := make(chan error)
		go func() {
			runtime.LockOSThread() // the main goroutine holds the first thread
			failed <- become("facts", "/proc/self/exe")
		}()
		return <-failed
	},
	"exec of a memfd": func() error {
		fd, err := unix.MemfdCreate("payload", 0)
		if err != nil {
			return err
		}
		memfd := fmt.Sprintf("/proc/self/fd/%d", fd)
		return errors.Join(copyFile("/proc/self/exe", memfd), become("facts", memfd))
	},
	"exec of a deleted file": func() error {
		fd, err := unix.Open("program", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return errors.Join(err, unix.Unlink("program"), become("facts", fmt.Sprintf("/proc/self/fd/%d", fd)))
	},
	"exec of an upper file": overlay(func() error {
		return errors.Join(copyFile("/proc/self/exe", "merged/new"), become("facts", "merged/new"))
	}),
	"exec of a lower file": overlay(func() error { return become("facts", "merged/program") }),
	"openat lower":         overlay(openat("merged/lower")),
	"openat upper":         overlay(call(ok, unix.SYS_OPENAT, cwd, "merged/new", unix.O_CREAT|unix.O_WRONLY, 0o600)),
	"exec by a stranger":   func() error { return errors.Join(unix.Chmod("program", 0o775), stranger(), become("facts", "program")) },
	"exec by the group": func() error {
		return errors.Join(unix.Chmod("program", 0o775), stranger(0), become("facts", "program"))
	},
	"exec in a cgroup": func() error {
		for _, procs := range strings.Fields(os.Getenv(cgroupEnv)) {
			if err := os.WriteFile(procs, []byte("0"), 0); err != nil {
				return err
			}
		}
		return become("facts", "/proc/self/exe")
	},
}

// isZombie reports whether a thread of this process has ended and nobody has noticed yet.
func isZombie(tid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", tid))
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}

// stranger becomes another user, with other groups.
func stranger(groups ...int) error {
	return errors.Join(unix.Setgroups(groups), unix.Setresgid(65534, 65534, 65534), unix.Setresuid(65534, 65534, 65534))
}

// cgroupEnv carries the cgroup.procs files to enter.
const cgroupEnv = "TOCSIN_SENSOR_CGROUPS"

// overlay acts with an overlay mounted on merged, whose lower layer has program.
func overlay(act func() error) func() error {
	return privateMounts(func() error {
		err := unix.Mount("tmpfs", "empty", "tmpfs", 0, "") // no upper layer can lie on an overlay
		for _, d := range []string{"empty/lower", "empty/upper", "empty/work"} {
			err = errors.Join(err, os.Mkdir(d, 0o755))
		}
		return errors.Join(err, os.Mkdir("merged", 0o755), os.WriteFile("empty/lower/lower", nil, 0o600), copyFile("/proc/self/exe", "empty/lower/program"),
			unix.Mount("overlay", "merged", "overlay", 0, "lowerdir=empty/lower,upperdir=empty/upper,workdir=empty/work"), act())
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// lastExec returns the last exec record.
func lastExec(t testing.TB, records []record) record { return last(t, records, pipeline.EventExecve) }

func TestExecDescribesTheNewImage(t *testing.T) {
	l := watch(t, nil)
	dir := sceneDir(t)
	var f facts
	records, cmd := l.actWithOutput("exec", dir, &f)
	got := lastExec(t, records)

	want := bpf.SensorTaskInfo{
		Ppid: uint32(os.Getpid()), Pgid: uint32(f.PGID), Sid: uint32(f.SID), Vpid: uint32(f.PID), Vtid: uint32(f.PID), Vpgid: uint32(f.PGID),
		Tty: uint32(f.TTY), Loginuid: f.LoginUID, Uid: 0, Gid: 0, Euid: 0,
		ExeFlags: uint32(bpf.SensorExeFlagEXE_WRITABLE),
		ExeDev:   unix.Major(f.Dev)<<20 | unix.Minor(f.Dev),
		ExeIno:   f.Ino, ExeCtime: uint64(f.Ctime), ExeMtime: uint64(f.Mtime), MntNs: f.MntNS, PidNs: f.PIDNS,
		// Not in /proc in this form, or compared below.
		CapEffective: got.task.CapEffective, CapPermitted: got.task.CapPermitted, CapInheritable: got.task.CapInheritable,
		CgroupId: got.task.CgroupId, PidNsStart: got.task.PidNsStart, Comm: got.task.Comm,
	}
	if diff := cmp.Diff(want, got.task); diff != "" {
		t.Errorf("task differs from /proc (-want +got):\n%s", diff)
	}
	if caps := fmt.Sprintf("%016x", got.task.CapEffective); caps != f.CapEff {
		t.Errorf("effective capabilities %s, want %s", caps, f.CapEff)
	}
	const tick = 10_000_000 // USER_HZ is 100 on every architecture we build for
	if started := startTicks(t, 1); got.task.PidNsStart/tick != started {
		t.Errorf("the pid namespace began at %d, want tick %d of process 1", got.task.PidNsStart, started)
	}
	if comm := commOf(got.task); comm != f.Comm {
		t.Errorf("comm %q, want %q", comm, f.Comm)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	wantChunks := map[bpf.SensorChunkKind]string{
		bpf.SensorChunkKindCHUNK_FILENAME: "/proc/self/exe",
		bpf.SensorChunkKindCHUNK_ARGV:     "renamed\x00-a\x00b c\x00\x00",
		bpf.SensorChunkKindCHUNK_ENV:      actEnv + "=facts\x00K=V\x00",
		bpf.SensorChunkKindCHUNK_EXE:      exe,
		bpf.SensorChunkKindCHUNK_CWD:      dir,
	}
	for kind, want := range wantChunks {
		c, _ := got.find(kind)
		text := string(c.data)
		if kind == bpf.SensorChunkKindCHUNK_EXE || kind == bpf.SensorChunkKindCHUNK_CWD {
			text = c.joined(c.data)
		}
		if text != want {
			t.Errorf("chunk kind %d is %q, want %q", kind, text, want)
		}
	}
	if int(got.Pid) != cmd.Process.Pid || got.Tid != got.Pid || got.Uid != 0 {
		t.Errorf("pid %d tid %d uid %d, want %d twice and 0", got.Pid, got.Tid, got.Uid, cmd.Process.Pid)
	}
	for _, r := range records {
		if r.Start != got.Start || r.Time < r.Start {
			t.Errorf("type %d: started %d, at %d; want start %d and no time before", r.Type, r.Start, r.Time, got.Start)
		}
	}
}

// startTicks is field 22 of /proc/PID/stat.
func startTicks(t *testing.T, pid int) uint64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	n, err := strconv.ParseUint(fields[22-3], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func commOf(task bpf.SensorTaskInfo) string {
	var b []byte
	for _, c := range task.Comm {
		b = append(b, byte(c))
	}
	return string(b[:bytes.IndexByte(b, 0)])
}

func TestTricksWithTheImageAreSeen(t *testing.T) {
	const (
		writable = bpf.SensorExeFlagEXE_WRITABLE
		deleted  = bpf.SensorExeFlagEXE_DELETED
	)
	l := watch(t, nil)
	cases := map[string]struct {
		flags bpf.SensorExeFlag
		exe   string // DIR stands for the folder, SELF for the test binary
	}{
		"exec from a thread":     {writable, "SELF"},
		"exec of a memfd":        {writable | deleted | bpf.SensorExeFlagEXE_MEMFD, "memfd:payload"},
		"exec of a deleted file": {writable | deleted, "DIR/program (deleted)"},
		"exec of an upper file":  {writable | bpf.SensorExeFlagEXE_UPPER_LAYER, "DIR/merged/new"},
		"exec by a stranger":     {0, "DIR/program"},
		"exec by the group":      {writable, "DIR/program"},
		"exec of a lower file":   {writable | bpf.SensorExeFlagEXE_LOWER_LAYER, "DIR/merged/program"},
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := sceneDir(t)
			if err := copyFile(self, dir+"/program"); err != nil {
				t.Fatal(err)
			}
			got := lastExec(t, l.act(name, dir))
			if flags := bpf.SensorExeFlag(got.task.ExeFlags); flags != c.flags {
				t.Errorf("flags %b, want %b", flags, c.flags)
			}
			if got.Tid != got.Pid {
				t.Errorf("tid %d, want the process's number %d", got.Tid, got.Pid)
			}
			exe, _ := got.find(bpf.SensorChunkKindCHUNK_EXE)
			if want := strings.NewReplacer("DIR", dir, "SELF", self).Replace(c.exe); exe.joined(exe.data) != want {
				t.Errorf("exe is %q, want %q", exe.joined(exe.data), want)
			}
		})
	}
}

func TestForkAndExitFrameAProcess(t *testing.T) {
	l := watch(t, nil)
	subreaper(t)
	for name, code := range map[string]int32{"facts": 0, "exit 3": 3 << 8, "leader goes first": 3 << 8, "killed": int32(unix.SIGKILL)} {
		t.Run(name, func(t *testing.T) {
			records := l.act(name, t.TempDir())
			first, i := records[0], slices.IndexFunc(records, func(r record) bool { return r.is(pipeline.EventExit) })
			end := records[i]
			if !first.is(pipeline.EventClone) || first.Tid != first.Pid || first.Flags&uint16(bpf.SensorEventFlagEVENT_THREAD) != 0 {
				t.Errorf("first record: type %d tid %d pid %d flags %b, want the process's fork", first.Type, first.Tid, first.Pid, first.Flags)
			}
			if int(first.task.Ppid) != os.Getpid() || first.Chunks != 0 {
				t.Errorf("fork: parent %d with %d chunks, want %d and none", first.task.Ppid, first.Chunks, os.Getpid())
			}
			if end.exit.Code != code || int(end.exit.Reaper) != os.Getpid() {
				t.Errorf("exit: code %#x reaper %d, want %#x and %d", end.exit.Code, end.exit.Reaper, code, os.Getpid())
			}
			threads := 0
			// Threads that die at the same instant can both be the last: bpf/process.h.
			for _, r := range records[i+1:] {
				if !r.is(pipeline.EventExit) || r.exit.Code != code {
					t.Errorf("an event of type %d after the process's exit: it was a thread's", r.Type)
				}
			}
			for _, r := range records[1:i] {
				if r.is(pipeline.EventClone) {
					threads++
					if r.Tid == r.Pid || r.Flags&uint16(bpf.SensorEventFlagEVENT_THREAD) == 0 || r.Chunks != 0 {
						t.Errorf("thread's fork: tid %d pid %d flags %b chunks %d", r.Tid, r.Pid, r.Flags, r.Chunks)
					}
				}
			}
			if threads == 0 {
				t.Error("no thread was reported; the Go runtime starts some")
			}
		})
	}
}

// subreaper makes this process the one that inherits orphans, for the length of the test.
func subreaper(t *testing.T) {
	t.Helper()
	set := func(on uintptr) {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	set(1)
	t.Cleanup(func() { set(0) })
}

func TestPIDNamespaceNumbers(t *testing.T) {
	l := watch(t, nil)
	inNamespace := func(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID} }
	got := lastExec(t, l.act("exec", t.TempDir(), inNamespace))
	if got.task.Vpid != 1 || got.task.Vtid != 1 || got.Pid == 1 {
		t.Errorf("pid %d vpid %d vtid %d, want both virtual numbers 1", got.Pid, got.task.Vpid, got.task.Vtid)
	}
	own, err := ownFacts()
	if err != nil {
		t.Fatal(err)
	}
	if got.task.PidNs == own.PIDNS || got.task.PidNs == 0 {
		t.Errorf("pid namespace %d, want another than our %d", got.task.PidNs, own.PIDNS)
	}
	records := l.act("exit 3", t.TempDir(), inNamespace)
	if end := records[len(records)-1]; end.exit.Reaper != end.Pid {
		t.Errorf("reaper of a namespace's init is %d, want itself, %d: its children die with it", end.exit.Reaper, end.Pid)
	}
}

func TestCgroupPathsAreTheKernels(t *testing.T) {
	l := watch(t, nil)
	procs := makeCgroups(t)
	t.Setenv(cgroupEnv, strings.Join(procs, " "))
	var f facts
	records, _ := l.actWithOutput("exec in a cgroup", t.TempDir(), &f)
	got := lastExec(t, records)

	// /proc/self/cgroup has a line ID:CONTROLLERS:PATH per hierarchy, with ID 0 for the default one.
	var unified string
	var others []string
	for line := range strings.Lines(f.Cgroup) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		_, path, _ := strings.Cut(rest, ":")
		if id == "0" {
			unified = path
		} else {
			others = append(others, path)
		}
	}
	found := 0
	for _, c := range got.chunks {
		if bpf.SensorChunkKind(c.Kind) != bpf.SensorChunkKindCHUNK_CGROUP {
			continue
		}
		found++
		path := c.joined(c.data)
		if c.Index == 0 && path != unified || c.Index != 0 && !slices.Contains(others, path) {
			t.Errorf("cgroup %d is %q, want it to be in\n%s", c.Index, path, f.Cgroup)
		}
		if !strings.Contains(path, "tocsin-test-") {
			t.Errorf("cgroup %d is %q, want the one the process entered", c.Index, path)
		}
	}
	if found != len(procs) {
		t.Errorf("%d cgroup chunks, want %d", found, len(procs))
	}
}

func TestAForkIntoAnotherCgroupSaysSo(t *testing.T) {
	l := watch(t, nil)
	enter, _ := ownCgroup(t)
	fork := l.act("exit 3", t.TempDir(), enter)[0]
	c, found := fork.find(bpf.SensorChunkKindCHUNK_CGROUP)
	if want := "inner"; !found || c.Index != 0 || filepath.Base(c.joined(c.data)) != want {
		t.Errorf("fork's cgroup is %q (found: %v), want one that ends in %s", c.joined(c.data), found, want)
	}
}
