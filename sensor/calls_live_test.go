package sensor

import (
	"errors"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// asFD makes a descriptor with a system call and moves it to number 31.
func asFD(act func() (int, error)) func() error {
	return func() error {
		fd, err := act()
		if err != nil {
			return err
		}
		return unix.Dup3(fd, 31, 0)
	}
}

// then is one act after the other, until one fails.
func then(acts ...func() error) func() error {
	return func() error {
		for _, act := range acts {
			if err := act(); err != nil {
				return err
			}
		}
		return nil
	}
}

func opened(path string) func() error { return func() error { return openAs(31, path) } }

// someErrno stands for a failure that depends on how the kernel was built.
const someErrno = unix.Errno(1 << 16)

// attempt is an act of a single system call that does not work.
func attempt(nr uintptr, args ...any) func() error {
	return func() error {
		if call(ok, nr, args...)() == nil {
			return errors.New("the call worked")
		}
		return nil
	}
}

// callActs run in the folder of syscallActs.
var callActs = map[string]func() error{
	"open by handle": func() error {
		handle, _, err := unix.NameToHandleAt(cwd, "file", 0)
		if err != nil {
			return err
		}
		return asFD(func() (int, error) { return unix.OpenByHandleAt(cwd, handle, unix.O_RDONLY) })()
	},
	"truncate":     call(ok, unix.SYS_TRUNCATE, "file", 3),
	"ftruncate":    then(opened("file"), call(ok, unix.SYS_FTRUNCATE, 31, 3)),
	"mknodat":      call(ok, unix.SYS_MKNODAT, cwd, "fifo", unix.S_IFIFO|0o600, 0),
	"setxattr":     call(unix.ERANGE, unix.SYS_SETXATTR, "file", "", "x", 1, 0),
	"fsetxattr":    then(opened("file"), call(unix.ERANGE, unix.SYS_FSETXATTR, 31, "", "x", 1, 0)),
	"lremovexattr": call(unix.ERANGE, unix.SYS_LREMOVEXATTR, "link", ""),
	"umount2":      privateMounts(then(call(ok, unix.SYS_MOUNT, "none", "empty", "tmpfs", 0, 0), call(ok, unix.SYS_UMOUNT2, "empty", unix.MNT_DETACH))),
	"move_mount": privateMounts(func() error {
		fd, err := unix.OpenTree(cwd, "sub", unix.OPEN_TREE_CLONE)
		if err != nil {
			return err
		}
		return call(ok, unix.SYS_MOVE_MOUNT, fd, "", cwd, "empty", unix.MOVE_MOUNT_F_EMPTY_PATH)()
	}),
	"open_tree": call(ok, unix.SYS_OPEN_TREE, cwd, "sub", 0),
	"pivot_root": privateMounts(then(call(ok, unix.SYS_MOUNT, "sub", "sub", 0, unix.MS_BIND, 0), func() error { return os.Mkdir("sub/old", 0o755) },
		call(ok, unix.SYS_PIVOT_ROOT, "sub", "sub/old"))),

	"close":           call(unix.EBADF, unix.SYS_CLOSE, 99),
	"dup":             then(opened("file"), call(ok, unix.SYS_DUP, 31)),
	"dup3":            then(opened("file"), call(ok, unix.SYS_DUP3, 31, 0, 0)),
	"memfd_create":    call(ok, unix.SYS_MEMFD_CREATE, "secret", unix.MFD_CLOEXEC),
	"userfaultfd":     call(ok, unix.SYS_USERFAULTFD, unix.O_CLOEXEC),
	"perf_event_open": attempt(unix.SYS_PERF_EVENT_OPEN, 1, 0, -1, -1, 0),
	"bpf map": func() error {
		attr := [8]uint32{2 /* array */, 4, 4, 1}
		_, err := do(ok, unix.SYS_BPF, 0, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		return err
	},
	"bpf without a descriptor": attempt(unix.SYS_BPF, 1, 0, 0),

	"clone":     cloneCall,
	"clone3":    clone3Call,
	"chdir":     call(ok, unix.SYS_CHDIR, "sub"),
	"fchdir":    within("sub", call(ok, unix.SYS_FCHDIR, 30)),
	"chroot":    call(ok, unix.SYS_CHROOT, "sub"),
	"prctl":     call(ok, unix.SYS_PRCTL, unix.PR_SET_NAME, "kworker/0:1", 0, 0, 0),
	"setsid":    call(unix.EPERM, unix.SYS_SETSID), // the process leads its group already
	"setpgid":   call(ok, unix.SYS_SETPGID, 0, 0),
	"setgid":    call(ok, unix.SYS_SETGID, 7),
	"setresuid": call(ok, unix.SYS_SETRESUID, 1, 2, 3),
	"setresgid": call(ok, unix.SYS_SETRESGID, 1, 2, 3),
	"setreuid":  call(ok, unix.SYS_SETREUID, 1, 2),
	"setregid":  call(ok, unix.SYS_SETREGID, 1, 2),
	"capset": func() error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var sets [2]unix.CapUserData
		_, err := do(ok, unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&sets)))
		return err
	},
	"setns": func() error {
		return then(asFD(func() (int, error) { return unix.Open("/proc/self/ns/uts", unix.O_RDONLY, 0) }), call(ok, unix.SYS_SETNS, 31, unix.CLONE_NEWUTS))()
	},
	"unshare": call(ok, unix.SYS_UNSHARE, unix.CLONE_NEWUTS),

	"kill":   func() error { return call(ok, unix.SYS_KILL, os.Getpid(), 0)() },
	"tkill":  func() error { return call(ok, unix.SYS_TKILL, unix.Gettid(), 0)() },
	"tgkill": func() error { return call(ok, unix.SYS_TGKILL, os.Getpid(), unix.Gettid(), 0)() },
	"pidfd_send_signal": func() error {
		fd, err := unix.PidfdOpen(os.Getpid(), 0)
		if err != nil {
			return err
		}
		return call(ok, unix.SYS_PIDFD_SEND_SIGNAL, fd, 0, 0, 0)()
	},
	"process_vm_writev": call(ok, unix.SYS_PROCESS_VM_WRITEV, 1, 0, 0, 0, 0, 0),
	"finit_module":      then(opened("file"), attempt(unix.SYS_FINIT_MODULE, 31, "a=1", 0)),
	"init_module":       attempt(unix.SYS_INIT_MODULE, "image", 5, "b=2"),
	"delete_module":     attempt(unix.SYS_DELETE_MODULE, "nosuch", unix.O_NONBLOCK),
	"keyctl":            attempt(unix.SYS_KEYCTL, 999, 0, 0, 0, 0),
}

// cloneCall makes a child that ends at once, as fork does.
//
// Between the call and the child's end no function may be called that can be preempted: the scheduler
// that it would wait for is in the parent.
func cloneCall() error {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno == 0 && pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return awaitChild(pid, errno)
}

// cloneArgs is the beginning of struct clone_args.
type cloneArgs struct{ flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls uint64 }

func clone3Call() error {
	args := cloneArgs{exitSignal: uint64(unix.SIGCHLD)}
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0, 0, 0, 0)
	if errno == 0 && pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return awaitChild(pid, errno)
}

func awaitChild(pid uintptr, errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return err
}

func TestFilesAndMountsAreReported(t *testing.T) {
	checkCalls(t, watch(t, nil), map[string]callCase{
		"open by handle": {pipeline.EventOpenByHandleAt, ok, []string{"file: DIR/file"}},
		"truncate":       {pipeline.EventTruncate, ok, []string{"string 0: file", "base 0: DIR"}},
		"ftruncate":      {pipeline.EventFtruncate, ok, []string{"file: DIR/file"}},
		"mknodat":        {pipeline.EventMknodat, ok, []string{"string 1: fifo", "base 1: DIR"}},
		"setxattr":       {pipeline.EventSetxattr, unix.ERANGE, []string{"string 0: file", "base 0: DIR", "string 1: "}},
		"fsetxattr":      {pipeline.EventFsetxattr, unix.ERANGE, []string{"string 1: ", "file: DIR/file"}},
		"lremovexattr":   {pipeline.EventLremovexattr, unix.ERANGE, []string{"string 0: link", "base 0: DIR", "string 1: "}},
		"umount2":        {pipeline.EventUmount2, ok, []string{"string 0: empty", "base 0: DIR"}},
		"open_tree":      {pipeline.EventOpenTree, ok, []string{"string 1: sub", "base 1: DIR", "file: DIR/sub"}},
		"move_mount":     {pipeline.EventMoveMount, ok, []string{"string 1: ", "base 1: DIR/empty", "string 3: empty", "base 3: DIR"}},
		"pivot_root":     {pipeline.EventPivotRoot, ok, []string{"string 0: sub", "base 0: /oldDIR", "string 1: sub/old", "base 1: /oldDIR", "cwd: /oldDIR", "root: /"}},
	})
}

func TestDescriptorsAreReported(t *testing.T) {
	checkCalls(t, watch(t, nil), map[string]callCase{
		"close":                    {pipeline.EventClose, unix.EBADF, nil},
		"dup":                      {pipeline.EventDup, ok, []string{"file: DIR/file"}},
		"dup3":                     {pipeline.EventDup3, ok, []string{"file: DIR/file"}},
		"memfd_create":             {pipeline.EventMemfdCreate, ok, []string{"string 0: secret", "file: memfd:secret"}},
		"userfaultfd":              {pipeline.EventUserfaultfd, ok, []string{"file: [userfaultfd]"}},
		"perf_event_open":          {pipeline.EventPerfEventOpen, someErrno, nil},
		"bpf map":                  {pipeline.EventBpf, ok, []string{"file: bpf-map"}},
		"bpf without a descriptor": {pipeline.EventBpf, someErrno, nil},
	})
}

// What nsfs and pidfs have no name for is called "/": file_info.magic tells them.
func TestTasksAreReported(t *testing.T) {
	const root = "cred: users 0 0 0 0 groups 0 0 0 0"
	checkCalls(t, watch(t, nil), map[string]callCase{
		"clone":     {pipeline.EventCloneCall, ok, nil},
		"clone3":    {pipeline.EventClone3, ok, []string{"data 0: 64 bytes"}},
		"chdir":     {pipeline.EventChdir, ok, []string{"string 0: sub", "base 0: DIR/sub", "cwd: DIR/sub"}},
		"fchdir":    {pipeline.EventFchdir, ok, []string{"file: DIR/sub", "cwd: DIR/sub"}},
		"chroot":    {pipeline.EventChroot, ok, []string{"string 0: sub", "base 0: DIR (unreachable)", "cwd: DIR (unreachable)", "root: DIR/sub"}},
		"prctl":     {pipeline.EventPrctl, ok, []string{"comm: kworker/0:1"}},
		"setpgid":   {pipeline.EventSetpgid, ok, nil},
		"setgid":    {pipeline.EventSetgid, ok, []string{"cred: users 0 0 0 0 groups 7 7 7 7"}},
		"setresuid": {pipeline.EventSetresuid, ok, []string{"cred: users 1 2 3 2 groups 0 0 0 0"}},
		"setresgid": {pipeline.EventSetresgid, ok, []string{"cred: users 0 0 0 0 groups 1 2 3 2"}},
		"setreuid":  {pipeline.EventSetreuid, ok, []string{"cred: users 1 2 2 2 groups 0 0 0 0"}},
		"setregid":  {pipeline.EventSetregid, ok, []string{"cred: users 0 0 0 0 groups 1 2 2 2"}},
		"capset":    {pipeline.EventCapset, ok, []string{root}},
		"setns":     {pipeline.EventSetns, ok, []string{"file: /", root}},
		"unshare":   {pipeline.EventUnshare, ok, []string{root}},
	})
}

func TestActsOnOthersAndOnTheKernelAreReported(t *testing.T) {
	checkCalls(t, watch(t, nil), map[string]callCase{
		"kill":              {pipeline.EventKill, ok, nil},
		"tkill":             {pipeline.EventTkill, ok, nil},
		"tgkill":            {pipeline.EventTgkill, ok, nil},
		"pidfd_send_signal": {pipeline.EventPidfdSendSignal, ok, []string{"file: /"}},
		"process_vm_writev": {pipeline.EventProcessVMWritev, ok, nil},
		"init_module":       {pipeline.EventInitModule, someErrno, []string{"string 2: b=2", "data 0: 5 bytes"}},
		"finit_module":      {pipeline.EventFinitModule, someErrno, []string{"string 1: a=1", "file: DIR/file"}},
		"delete_module":     {pipeline.EventDeleteModule, someErrno, []string{"string 0: nosuch"}},
		"keyctl":            {pipeline.EventKeyctl, someErrno, nil},
	})
}

func TestDroppedCapabilitiesAreReported(t *testing.T) {
	got := last(t, watch(t, nil).act("capset", sceneDir(t)), pipeline.EventCapset)
	c, _ := got.find(bpf.SensorChunkKindCHUNK_CRED)
	if info := c.cred(t); info.CapEffective != 0 || info.CapPermitted != 0 {
		t.Errorf("capabilities %#x of %#x after all were dropped", info.CapEffective, info.CapPermitted)
	}
}

// A clone is seen twice: the caller gets the new task's number, the new task 0.
func TestACloneIsSeenFromBothSides(t *testing.T) {
	l := watch(t, nil)
	for name, event := range map[string]pipeline.EventType{"clone": pipeline.EventCloneCall, "clone3": pipeline.EventClone3} {
		t.Run(name, func(t *testing.T) {
			var parent record
			for _, r := range l.act(name, sceneDir(t)) {
				if r.is(event) && r.call.Ret > 0 && len(l.of(int(r.call.Ret))) > 0 {
					parent = r
				}
			}
			child := l.of(int(parent.call.Ret))
			if len(child) != 3 {
				t.Fatalf("%d records of the child, want its fork, its side of the call and its exit", len(child))
			}
			if f := child[0].task; !child[0].is(pipeline.EventClone) || f.Creator != parent.Pid || f.CreatorTid != parent.Tid || f.Ppid != parent.Pid {
				t.Errorf("type %d by %d/%d, child of %d; want the fork by %d/%d", child[0].Type, f.Creator, f.CreatorTid, f.Ppid, parent.Pid, parent.Tid)
			}
			if !child[1].is(event) || child[1].call.Ret != 0 {
				t.Errorf("the child's side is type %d with result %d, want %s and 0", child[1].Type, child[1].call.Ret, event)
			}
		})
	}
}

// of returns all records of a process so far.
func (l *live) of(pid int) (own []record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.samples {
		if int(s.pid) == pid {
			own = append(own, walk(l.t, s.raw))
		}
	}
	return own
}
