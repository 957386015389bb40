package pipeline

// EventType numbers what happened. The numbers are on the wire (bpf/event.h) and in captures: append,
// never renumber.
type EventType uint16

// Event types. Execve, Clone and Exit are the scheduler's (a successful execveat is Execve, and a new
// task made by any member of the clone family is Clone, which only feeds the process table: rules see
// the system call); the others are system calls by name.
const (
	EventUnknown EventType = 0
	EventExecve  EventType = 1
	EventClone   EventType = 2
	EventExit    EventType = 3
	EventJSON    EventType = 4 // a structured event from the intake; has no kernel side

	// EventConnects says whose control group it is whose connects are counted from now on. Rules do not see it.
	EventConnects EventType = 5
)

// System calls, from firstSyscall on in the order of syscallNames.
const (
	EventAccept EventType = iota + firstSyscall
	EventAccept4
	EventBind
	EventBpf
	EventCapset
	EventChdir
	EventChmod
	EventChown
	EventChroot
	EventClose
	EventConnect
	EventCreat
	EventDeleteModule
	EventDup
	EventDup2
	EventDup3
	EventExecveFailed
	EventExecveatFailed
	EventFchdir
	EventFchmod
	EventFchmodat
	EventFchmodat2
	EventFchown
	EventFchownat
	EventFinitModule
	EventFtruncate
	EventInitModule
	EventIoUringSetup
	EventKeyctl
	EventKill
	EventLchown
	EventLink
	EventLinkat
	EventListen
	EventMemfdCreate
	EventMkdir
	EventMkdirat
	EventMknod
	EventMknodat
	EventMount
	EventMoveMount
	EventOpen
	EventOpenByHandleAt
	EventOpenTree
	EventOpenat
	EventOpenat2
	EventPerfEventOpen
	EventPidfdSendSignal
	EventPivotRoot
	EventPrctl
	EventProcessVMWritev
	EventPtrace
	EventRecvfrom
	EventRecvmsg
	EventRename
	EventRenameat
	EventRenameat2
	EventRmdir
	EventSendmsg
	EventSendto
	EventSetgid
	EventSetns
	EventSetregid
	EventSetresgid
	EventSetresuid
	EventSetreuid
	EventSetsid
	EventSetuid
	EventSetxattr
	EventSocket
	EventSymlink
	EventSymlinkat
	EventTgkill
	EventTkill
	EventTruncate
	EventUmount2
	EventUnlink
	EventUnlinkat
	EventUnshare
	EventUserfaultfd
	EventCloneCall
	EventClone3
	EventFork
	EventVfork
	EventSetpgid
	EventSocketpair
	EventLsetxattr
	EventFsetxattr
	EventRemovexattr
	EventLremovexattr
	EventFremovexattr
	EventSendmmsg
	EventRecvmmsg
	EventSetxattrat
	EventRemovexattrat
	EventCloseRange
	EventFcntl
	EventPipe
	EventPipe2
	EventEventfd
	EventEventfd2
	EventSignalfd
	EventSignalfd4
	EventTimerfdCreate
	EventEpollCreate
	EventEpollCreate1
	EventInotifyInit
	EventInotifyInit1
	EventPidfdOpen
	EventPidfdGetfd
	EventShutdown
	EventUmount
	EventSetfsuid
	EventSetfsgid
	EventSetgroups
	EventProcessVMReadv
	EventMemfdSecret
	EventFsopen
	EventFsconfig
	EventFsmount
	EventFspick
	EventMountSetattr
	NumEventTypes // one past the last
)

const firstSyscall = 16

// syscallNames holds the rule language's name of each system call, in the order of the constants.
var syscallNames = [NumEventTypes - firstSyscall]string{
	"accept", "accept4", "bind", "bpf", "capset", "chdir", "chmod", "chown", "chroot", "close",
	"connect", "creat", "delete_module", "dup", "dup2", "dup3", "execve", "execveat", "fchdir",
	"fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat", "finit_module", "ftruncate",
	"init_module", "io_uring_setup", "keyctl", "kill", "lchown", "link", "linkat", "listen",
	"memfd_create", "mkdir", "mkdirat", "mknod", "mknodat", "mount", "move_mount", "open",
	"open_by_handle_at", "open_tree", "openat", "openat2", "perf_event_open", "pidfd_send_signal",
	"pivot_root", "prctl", "process_vm_writev", "ptrace", "recvfrom", "recvmsg", "rename",
	"renameat", "renameat2", "rmdir", "sendmsg", "sendto", "setgid", "setns", "setregid",
	"setresgid", "setresuid", "setreuid", "setsid", "setuid", "setxattr", "socket", "symlink",
	"symlinkat", "tgkill", "tkill", "truncate", "umount2", "unlink", "unlinkat", "unshare",
	"userfaultfd", "clone", "clone3", "fork", "vfork", "setpgid", "socketpair", "lsetxattr",
	"fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
	"sendmmsg", "recvmmsg", "setxattrat", "removexattrat", "close_range", "fcntl", "pipe", "pipe2",
	"eventfd", "eventfd2", "signalfd", "signalfd4", "timerfd_create", "epoll_create", "epoll_create1",
	"inotify_init", "inotify_init1", "pidfd_open", "pidfd_getfd", "shutdown", "umount", "setfsuid",
	"setfsgid", "setgroups", "process_vm_readv", "memfd_secret", "fsopen", "fsconfig", "fsmount",
	"fspick", "mount_setattr",
}

// String is the name rules use: evt.type. EventExecve and EventExecveFailed are both "execve".
func (t EventType) String() string {
	switch {
	case t == EventExecve:
		return "execve"
	case t == EventClone:
		return "sched_process_fork"
	case t == EventExit:
		return "procexit"
	case t == EventJSON:
		return "json"
	case t >= firstSyscall && t < NumEventTypes:
		return syscallNames[t-firstSyscall]
	default:
		return "unknown"
	}
}

// EventTypesNamed returns every type whose name is name; empty when there is none. It is for
// compiling rules, not for the hot path.
func EventTypesNamed(name string) []EventType {
	var types []EventType
	for t := EventType(1); t < NumEventTypes; t++ {
		if t.String() == name {
			types = append(types, t)
		}
	}
	return types
}
