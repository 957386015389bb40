package sensor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// archActs are the calls that newer architectures do not have.
var archActs = map[string]func() error{
	"open":    call(ok, unix.SYS_OPEN, "file", unix.O_RDONLY, 0),
	"creat":   call(ok, unix.SYS_CREAT, "new", 0o600),
	"rename":  call(ok, unix.SYS_RENAME, "file", "moved"),
	"link":    call(ok, unix.SYS_LINK, "file", "hard"),
	"symlink": call(ok, unix.SYS_SYMLINK, "/etc/shadow", "soft"),
	"unlink":  call(ok, unix.SYS_UNLINK, "file"),
	"rmdir":   call(ok, unix.SYS_RMDIR, "empty"),
	"mkdir":   call(ok, unix.SYS_MKDIR, "made", 0o750),
	"chmod":   call(ok, unix.SYS_CHMOD, "file", 0o4755),
	"chown":   call(ok, unix.SYS_CHOWN, "file", 1, 2),
	"lchown":  call(ok, unix.SYS_LCHOWN, "link", 1, 2),
	"pipe": func() error {
		var fds [2]int32
		_, err := do(ok, unix.SYS_PIPE, uintptr(unsafe.Pointer(&fds)))
		return err
	},
	"eventfd":      call(ok, unix.SYS_EVENTFD, 7),
	"signalfd":     call(unix.EBADF, unix.SYS_SIGNALFD, 99, "........", 8),
	"epoll_create": call(ok, unix.SYS_EPOLL_CREATE, 1),
	"inotify_init": call(ok, unix.SYS_INOTIFY_INIT),
	"32-bit":       func() error { return unix.Exec(os.Getenv(int80Env), []string{"int80"}, nil) },
}

// noNumber is how many rows of the table no ABI of this architecture has a number for.
const noNumber = 0

// int80Env carries the path of the program that makes 32-bit calls.
const int80Env = "TOCSIN_SENSOR_INT80"

// int80Source makes 32-bit system calls from 64-bit code: open (5) of "file", socketcall (102), which has
// its arguments in memory, then exit_group (252). It
// is linked below 4 GiB, so its addresses fit.
const int80Source = `
static char name[] = "file";
static int words[] = {1, 2, 0}; /* AF_UNIX, SOCK_DGRAM */
static long call(long nr, long a, long b)
{
	long ret;
	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
	return ret;
}
void _start(void)
{
	call(5, (long)name, 0);
	call(102, 1, (long)words); /* socketcall: SYS_SOCKET */
	call(252, 0, 0);
}
`

func TestOldSystemCallsAreReported(t *testing.T) {
	l := watch(t, nil)
	cases := map[string]struct {
		event pipeline.EventType
		want  []string // DIR stands for the scene's folder
	}{
		"open":    {pipeline.EventOpen, []string{"string 0: file", "base 0: DIR", "file: DIR/file"}},
		"creat":   {pipeline.EventCreat, []string{"string 0: new", "base 0: DIR", "file: DIR/new"}},
		"rename":  {pipeline.EventRename, []string{"string 0: file", "base 0: DIR", "string 1: moved", "base 1: DIR"}},
		"link":    {pipeline.EventLink, []string{"string 0: file", "base 0: DIR", "string 1: hard", "base 1: DIR"}},
		"symlink": {pipeline.EventSymlink, []string{"string 1: soft", "base 1: DIR", "string 0: /etc/shadow"}},
		"unlink":  {pipeline.EventUnlink, []string{"string 0: file", "base 0: DIR"}},
		"rmdir":   {pipeline.EventRmdir, []string{"string 0: empty", "base 0: DIR"}},
		"mkdir":   {pipeline.EventMkdir, []string{"string 0: made", "base 0: DIR"}},
		"chmod":   {pipeline.EventChmod, []string{"string 0: file", "base 0: DIR"}},
		"chown":   {pipeline.EventChown, []string{"string 0: file", "base 0: DIR"}},
		"lchown":  {pipeline.EventLchown, []string{"string 0: link", "base 0: DIR"}},
	}
	checkCalls(t, l, map[string]callCase{
		"eventfd":      {pipeline.EventEventfd, ok, []string{"file: [eventfd]"}},
		"signalfd":     {pipeline.EventSignalfd, unix.EBADF, nil},
		"epoll_create": {pipeline.EventEpollCreate, ok, []string{"file: [eventpoll]"}},
		"inotify_init": {pipeline.EventInotifyInit, ok, []string{"file: inotify"}},
	})
	if _, found := last(t, l.act("pipe", sceneDir(t)), pipeline.EventPipe).find(bpf.SensorChunkKindCHUNK_FILE); !found {
		t.Error("the pipe's file is missing")
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := sceneDir(t)
			got := last(t, l.act(name, dir), c.event)
			if got.call.Ret < 0 {
				t.Errorf("result %d, want success", got.call.Ret)
			}
			var want []string
			for _, line := range c.want {
				want = append(want, strings.ReplaceAll(line, "DIR", dir))
			}
			if diff := cmp.Diff(want, got.summary(t)); diff != "" {
				t.Errorf("chunks differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestA32BitCallIsReportedAsWhatItIs(t *testing.T) {
	l := watch(t, nil)
	dir := sceneDir(t)
	program := buildInt80(t)
	needInt80(t, program)
	t.Setenv(int80Env, program)
	// 5 is fstat in the 64-bit table, so a sensor that looks there reports nothing.
	records := l.act("32-bit", dir)
	got := last(t, records, pipeline.EventOpen)
	if got.Flags&uint16(bpf.SensorEventFlagEVENT_COMPAT) == 0 {
		t.Errorf("flags %b lack EVENT_COMPAT", got.Flags)
	}
	want := []string{"string 0: file", "base 0: " + dir, "file: " + dir + "/file"}
	if diff := cmp.Diff(want, got.summary(t)); diff != "" {
		t.Errorf("chunks differ (-want +got):\n%s", diff)
	}
	socket := last(t, records, pipeline.EventSocket)
	if diff := cmp.Diff([]uint64{unix.AF_UNIX, unix.SOCK_DGRAM, 0}, socket.call.Args[:3]); diff != "" || socket.call.Ret < 0 {
		t.Errorf("socketcall ended with %d, its arguments differ (-want +got):\n%s", socket.call.Ret, diff)
	}
}

// needInt80 skips the test, in CI too, on a machine where no program can make such a call: some hypervisors
// end it with a general protection fault. There is nothing to see there then.
func needInt80(t *testing.T, program string) {
	t.Helper()
	var exit *exec.ExitError
	cmd := exec.Command(program)
	cmd.Dir = t.TempDir()
	err := cmd.Run()
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGSEGV {
		t.Skip("this machine does not let programs use int 0x80")
	}
	if err != nil {
		t.Fatal(err)
	}
}

func buildInt80(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("a 32-bit call needs a C compiler: %v", err)
	}
	dir := scratchDir(t)
	source, program := filepath.Join(dir, "int80.c"), filepath.Join(dir, "int80")
	if err := os.WriteFile(source, []byte(int80Source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-O1", "-static", "-no-pie", "-fno-pie", "-nostdlib", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("gcc: %w\n%s", err, out))
	}
	var exit *exec.ExitError
	if err := exec.Command(program).Run(); errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == unix.SIGSEGV {
		t.Skip("this machine has no 32-bit system calls: int 0x80 faults, as under some hypervisors")
	}
	return program
}
