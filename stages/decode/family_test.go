package decode

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// ancestors are the pids of p and of those above it.
func ancestors(p *pipeline.Process) (pids []int32) {
	for ; p != nil; p = p.Parent {
		pids = append(pids, p.PID)
	}
	return pids
}

func TestForkCopiesAndExecReplaces(t *testing.T) {
	d := New(Config{}, "h", testOffset)
	h := strings.Repeat("ab", 32)
	decode(t, d, forked(1, 0, "init", 1))
	decode(t, d, execed(10, 1, "sh", 11, argv("/bin/sh", "-c", "cat x"), path(kindExe, 0, "/bin/dash"),
		path(kindCwd, 0, "/srv"), path(kindCgroup, 0, "/docker/"+h), piece{kind: kindEnv, data: []byte("A=1\x00B=2\x00")}))
	d.Lookup(10).User, d.Lookup(10).Container = "web", &pipeline.Container{ID: h}

	decode(t, d, forked(20, 10, "sh", 20.5))
	parent := d.Lookup(10)
	want := *parent
	want.PID, want.PPID, want.VPID, want.VTID, want.PGID = 20, 10, 20, 20, 20
	want.Parent, want.Start, want.StartTime, want.ExecTime = parent, 20e9, 20e9+testOffset, 0
	want.PidNSStart = testOffset
	if diff := cmp.Diff(want, *d.Lookup(20)); diff != "" {
		t.Errorf("child after fork (-want +got):\n%s", diff)
	}

	i := info(20, 10, "cat")
	i.Euid, i.CapEffective, i.ExeFlags = 33, 7, exeUpperLayer|exeWritable
	exec := decode(t, d, task(timed(20, pipeline.EventExecve, 21), i, argv("cat", "x"), path(kindExe, 0, "/bin/cat"),
		path(kindCwd, 0, "/srv"), path(kindCgroup, 0, "/docker/"+h), piece{kind: kindEnv, data: []byte("A=1\x00B=2\x00")},
		piece{kind: kindFilename, data: []byte("/bin/cat")}))
	if exec.Exe != "/bin/cat" || !exec.HasRet || exec.Ret != 0 {
		t.Errorf("exec = %q, %d, %v; want /bin/cat with result 0", exec.Exe, exec.Ret, exec.HasRet)
	}
	want.Comm, want.Exe, want.Args, want.Cmdline, want.ExePath = "cat", "cat", []string{"x"}, "cat x", "/bin/cat"
	want.EUID, want.CapEffective, want.ExeUpperLayer, want.ExeWritable = 33, 7, true, true
	want.ExecTime, want.User = 21e9+testOffset, "" // another user, whose name is not known yet
	if diff := cmp.Diff(want, *d.Lookup(20)); diff != "" {
		t.Errorf("child after exec (-want +got):\n%s", diff)
	}
	if parent.Comm != "sh" || parent.User != "web" {
		t.Errorf("parent after the child's exec = %q of %q, want sh of web", parent.Comm, parent.User)
	}
}

func TestWhatEnrichFoundOutLastsAsLongAsItHolds(t *testing.T) {
	d := New(Config{}, "h", 0)
	c := &pipeline.Container{ID: "c"}
	decode(t, d, execed(10, 1, "runc", 11, path(kindCgroup, 0, "/user.slice/x.scope")))
	p := d.Lookup(10)
	p.User, p.Group, p.Container = "li", "staff", c

	decode(t, d, forked(20, 10, "runc", 20))
	if child := d.Lookup(20); child.User != "li" || child.Group != "staff" || child.Container != c {
		t.Errorf("a child = %q, %q, %v; want its parent's", child.User, child.Group, child.Container)
	}
	i := info(30, 10, "runc")
	i.MntNs = 4026532111
	decode(t, d, task(timed(30, pipeline.EventClone, 30), i))
	if child := d.Lookup(30); child.User != "" || child.Group != "" || child.Container != c {
		t.Errorf("a child with its own mounts = %q, %q, %v; want no names, and its parent's container", child.User, child.Group, child.Container)
	}
	decode(t, d, execed(10, 1, "sh", 31, path(kindCgroup, 0, "/user.slice/x.scope")))
	if p.User != "" || p.Group != "" || p.Container != c {
		t.Errorf("a new image = %q, %q, %v; want no names, and the container it was in", p.User, p.Group, p.Container)
	}
	decode(t, d, execed(10, 1, "sh", 32, path(kindCgroup, 0, "/docker/"+strings.Repeat("ab", 32))))
	if p.Container != nil {
		t.Errorf("in another container = %v, want it to be found out", p.Container)
	}
}

func TestExecWithoutCgroupsIsTheHost(t *testing.T) {
	d := New(Config{}, "h", 0)
	decode(t, d, execed(10, 1, "a", 11, path(kindCgroup, 0, "/docker/"+strings.Repeat("ab", 32))))
	decode(t, d, execed(10, 1, "b", 12, piece{kind: kindEnv, flags: chunkTruncated, data: []byte("A=")}))
	if d.Lookup(10).ContainerID == "" {
		t.Error("a record cut short took the process out of its container")
	}
	decode(t, d, execed(10, 1, "b", 12))
	if id := d.Lookup(10).ContainerID; id != "" {
		t.Errorf("in the root cgroups, container = %q, want none", id)
	}
}

func TestExit(t *testing.T) {
	for name, c := range map[string]struct {
		reaper uint32
		want   []int32
	}{
		"children go to the reaper":                        {1, []int32{40, 1}},
		"an unknown reaper is the nearest living ancestor": {0, []int32{40, 20, 10, 1}},
		"so is a reaper that is not in the table":          {999, []int32{40, 20, 10, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			d := New(Config{}, "h", 0)
			for _, s := range []pipeline.Sample{forked(1, 0, "init", 1), forked(10, 1, "a", 10), forked(20, 10, "b", 20),
				forked(30, 20, "c", 30), forked(40, 30, "d", 40), forked(41, 30, "e", 41)} {
				decode(t, d, s)
			}
			ev := decode(t, d, exited(30, c.reaper, 50))
			if ev.Proc.Comm != "c" || !ev.Proc.Exited || ev.Args[0] != 1<<8 || ev.HasRet {
				t.Errorf("exit = %q, exited %v, code %#x", ev.Proc.Comm, ev.Proc.Exited, ev.Args[0])
			}
			if got := ancestors(ev.Proc); !slices.Equal(got, []int32{30, 20, 10, 1}) {
				t.Errorf("ancestors of the dead = %v", got)
			}
			if got := ancestors(d.Lookup(40)); !slices.Equal(got, c.want) {
				t.Errorf("ancestors of its child = %v, want %v", got, c.want)
			}
			if got := d.Lookup(41); got.PPID != c.want[1] {
				t.Errorf("ppid of the other child = %d, want %d", got.PPID, c.want[1])
			}
			if ok, err := d.Decode(exited(30, 0, 50), &pipeline.Event{}); ok || err != nil {
				t.Errorf("the same exit again = %v, %v; want no event", ok, err)
			}
		})
	}
}

func TestDeadProcessesAreForgotten(t *testing.T) {
	d := New(Config{}, "h", 0)
	decode(t, d, forked(1, 0, "init", 1))
	decode(t, d, forked(10, 1, "short", 10))
	decode(t, d, exited(10, 1, 11))

	late := build(syscallEvent{Header: timed(10, pipeline.EventUnlink, 11)}, func(e *syscallEvent) *eventHeader { return &e.Header }, nil)
	if ev := decode(t, d, late); ev.Proc.Comm != "short" {
		t.Errorf("a late event is of %q, want short", ev.Proc.Comm)
	}
	dead := d.Lookup(10)
	decode(t, d, forked(20, 1, "x", 14))
	if d.Lookup(10) != nil || dead.Parent != nil || d.Processes() != 2 {
		t.Errorf("3 s after its exit: entry %v, parent %v, %d processes", d.Lookup(10), dead.Parent, d.Processes())
	}
}

func TestPidReuse(t *testing.T) {
	d := New(Config{}, "h", 0)
	decode(t, d, forked(1, 0, "init", 1))
	decode(t, d, forked(10, 1, "old", 10))
	decode(t, d, forked(11, 10, "child", 11))
	again := timed(10, pipeline.EventClone, 30)
	again.Start = 30e9
	decode(t, d, task(again, info(10, 1, "new"))) // the exit of old was lost
	if got := d.Lookup(10); got.Comm != "new" || got.Start != 30e9 || got.Exited {
		t.Errorf("process 10 = %q, started %d, exited %v", got.Comm, got.Start, got.Exited)
	}
	if got := ancestors(d.Lookup(11)); !slices.Equal(got, []int32{11, 1}) {
		t.Errorf("ancestors of the old one's child = %v, want 11, 1", got)
	}
	decode(t, d, forked(12, 1, "x", 40)) // long after: the old one's entry goes, the new one's stays
	if got := d.Lookup(10); got == nil || got.Comm != "new" {
		t.Errorf("process 10 after the old one is forgotten = %v", got)
	}

	other := timed(10, pipeline.EventUnlink, 50)
	other.Start = 49e9
	ev := decode(t, d, build(syscallEvent{Header: other}, func(e *syscallEvent) *eventHeader { return &e.Header }, nil))
	if ev.Proc.Known || ev.Proc.Comm != "<NA>" || ev.Proc.Start != 49e9 {
		t.Errorf("process 10 with another start = %+v, want a placeholder", ev.Proc)
	}
}

func TestUnknownProcess(t *testing.T) {
	d := New(Config{}, "h", 0)
	ev := decode(t, d, call(pipeline.EventUnlink, 0, [6]uint64{}, str(0, "/x")))
	p := ev.Proc
	if p.Known || p.Comm != "<NA>" || p.Exe != "<NA>" || p.UID != pipeline.UnsetUID || p.LoginUID != pipeline.UnsetUID || p.PPID != -1 {
		t.Errorf("placeholder = %+v", p)
	}
	if p.EUID != 1000 || p.User != "" {
		t.Errorf("placeholder's user = %d %q; want the event's, its name to be found", p.EUID, p.User)
	}
	if ev := decode(t, d, call(pipeline.EventUnlink, 0, [6]uint64{}, str(0, "/x"))); ev.Proc != p {
		t.Error("the second event has another placeholder")
	}
	ev = decode(t, d, exited(77, 0, 80))
	if ev.Proc.PID != 77 || d.Lookup(77) != nil {
		t.Errorf("the exit of an unknown process = %d, entry %v; want an event and no entry", ev.Proc.PID, d.Lookup(77))
	}
	decode(t, d, execed(100, 1, "sh", 101))
	if p := d.Lookup(100); !p.Known || p.UID != 0 {
		t.Errorf("after its exec the process = %+v, want a known one", p)
	}
}

func TestThreadsBelongToTheirProcess(t *testing.T) {
	d := newDecoder(t)
	h := header(100, pipeline.EventClone)
	h.Tid, h.Flags = 101, flagThread
	if ok, err := d.Decode(task(h, bpf.SensorTaskInfo{}), &pipeline.Event{}); ok || err != nil {
		t.Errorf("a new thread = %v, %v; want no event", ok, err)
	}
	if p := d.Lookup(100); p.Comm != "sh" || d.Processes() != 2 {
		t.Errorf("after it: process %q of %d", p.Comm, d.Processes())
	}
}

// A child made with CLONE_PARENT has the parent of its creator, and its creator's image.
func TestChildIsACopyOfItsCreator(t *testing.T) {
	d := New(Config{}, "h", 0)
	decode(t, d, execed(1, 0, "init", 1, argv("/sbin/init")))
	decode(t, d, execed(10, 1, "sh", 10, argv("/bin/sh", "-i")))
	i := info(20, 1, "sh")
	i.Creator = 10
	decode(t, d, task(timed(20, pipeline.EventClone, 20), i))
	if p := d.Lookup(20); p.Exe != "/bin/sh" || p.Parent != d.Lookup(1) {
		t.Errorf("child = %q under %v; want /bin/sh under init", p.Exe, p.Parent)
	}
}

func TestFullTable(t *testing.T) {
	d := New(Config{MaxProcesses: 2}, "h", 0)
	decode(t, d, forked(1, 0, "init", 1))
	decode(t, d, forked(10, 1, "a", 10))
	ev := decode(t, d, execed(20, 1, "b", 20))
	if ev.Proc.Comm != "b" || ev.Proc.Parent != d.Lookup(1) {
		t.Errorf("the exec past the limit = %q under %v; want b under init", ev.Proc.Comm, ev.Proc.Parent)
	}
	if d.TableFull() != 1 || d.Processes() != 2 || d.Lookup(20) != nil || d.table.byPID[1].child.PID != 10 {
		t.Errorf("past the limit: counted %d, %d processes, entry %v", d.TableFull(), d.Processes(), d.Lookup(20))
	}

	decode(t, d, exited(10, 1, 21))
	decode(t, d, forked(30, 1, "c", 30))
	if d.Lookup(30) == nil || d.Processes() != 2 || d.TableFull() != 1 {
		t.Errorf("after an exit: entry %v, %d processes, counted %d", d.Lookup(30), d.Processes(), d.TableFull())
	}

	// The exit of 30 gets lost, and /proc has only 1.
	procfs := t.TempDir()
	if err := os.Mkdir(filepath.Join(procfs, "1"), 0o700); err != nil {
		t.Fatal(err)
	}
	d.table.machine.procfs = procfs
	decode(t, d, forked(40, 1, "d", 60))
	if d.Lookup(30) != nil || d.Lookup(40) == nil || d.TableFull() != 1 {
		t.Errorf("after a sweep: 30 is %v, 40 is %v, counted %d", d.Lookup(30), d.Lookup(40), d.TableFull())
	}
}

// TestFamilyTreeStaysSound forks, execs and kills at random and checks the pointers both ways.
func TestFamilyTreeStaysSound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := New(Config{MaxProcesses: 12}, "h", 0)
		pid := rapid.Uint32Range(1, 16)
		for i := range rapid.IntRange(1, 80).Draw(rt, "steps") {
			var s pipeline.Sample
			at := float64(100 + i)
			switch p, q := pid.Draw(rt, "pid"), pid.Draw(rt, "other"); rapid.IntRange(0, 2).Draw(rt, "what") {
			case 0:
				s = forked(p, q, "f", at)
			case 1:
				s = execed(p, q, "x", at)
			case 2:
				s = exited(p, q, at)
			}
			if _, err := d.Decode(s, &pipeline.Event{}); err != nil {
				rt.Fatal(err)
			}
			checkTree(rt, d)
		}
	})
}

func checkTree(t interface{ Fatalf(string, ...any) }, d *Decoder) {
	children := 0
	for pid, e := range d.table.byPID {
		if e.PID != pid || (e.parent == nil) != (e.Parent == nil) || (e.parent != nil && e.Parent != &e.parent.Process) {
			t.Fatalf("process %d: entry of %d, parent %v", pid, e.PID, e.Parent)
		}
		if e.parent != nil {
			if d.table.byPID[e.parent.PID] != e.parent || e.parent.Exited {
				t.Fatalf("process %d has a parent %d that is gone", pid, e.parent.PID)
			}
			children++
		}
		for n, a := 0, e.parent; a != nil; n, a = n+1, a.parent {
			if n > len(d.table.byPID) {
				t.Fatalf("process %d is its own ancestor", pid)
			}
		}
		for c := e.child; c != nil; c = c.next {
			if c.parent != e || (c.next != nil && c.next.prev != c) {
				t.Fatalf("process %d has a broken list of children", pid)
			}
			if d.table.byPID[c.PID] == c { // else it died and its pid has a new owner
				children--
			}
		}
	}
	if children != 0 {
		t.Fatalf("%d processes are not among their parent's children", children)
	}
}

func TestForksLeaveNothingBehind(t *testing.T) {
	d := newDecoder(t)
	for i := range uint32(200_000) {
		pid, at := 1000+i%30_000, 100+float64(i)/1000
		s := forked(pid, 100, "sh", at)
		view[eventHeader](s).Start = uint64(at * 1e9)
		decode(t, d, s)
		x := exited(pid, 1, at+0.0005)
		view[eventHeader](x).Start = uint64(at * 1e9)
		decode(t, d, x)
	}
	if n := d.Processes(); n > maxDead+2 {
		t.Errorf("after 200,000 short lives the table has %d processes", n)
	}
	children := 0
	for c := d.table.byPID[100].child; c != nil; c = c.next {
		children++
	}
	if children > maxDead {
		t.Errorf("their parent has %d children", children)
	}
}
