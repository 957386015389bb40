package sensor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// ptr is a string as system calls take it.
func ptr(s string) uintptr {
	b, err := unix.BytePtrFromString(s)
	if err != nil {
		panic(err)
	}
	return uintptr(unsafe.Pointer(b))
}

// do makes one system call and wants it to end with errno.
func do(errno unix.Errno, nr uintptr, args ...uintptr) (uintptr, error) {
	var a [6]uintptr
	copy(a[:], args)
	ret, _, got := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	if got != errno {
		return 0, fmt.Errorf("system call %d: %v, want %v", nr, got, errno)
	}
	return ret, nil
}

// call is an act of a single system call.
func call(errno unix.Errno, nr uintptr, args ...any) func() error {
	return func() error {
		raw := make([]uintptr, len(args))
		for i, a := range args {
			switch a := a.(type) {
			case string:
				raw[i] = ptr(a)
			case int:
				raw[i] = uintptr(a)
			}
		}
		_, err := do(errno, nr, raw...)
		return err
	}
}

const (
	ok     = unix.Errno(0)
	cwd    = unix.AT_FDCWD
	nobody = 1 << 30 // no process has this number: it is over the kernel's PID_MAX_LIMIT
)

// within opens a folder as descriptor 30 and then acts.
func within(dir string, act func() error) func() error {
	return func() error {
		fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		return errors.Join(unix.Dup3(fd, 30, 0), act())
	}
}

// privateMounts acts in a mount namespace of its own.
func privateMounts(act func() error) func() error {
	return func() error {
		return errors.Join(unix.Unshare(unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), act())
	}
}

func openat(path string) func() error { return call(ok, unix.SYS_OPENAT, cwd, path, unix.O_RDONLY) }

// syscallActs run in a folder that holds file, link → file, sub/inner, and the empty folder empty.
var syscallActs = map[string]func() error{
	"openat relative":   openat("file"),
	"openat dots":       openat("sub/..//./file"),
	"openat link":       openat("link"),
	"openat absolute":   openat("/proc/self/status"),
	"openat directory":  within("sub", call(ok, unix.SYS_OPENAT, 30, "inner", unix.O_RDONLY)),
	"openat missing":    call(unix.ENOENT, unix.SYS_OPENAT, cwd, "missing", unix.O_RDONLY),
	"openat bad dirfd":  call(unix.EBADF, unix.SYS_OPENAT, 999, "file", unix.O_RDONLY),
	"openat bad memory": call(unix.EFAULT, unix.SYS_OPENAT, cwd, 1, unix.O_RDONLY),
	"openat created":    call(ok, unix.SYS_OPENAT, cwd, "new", unix.O_CREAT|unix.O_WRONLY|unix.O_EXCL, 0o640),
	"openat unlinked":   call(ok, unix.SYS_OPENAT, cwd, ".", unix.O_TMPFILE|unix.O_RDWR, 0o600),
	"openat memfd": func() error {
		fd, err := unix.MemfdCreate("payload", 0)
		if err != nil {
			return err
		}
		return errors.Join(unix.Dup3(fd, 31, 0), openat("/proc/self/fd/31")())
	},
	"openat bind mount": privateMounts(func() error {
		return errors.Join(unix.Mount("sub", "empty", "", unix.MS_BIND, ""), openat("empty/inner")())
	}),
	"openat chroot": func() error { return errors.Join(unix.Chroot("sub"), unix.Chdir("/"), openat("/inner")()) },
	"openat outside the root": within("empty", func() error {
		return errors.Join(unix.Chroot("sub"), call(ok, unix.SYS_OPENAT, 30, "../file", unix.O_RDONLY)())
	}),
	"openat through the root": openat("/proc/self/root/etc/passwd"),
	"openat deleted": func() error {
		return errors.Join(openAs(31, "file"), unix.Unlink("file"), openat("/proc/self/fd/31")())
	},
	"openat deep":     func() error { return descend("d", 1900) },
	"openat too deep": func() error { return descend(strings.Repeat("d", 200), 21) },
	"openat2": func() error {
		how := unix.OpenHow{Flags: unix.O_RDONLY}
		_, err := do(ok, unix.SYS_OPENAT2, uintptr(unix.AT_FDCWD&(1<<64-1)), ptr("file"), uintptr(unsafe.Pointer(&how)), unix.SizeofOpenHow)
		return err
	},

	"renameat":         within("sub", call(ok, unix.SYS_RENAMEAT, 30, "inner", cwd, "moved")),
	"renameat2":        call(ok, unix.SYS_RENAMEAT2, cwd, "file", cwd, "moved", 0),
	"linkat":           within("sub", call(ok, unix.SYS_LINKAT, cwd, "file", 30, "hard", 0)),
	"symlinkat":        within("sub", call(ok, unix.SYS_SYMLINKAT, "/etc/shadow", 30, "soft")),
	"unlinkat":         call(ok, unix.SYS_UNLINKAT, cwd, "file", 0),
	"mkdirat":          call(ok, unix.SYS_MKDIRAT, cwd, "made", 0o750),
	"fchmod":           func() error { return errors.Join(openAs(31, "file"), call(ok, unix.SYS_FCHMOD, 31, 0o600)()) },
	"fchmodat":         call(ok, unix.SYS_FCHMODAT, cwd, "file", 0o4755),
	"fchown":           func() error { return errors.Join(openAs(31, "file"), call(ok, unix.SYS_FCHOWN, 31, 1, 2)()) },
	"fchownat":         call(ok, unix.SYS_FCHOWNAT, cwd, "file", 1, 2, 0),
	"mount":            privateMounts(call(ok, unix.SYS_MOUNT, "none", "empty", "tmpfs", unix.MS_NOSUID, "size=1m")),
	"mount of nothing": privateMounts(call(ok, unix.SYS_MOUNT, 0, "/", 0, unix.MS_REC|unix.MS_PRIVATE, 0)),
	"ptrace":           call(unix.ESRCH, unix.SYS_PTRACE, unix.PTRACE_ATTACH, nobody, 0, 0),
	"setuid":           call(ok, unix.SYS_SETUID, 65534),
	"execve fails":     execMissing,
	"execveat fails":   within("sub", call(unix.ENOENT, unix.SYS_EXECVEAT, 30, "missing", 0, 0, 0)),
	"connect refused":  connect("tcp4", unix.ECONNREFUSED),
	"connect tcp4":     connect("tcp4", ok),
	"connect tcp6":     connect("tcp6", ok),
	"connect udp4":     connect("udp4", ok),
	"connect not yet":  connect("tcp4 nonblocking", unix.EINPROGRESS),
	"connect unix":     connectUnix,
}

// execMissing asks for a program that is not there, with arguments and an environment.
func execMissing() error {
	argv, env := [3]uintptr{ptr("missing"), ptr("-x")}, [2]uintptr{ptr("K=V")}
	_, err := do(unix.ENOENT, unix.SYS_EXECVE, ptr("missing"), uintptr(unsafe.Pointer(&argv)), uintptr(unsafe.Pointer(&env)))
	return err
}

// connectUnix listens on the socket file sock and connects to it.
func connectUnix() error {
	var fds [2]int
	for i := range fds {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		fds[i] = fd
	}
	address := &unix.SockaddrUnix{Name: "sock"}
	return errors.Join(unix.Bind(fds[0], address), unix.Listen(fds[0], 1), unix.Connect(fds[1], address))
}

func openAs(fd int, path string) error {
	f, err := unix.Open(path, unix.O_RDWR, 0)
	if err != nil {
		return err
	}
	return unix.Dup3(f, fd, 0)
}

// descend makes n nested folders of a name and opens a file in the last.
func descend(name string, n int) error {
	for range n {
		if err := errors.Join(unix.Mkdir(name, 0o755), unix.Chdir(name)); err != nil {
			return err
		}
	}
	return call(ok, unix.SYS_OPENAT, cwd, "leaf", unix.O_CREAT|unix.O_RDONLY, 0o600)()
}

// portEnv carries the port to connect to.
const portEnv = "TOCSIN_SENSOR_PORT"

func connect(network string, want unix.Errno) func() error {
	return func() error {
		var port int
		if _, err := fmt.Sscan(os.Getenv(portEnv), &port); err != nil {
			return err
		}
		netPort := [2]byte{byte(port >> 8), byte(port)}
		domain, kind := unix.AF_INET, unix.SOCK_STREAM
		switch network {
		case "tcp6":
			domain = unix.AF_INET6
		case "udp4":
			kind = unix.SOCK_DGRAM
		case "tcp4 nonblocking":
			kind |= unix.SOCK_NONBLOCK
		}
		fd, err := unix.Socket(domain, kind, 0)
		if err != nil {
			return err
		}
		v4 := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte{127, 0, 0, 1}}
		*(*[2]byte)(unsafe.Pointer(&v4.Port)) = netPort
		v6 := unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: [16]byte{15: 1}}
		*(*[2]byte)(unsafe.Pointer(&v6.Port)) = netPort
		if domain == unix.AF_INET6 {
			_, err = do(want, unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&v6)), unix.SizeofSockaddrInet6)
		} else {
			_, err = do(want, unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&v4)), unix.SizeofSockaddrInet4)
		}
		return err
	}
}

// sceneDir is the folder that syscallActs run in.
func sceneDir(t *testing.T) string {
	t.Helper()
	dir := scratchDir(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"sub", "empty"} {
		must(os.Mkdir(dir+"/"+d, 0o755))
	}
	for _, f := range []string{"file", "sub/inner"} {
		must(os.WriteFile(dir+"/"+f, []byte("x"), 0o644))
	}
	must(os.Symlink("file", dir+"/link"))
	return dir
}

func TestSystemCallsAreReported(t *testing.T) {
	l := watch(t, nil)
	deep := strings.Repeat("/d", 1900)
	checkCalls(t, l, map[string]callCase{
		"openat relative":         {pipeline.EventOpenat, ok, []string{"string 1: file", "base 1: DIR", "file: DIR/file"}},
		"openat dots":             {pipeline.EventOpenat, ok, []string{"string 1: sub/..//./file", "base 1: DIR", "file: DIR/file"}},
		"openat link":             {pipeline.EventOpenat, ok, []string{"string 1: link", "base 1: DIR", "file: DIR/file"}},
		"openat absolute":         {pipeline.EventOpenat, ok, []string{"string 1: /proc/self/status", "file: /proc/PID/status"}},
		"openat directory":        {pipeline.EventOpenat, ok, []string{"string 1: inner", "base 1: DIR/sub", "file: DIR/sub/inner"}},
		"openat missing":          {pipeline.EventOpenat, unix.ENOENT, []string{"string 1: missing", "base 1: DIR"}},
		"openat bad dirfd":        {pipeline.EventOpenat, unix.EBADF, []string{"string 1: file"}},
		"openat bad memory":       {pipeline.EventOpenat, unix.EFAULT, nil},
		"openat created":          {pipeline.EventOpenat, ok, []string{"string 1: new", "base 1: DIR", "file: DIR/new"}},
		"openat memfd":            {pipeline.EventOpenat, ok, []string{"string 1: /proc/self/fd/31", "file: memfd:payload"}},
		"openat bind mount":       {pipeline.EventOpenat, ok, []string{"string 1: empty/inner", "base 1: DIR", "file: DIR/empty/inner", "subtree: DIR/sub"}},
		"openat chroot":           {pipeline.EventOpenat, ok, []string{"string 1: /inner", "file: /inner", "subtree: DIR/sub"}},
		"openat outside the root": {pipeline.EventOpenat, ok, []string{"string 1: ../file", "base 1: DIR/empty (unreachable)", "file: DIR/file (unreachable)"}},
		"openat through the root": {pipeline.EventOpenat, ok, []string{"string 1: /proc/self/root/etc/passwd", "file: /etc/passwd"}},
		"openat deleted":          {pipeline.EventOpenat, ok, []string{"string 1: /proc/self/fd/31", "file: DIR/file (deleted)"}},
		"openat deep":             {pipeline.EventOpenat, ok, []string{"string 1: leaf", "base 1: DIR" + deep, "file: DIR" + deep + "/leaf"}},
		"openat2":                 {pipeline.EventOpenat2, ok, []string{"string 1: file", "base 1: DIR", "data 2: 24 bytes", "file: DIR/file"}},

		"renameat":         {pipeline.EventRenameat, ok, []string{"string 1: inner", "base 1: DIR/sub", "string 3: moved", "base 3: DIR"}},
		"renameat2":        {pipeline.EventRenameat2, ok, []string{"string 1: file", "base 1: DIR", "string 3: moved", "base 3: DIR"}},
		"linkat":           {pipeline.EventLinkat, ok, []string{"string 1: file", "base 1: DIR", "string 3: hard", "base 3: DIR/sub"}},
		"symlinkat":        {pipeline.EventSymlinkat, ok, []string{"string 2: soft", "base 2: DIR/sub", "string 0: /etc/shadow"}},
		"unlinkat":         {pipeline.EventUnlinkat, ok, []string{"string 1: file", "base 1: DIR"}},
		"mkdirat":          {pipeline.EventMkdirat, ok, []string{"string 1: made", "base 1: DIR"}},
		"fchmod":           {pipeline.EventFchmod, ok, []string{"file: DIR/file"}},
		"fchmodat":         {pipeline.EventFchmodat, ok, []string{"string 1: file", "base 1: DIR"}},
		"fchown":           {pipeline.EventFchown, ok, []string{"file: DIR/file"}},
		"fchownat":         {pipeline.EventFchownat, ok, []string{"string 1: file", "base 1: DIR"}},
		"mount":            {pipeline.EventMount, ok, []string{"string 0: none", "base 0: DIR", "string 1: empty", "base 1: DIR", "string 2: tmpfs"}},
		"mount of nothing": {pipeline.EventMount, ok, []string{"string 1: /"}},
		"ptrace":           {pipeline.EventPtrace, unix.ESRCH, nil},
		"setuid":           {pipeline.EventSetuid, ok, []string{"cred: users 65534 65534 65534 65534 groups 0 0 0 0"}},
		"execve fails":     {pipeline.EventExecveFailed, unix.ENOENT, []string{"string 0: missing", "base 0: DIR", "argv: missing -x ", "env: K=V "}},
		"execveat fails":   {pipeline.EventExecveatFailed, unix.ENOENT, []string{"string 1: missing", "base 1: DIR/sub"}},
	})
}

// callCase is what an act of one system call is reported as.
type callCase struct {
	event pipeline.EventType
	errno unix.Errno
	want  []string // DIR stands for the scene's folder, PID for the process, FD for the result
}

// lines are what is wanted of record r.
func (c callCase) lines(r record, dir string) []string {
	var want []string
	for _, line := range c.want {
		want = append(want, strings.NewReplacer("DIR", dir, "PID", fmt.Sprint(r.Pid), "FD", fmt.Sprint(r.call.Ret)).Replace(line))
	}
	return want
}

func checkCalls(t *testing.T, l *live, cases map[string]callCase) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := sceneDir(t)
			records := l.act(name, dir)
			got := last(t, records, c.event)
			for _, r := range records { // Go's runtime makes calls of its own, even after ours
				if r.is(c.event) && cmp.Equal(c.lines(r, dir), r.summary(t)) {
					got = r
				}
			}
			failed := got.call.Ret < 0
			if failed != (c.errno != ok) || failed && c.errno != someErrno && got.call.Ret != -int64(c.errno) {
				t.Errorf("result %d, want %v", got.call.Ret, c.errno)
			}
			if diff := cmp.Diff(c.lines(got, dir), got.summary(t)); diff != "" {
				t.Errorf("chunks differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnOpenedFileIsDescribed(t *testing.T) {
	const modeWrite, modeCreated = 2, 0x100000 // FMODE_WRITE, FMODE_CREATED: include/linux/fs.h
	l := watch(t, nil)
	t.Run("a file the call made", func(t *testing.T) {
		dir := sceneDir(t)
		got := last(t, l.act("openat created", dir), pipeline.EventOpenat)
		var st unix.Stat_t
		if err := unix.Stat(dir+"/new", &st); err != nil {
			t.Fatal(err)
		}
		var fs unix.Statfs_t
		if err := unix.Statfs(dir, &fs); err != nil {
			t.Fatal(err)
		}
		c, _ := got.find(bpf.SensorChunkKindCHUNK_FILE)
		info, _ := c.file(t)
		want := bpf.SensorFileInfo{
			Ino: st.Ino, Magic: uint64(fs.Type), Dev: unix.Major(st.Dev)<<20 | unix.Minor(st.Dev), Mode: st.Mode, Nlink: 1, Fd: uint32(got.call.Ret),
			Flags:   uint32(bpf.SensorFileFlagFILE_CREATED | bpf.SensorFileFlagFILE_IN_MOUNT),
			F_flags: info.F_flags, F_mode: info.F_mode, // compared below: the kernel adds flags of its own
			Below: info.Below, // of stages/decode's tests: it depends on what is mounted at the folder
		}
		if diff := cmp.Diff(want, info); diff != "" {
			t.Errorf("file differs from stat (-want +got):\n%s", diff)
		}
		if info.F_mode&(modeWrite|modeCreated) != modeWrite|modeCreated || info.F_flags&unix.O_ACCMODE != unix.O_WRONLY {
			t.Errorf("f_mode %#x f_flags %#x, want written and created", info.F_mode, info.F_flags)
		}
	})
	for name, layer := range map[string]bpf.SensorFileFlag{
		"openat lower": bpf.SensorFileFlagFILE_LOWER_LAYER,
		"openat upper": bpf.SensorFileFlagFILE_UPPER_LAYER | bpf.SensorFileFlagFILE_CREATED,
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := last(t, l.act(name, sceneDir(t)), pipeline.EventOpenat).find(bpf.SensorChunkKindCHUNK_FILE)
			if info, path := c.file(t); bpf.SensorFileFlag(info.Flags)&^bpf.SensorFileFlagFILE_IN_MOUNT != layer {
				t.Errorf("flags of %s are %b, want %b", path, info.Flags, layer)
			}
		})
	}
	t.Run("a file without a name", func(t *testing.T) {
		dir := sceneDir(t)
		c, _ := last(t, l.act("openat unlinked", dir), pipeline.EventOpenat).find(bpf.SensorChunkKindCHUNK_FILE)
		info, path := c.file(t)
		if want := fmt.Sprintf("%s/#%d (deleted)", dir, info.Ino); path != want || info.Nlink != 0 {
			t.Errorf("path %q with %d links, want %q with none", path, info.Nlink, want)
		}
	})
}

func TestRegistersAreReported(t *testing.T) {
	l := watch(t, nil)
	dir := sceneDir(t)
	setuid := last(t, l.act("setuid", dir), pipeline.EventSetuid)
	if setuid.call.Args[0] != 65534 || setuid.Uid != 65534 {
		t.Errorf("setuid(%d) by uid %d, want 65534 and the effective uid after it", setuid.call.Args[0], setuid.Uid)
	}
	ptrace := last(t, l.act("ptrace", dir), pipeline.EventPtrace)
	if ptrace.call.Args[0] != unix.PTRACE_ATTACH || ptrace.call.Args[1] != nobody {
		t.Errorf("ptrace(%d, %d), want PTRACE_ATTACH and %d", ptrace.call.Args[0], ptrace.call.Args[1], nobody)
	}
	mount := last(t, l.act("mount", dir), pipeline.EventMount)
	if mount.call.Args[3] != unix.MS_NOSUID || mount.call.Args[4] == 0 || mount.call.Args[5] != 0 {
		t.Errorf("mount registers %#x, want flags %#x, a pointer and 0", mount.call.Args, unix.MS_NOSUID)
	}
}

func TestMemoryTheCallerGotWrongIsNoLoss(t *testing.T) {
	l := watch(t, []pipeline.EventType{pipeline.EventOpenat})
	before, err := l.Losses()
	if err != nil {
		t.Fatal(err)
	}
	got := last(t, l.act("openat bad memory", sceneDir(t)), pipeline.EventOpenat)
	after, err := l.Losses()
	if err != nil {
		t.Fatal(err)
	}
	if before[pipeline.LossReadUser] != after[pipeline.LossReadUser] || got.Flags != 0 {
		t.Errorf("read_user went from %d to %d, flags %b; want no loss", before[pipeline.LossReadUser], after[pipeline.LossReadUser], got.Flags)
	}
}

// last returns the last record of a system call.
func last(t testing.TB, records []record, event pipeline.EventType) record {
	t.Helper()
	for _, r := range slices.Backward(records) {
		if r.is(event) {
			return r
		}
	}
	t.Fatalf("no %s among %d records", event, len(records))
	return record{}
}

func TestConnectReportsBothEnds(t *testing.T) {
	l := watch(t, nil)
	const tcp, udp = unix.IPPROTO_TCP, unix.IPPROTO_UDP
	cases := map[string]struct {
		listen string // network to listen on first; "" for a closed port
		errno  unix.Errno
		sock   string // PORT stands for the port
		family byte   // of the sockaddr
	}{
		"connect refused": {"", unix.ECONNREFUSED, "", unix.AF_INET},
		"connect tcp4":    {"tcp4", ok, fmt.Sprintf("sock: family 2 type 1 protocol %d to 127.0.0.1:PORT", tcp), unix.AF_INET},
		"connect tcp6":    {"tcp6", ok, fmt.Sprintf("sock: family 10 type 1 protocol %d to [::1]:PORT", tcp), unix.AF_INET6},
		"connect udp4":    {"", ok, fmt.Sprintf("sock: family 2 type 2 protocol %d to 127.0.0.1:PORT", udp), unix.AF_INET},
		"connect not yet": {"tcp4", unix.EINPROGRESS, fmt.Sprintf("sock: family 2 type 1 protocol %d to 127.0.0.1:PORT", tcp), unix.AF_INET},
		"connect unix":    {"", ok, `sock: family 1 type 1 protocol 0 "" to "sock"`, unix.AF_UNIX},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			port := listen(t, c.listen)
			t.Setenv(portEnv, fmt.Sprint(port))
			got := last(t, l.act(name, scratchDir(t)), pipeline.EventConnect)
			if got.call.Ret != -int64(c.errno) {
				t.Errorf("result %d, want %v", got.call.Ret, c.errno)
			}
			address, found := got.find(bpf.SensorChunkKindCHUNK_SOCKADDR)
			if !found || address.Index != 1 || address.data[0] != c.family {
				t.Errorf("sockaddr % x, want family %d", address.data, c.family)
			}
			if c.family == unix.AF_INET && !slices.Equal(address.data[2:8], []byte{byte(port >> 8), byte(port), 127, 0, 0, 1}) {
				t.Errorf("sockaddr % x, want 127.0.0.1:%d", address.data, port)
			}
			sock := ""
			if s, found := got.find(bpf.SensorChunkKindCHUNK_SOCK); found {
				info, _ := s.sock(t)
				if c.family != unix.AF_UNIX && info.LocalPort == 0 {
					t.Error("the local port is missing")
				}
				sock = record{chunks: []chunk{s}}.summary(t)[0]
			}
			if want := strings.ReplaceAll(c.sock, "PORT", fmt.Sprint(port)); sock != want {
				t.Errorf("socket is %q, want %q", sock, want)
			}
		})
	}
}

// listen listens for the length of the test and returns the port; without a network, a closed port.
func listen(t *testing.T, network string) int {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "tcp6" {
		address = "[::1]:0"
	}
	s, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if network == "" {
		s.Close()
	} else {
		t.Cleanup(func() { s.Close() })
	}
	return s.Addr().(*net.TCPAddr).Port
}
