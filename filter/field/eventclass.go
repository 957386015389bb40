package field

import (
	"fmt"
	"strings"
	"sync"

	"github.com/tocsin-security/tocsin/pipeline"
)

// classFields sort events: by subject, by direction of data, by errors.
func classFields() []Def {
	no := func(*View) (value, ok bool) { return false, true }
	return []Def{
		str("evt.category", "subject of the call: file, net, process, user, signal, IPC, memory, other; of reads and writes that of the descriptor, or unknown", func(v *View) (string, bool) {
			return category(v.Ev), true
		}),
		boolean("evt.is_io", "the call reads from or writes to a descriptor", func(v *View) (value, ok bool) {
			return readsData(v.Ev.Type) || writesData(v.Ev.Type), true
		}),
		boolean("evt.is_io_read", "the call reads from a descriptor", func(v *View) (value, ok bool) { return readsData(v.Ev.Type), true }),
		boolean("evt.is_io_write", "the call writes to a descriptor", func(v *View) (value, ok bool) { return writesData(v.Ev.Type), true }),
		str("evt.io_dir", "read or write; null for other calls", func(v *View) (string, bool) {
			if writesData(v.Ev.Type) {
				return "write", true
			}
			return "read", readsData(v.Ev.Type)
		}),
		boolean("evt.is_wait", "always false: calls that only wait are not watched", no),
		boolean("evt.is_async", "always false: no event is made out of the order of system calls", no),
		boolean("evt.is_syslog", "the call writes to /dev/log", func(v *View) (value, ok bool) {
			return writesData(v.Ev.Type) && v.Ev.FD.Kind == pipeline.FDUnix && strings.Contains(v.Ev.FD.Name, "/dev/log"), true
		}),
		errorCount("evt.count.error", "1 for a call that failed, 0 for one that did not", func(*pipeline.Event) bool { return true }),
		errorCount("evt.count.error.file", "the same, of calls about files; null for others", isAboutFile),
		errorCount("evt.count.error.net", "the same, of calls about sockets; null for others", isAboutSocket),
		errorCount("evt.count.error.memory", "the same, of calls about memory; null for others", isAboutMemory),
		errorCount("evt.count.error.other", "the same, of all other calls; null for those", func(ev *pipeline.Event) bool {
			return !isAboutFile(ev) && !isAboutSocket(ev) && !isAboutMemory(ev)
		}),
		number("evt.count.exit", Uint, "always 1: events are seen when they have happened", func(*View) (int64, bool) { return 1, true }),
		{Name: "evt.type.is", Type: Uint, Arg: NeedsKey, DotArg: true, Doc: "1 for events of type NAME, 0 for others",
			bind: func(arg string) (Getter, error) {
				return Getter{Int: func(v *View) (int64, bool) {
					if v.Ev.Type.String() == arg {
						return 1, true
					}
					return 0, true
				}}, nil
			}},
		{Name: "evt.abspath", Type: String, Arg: MayKey, DotArg: true, Resolved: true, bind: bindAbsPath, get: Getter{Str: absPath(0)},
			Doc: "path of a call that takes a directory's descriptor, absolute; of one with two paths .src or .dst"},
	}
}

func errorCount(name, doc string, counts func(*pipeline.Event) bool) Def {
	return number(name, Uint, doc, func(v *View) (int64, bool) {
		if v.Ev.Failed() {
			return 1, counts(v.Ev)
		}
		return 0, v.Ev.HasRet && counts(v.Ev)
	})
}

// isAboutFile: by the descriptor where it is known, else by the call.
func isAboutFile(ev *pipeline.Event) bool {
	if fdKnown(ev) {
		return ev.FD.Kind == pipeline.FDFile || ev.FD.Kind == pipeline.FDDirectory
	}
	return isOpen(ev.Type) || ev.Type == pipeline.EventCreat
}

func isAboutSocket(ev *pipeline.Event) bool {
	if fdKnown(ev) {
		return isIP(ev.FD.Kind) || ev.FD.Kind == pipeline.FDUnix
	}
	return ev.Type == pipeline.EventConnect || ev.Type == pipeline.EventAccept || ev.Type == pipeline.EventAccept4
}

func isAboutMemory(ev *pipeline.Event) bool { return !fdKnown(ev) && category(ev) == "memory" }

func writesData(t pipeline.EventType) bool {
	return t == pipeline.EventSendto || t == pipeline.EventSendmsg || t == pipeline.EventSendmmsg
}

func readsData(t pipeline.EventType) bool {
	return t == pipeline.EventRecvfrom || t == pipeline.EventRecvmsg || t == pipeline.EventRecvmmsg || t == pipeline.EventFinitModule
}

// ofDescriptor stands for the subject of whatever the descriptor is.
const ofDescriptor = "descriptor"

func category(ev *pipeline.Event) string {
	c := categories()[ev.Type]
	switch {
	case c == "":
		return "other"
	case c != ofDescriptor:
		return c
	}
	switch ev.FD.Kind {
	case pipeline.FDFile, pipeline.FDDirectory:
		return "file"
	case pipeline.FDIPv4, pipeline.FDIPv6:
		return "net"
	case pipeline.FDPipe, pipeline.FDUnix, pipeline.FDEvent, pipeline.FDSignal, pipeline.FDInotify, pipeline.FDUserfault:
		return "ipc"
	default:
		return "unknown"
	}
}

// categories of the calls; those that are missing are "other".
var categories = sync.OnceValue(func() *[pipeline.NumEventTypes]string {
	var table [pipeline.NumEventTypes]string
	for subject, names := range map[string]string{
		"file": `open openat openat2 open_by_handle_at creat unlink unlinkat mkdir mkdirat rmdir rename renameat renameat2 link linkat
			symlink symlinkat chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat mount umount umount2 chdir fchdir userfaultfd
			truncate ftruncate setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr pivot_root move_mount open_tree`,
		"net": "socket bind connect listen accept accept4 shutdown",
		"process": `execve execveat clone clone3 fork vfork procexit setsid setpgid setns unshare ptrace prctl capset chroot pidfd_open
			pidfd_getfd`,
		"user":       "setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups",
		"signal":     "kill tkill tgkill pidfd_send_signal",
		"IPC":        "socketpair pipe pipe2 process_vm_writev process_vm_readv",
		"memory":     "memfd_create",
		ofDescriptor: "sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg close close_range dup dup2 dup3 fcntl io_uring_setup",
	} {
		for name := range strings.FieldsSeq(names) {
			for _, t := range pipeline.EventTypesNamed(name) {
				table[t] = subject
			}
		}
	}
	return &table
})

// takesDirectory reports the calls whose paths start from a descriptor, and whether there are two paths.
func takesDirectory(t pipeline.EventType) (takes, two bool) {
	switch t {
	case pipeline.EventRenameat, pipeline.EventRenameat2, pipeline.EventLinkat:
		return true, true
	case pipeline.EventOpenat, pipeline.EventOpenat2, pipeline.EventUnlinkat, pipeline.EventMkdirat, pipeline.EventSymlinkat,
		pipeline.EventFchmodat, pipeline.EventFchmodat2, pipeline.EventFchownat:
		return true, false
	}
	return false, false
}

// absPath is the first path, or where there are two the second.
func absPath(second int) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		if v.Ev.Type == pipeline.EventOpenByHandleAt {
			return v.Ev.FD.Name, v.Ev.Ret > 0
		}
		takes, two := takesDirectory(v.Ev.Type)
		i := 0
		if two {
			i = second
		}
		return v.Ev.Path[i].Name, takes && v.Ev.Path[i].Raw != ""
	}
}

func bindAbsPath(arg string) (Getter, error) {
	switch arg {
	case "src":
		return Getter{Str: absPath(0)}, nil
	case "dst":
		return Getter{Str: absPath(1)}, nil
	}
	return Getter{}, fmt.Errorf("%q is neither src nor dst", arg)
}
