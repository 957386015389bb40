package sensor

import (
	"errors"
	"os"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// newCallActs make descriptors, mounts and identities in other ways than those of callActs.
var newCallActs = map[string]func() error{
	"setxattrat": func() error {
		var args [2]uint64 // struct xattr_args
		_, err := do(unix.ERANGE, unix.SYS_SETXATTRAT, currentDir, ptr("file"), 0, ptr(""), uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args))
		return err
	},
	"removexattrat": call(unix.ERANGE, unix.SYS_REMOVEXATTRAT, cwd, "link", unix.AT_SYMLINK_NOFOLLOW, ""),

	"close_range":     call(ok, unix.SYS_CLOSE_RANGE, 100, 200, 0),
	"fcntl":           then(opened("file"), call(ok, unix.SYS_FCNTL, 31, unix.F_DUPFD_CLOEXEC, 60)),
	"fcntl of others": then(opened("file"), call(ok, unix.SYS_FCNTL, 31, unix.F_GETFL, 0)),
	"pipe2":           func() error { return unix.Pipe2(make([]int, 2), unix.O_CLOEXEC) },
	"eventfd2":        call(ok, unix.SYS_EVENTFD2, 7, unix.O_CLOEXEC),
	"signalfd4": func() error {
		var mask uint64
		_, err := do(ok, unix.SYS_SIGNALFD4, 1<<64-1, uintptr(unsafe.Pointer(&mask)), 8, unix.O_CLOEXEC)
		return err
	},
	"timerfd_create": call(ok, unix.SYS_TIMERFD_CREATE, unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC),
	"epoll_create1":  call(ok, unix.SYS_EPOLL_CREATE1, unix.EPOLL_CLOEXEC),
	"inotify_init1":  call(ok, unix.SYS_INOTIFY_INIT1, unix.IN_CLOEXEC),
	"pidfd_open":     func() error { return call(ok, unix.SYS_PIDFD_OPEN, os.Getpid(), 0)() },
	"pidfd_getfd": func() error {
		pidfd, err := unix.PidfdOpen(os.Getpid(), 0)
		return errors.Join(err, openAs(31, "file"), call(ok, unix.SYS_PIDFD_GETFD, pidfd, 31, 0)())
	},
	"memfd_secret": attempt(unix.SYS_MEMFD_SECRET, -1),
	"shutdown":     then(sockets, call(ok, unix.SYS_SHUTDOWN, 41, unix.SHUT_WR)),

	"fsopen": call(ok, unix.SYS_FSOPEN, "tmpfs", unix.FSOPEN_CLOEXEC),
	"fsconfig": onContext(func(fd int) error {
		return call(ok, unix.SYS_FSCONFIG, fd, unix.FSCONFIG_SET_STRING, "size", "1m", 0)()
	}),
	"fsmount": onContext(func(fd int) error {
		return errors.Join(unix.FsconfigCreate(fd), call(ok, unix.SYS_FSMOUNT, fd, 0, 0)())
	}),
	"fspick":        privateMounts(then(call(ok, unix.SYS_MOUNT, "none", "empty", "tmpfs", 0, 0), call(ok, unix.SYS_FSPICK, cwd, "empty", 0))),
	"mount_setattr": privateMounts(then(call(ok, unix.SYS_MOUNT, "none", "empty", "tmpfs", 0, 0), mountSetattr)),

	"setfsuid":         func() error { _, err := unix.SetfsuidRetUid(7); return err },
	"setfsgid":         func() error { _, err := unix.SetfsgidRetGid(7); return err },
	"setgroups":        call(ok, unix.SYS_SETGROUPS, 0, 0),
	"process_vm_readv": call(ok, unix.SYS_PROCESS_VM_READV, 1, 0, 0, 0, 0, 0),
}

// currentDir is AT_FDCWD as a register.
const currentDir = uintptr(unix.AT_FDCWD & (1<<64 - 1))

// onContext acts on a new tmpfs that is not mounted yet.
func onContext(act func(fd int) error) func() error {
	return func() error {
		fd, err := unix.Fsopen("tmpfs", 0)
		if err != nil {
			return err
		}
		return act(fd)
	}
}

func mountSetattr() error {
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	_, err := do(ok, unix.SYS_MOUNT_SETATTR, currentDir, ptr("empty"), 0, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	return err
}

func TestNewDescriptorsAreReported(t *testing.T) {
	l := watch(t, nil)
	checkCalls(t, l, map[string]callCase{
		"close_range":    {pipeline.EventCloseRange, ok, nil},
		"fcntl":          {pipeline.EventFcntl, ok, []string{"file: DIR/file"}},
		"eventfd2":       {pipeline.EventEventfd2, ok, []string{"file: [eventfd]"}},
		"signalfd4":      {pipeline.EventSignalfd4, ok, []string{"file: [signalfd]"}},
		"timerfd_create": {pipeline.EventTimerfdCreate, ok, []string{"file: [timerfd]"}},
		"epoll_create1":  {pipeline.EventEpollCreate1, ok, []string{"file: [eventpoll]"}},
		"inotify_init1":  {pipeline.EventInotifyInit1, ok, []string{"file: inotify"}},
		"pidfd_open":     {pipeline.EventPidfdOpen, ok, []string{"file: /"}},
		"pidfd_getfd":    {pipeline.EventPidfdGetfd, ok, []string{"file: DIR/file"}},
		"memfd_secret":   {pipeline.EventMemfdSecret, someErrno, nil},
	})
	t.Run("pipe2", func(t *testing.T) {
		got := last(t, l.act("pipe2", sceneDir(t)), pipeline.EventPipe2)
		c, found := got.find(bpf.SensorChunkKindCHUNK_FILE)
		if !found {
			t.Fatalf("no file in %q", got.summary(t))
		}
		if info, _ := c.file(t); info.Mode&unix.S_IFMT != unix.S_IFIFO || info.Ino == 0 {
			t.Errorf("mode %o, inode %d, want a pipe", info.Mode, info.Ino)
		}
	})
	t.Run("a command of fcntl that makes no descriptor is not reported", func(t *testing.T) {
		for _, r := range l.act("fcntl of others", sceneDir(t)) {
			if command := r.call.Args[1]; r.is(pipeline.EventFcntl) && command != unix.F_DUPFD && command != unix.F_DUPFD_CLOEXEC {
				t.Errorf("command %d is reported", command)
			}
		}
	})
	t.Run("shutdown tells both ends", func(t *testing.T) {
		side := last(t, l.act("shutdown", sceneDir(t)), pipeline.EventShutdown).sides(t)[0]
		if side.Fd != 41 || side.LocalPort == 0 || side.RemotePort == 0 {
			t.Errorf("socket %+v, want both ends of descriptor 41", side)
		}
	})
}

func TestNewMountsAndAttributesAreReported(t *testing.T) {
	checkCalls(t, watch(t, nil), map[string]callCase{
		"setxattrat":    {pipeline.EventSetxattrat, unix.ERANGE, []string{"string 1: file", "base 1: DIR", "string 3: "}},
		"removexattrat": {pipeline.EventRemovexattrat, unix.ERANGE, []string{"string 1: link", "base 1: DIR", "string 3: "}},
		"fsopen":        {pipeline.EventFsopen, ok, []string{"string 0: tmpfs", "file: [fscontext]"}},
		"fsmount":       {pipeline.EventFsmount, ok, []string{"file: / (unreachable)"}},
		"fspick":        {pipeline.EventFspick, ok, []string{"string 1: empty", "base 1: DIR", "file: [fscontext]"}},
		"mount_setattr": {pipeline.EventMountSetattr, ok, []string{"string 1: empty", "base 1: DIR"}},
	})
}

func TestAFilesystemsSettingsAreReported(t *testing.T) {
	got := last(t, watch(t, nil).act("fsconfig", sceneDir(t)), pipeline.EventFsconfig)
	texts := map[uint8]string{}
	for _, c := range got.chunks {
		if bpf.SensorChunkKind(c.Kind) == bpf.SensorChunkKindCHUNK_STRING {
			texts[c.Index] = string(c.data)
		}
	}
	if diff := cmp.Diff(map[uint8]string{2: "size", 3: "1m"}, texts); diff != "" {
		t.Errorf("strings differ (-want +got):\n%s", diff)
	}
}

func TestNewIdentitiesAreReported(t *testing.T) {
	checkCalls(t, watch(t, nil), map[string]callCase{
		"setfsuid":         {pipeline.EventSetfsuid, ok, []string{"cred: users 0 0 0 7 groups 0 0 0 0"}},
		"setfsgid":         {pipeline.EventSetfsgid, ok, []string{"cred: users 0 0 0 0 groups 0 0 0 7"}},
		"setgroups":        {pipeline.EventSetgroups, ok, nil},
		"process_vm_readv": {pipeline.EventProcessVMReadv, ok, nil},
	})
}
