package field

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// bitName is one flag of an argument. Tables are in the order in which names are printed.
type bitName struct {
	bits uint64
	name string
}

// flagNames appends the names of bits joined by "|"; matched bits are removed as it goes, so that a
// flag made of others hides them. What matches nothing is written as a number.
func flagNames(dst []byte, bits uint64, table []bitName) []byte {
	start := len(dst)
	for _, f := range table {
		if f.bits == 0 || bits&f.bits != f.bits {
			continue
		}
		bits &^= f.bits
		dst = appendName(dst, start, f.name)
	}
	if len(dst) == start {
		dst = strconv.AppendUint(dst, bits, 10)
	}
	return dst
}

func appendName(dst []byte, start int, name string) []byte {
	if len(dst) > start {
		dst = append(dst, '|')
	}
	return append(dst, name...)
}

// openFlags before and after the access mode, which is no set of bits.
var openFlags = []bitName{
	{unix.O_DIRECTORY, "O_DIRECTORY"}, {unix.O_DIRECT, "O_DIRECT"}, {unix.O_TRUNC, "O_TRUNC"},
	{unix.O_SYNC, "O_SYNC"}, {unix.O_NONBLOCK, "O_NONBLOCK"}, {unix.O_EXCL, "O_EXCL"},
	{unix.O_DSYNC, "O_DSYNC"}, {unix.O_APPEND, "O_APPEND"}, {unix.O_CREAT, "O_CREAT"},
}

var accessModes = [...]string{unix.O_RDONLY: "O_RDONLY", unix.O_WRONLY: "O_WRONLY", unix.O_RDWR: "O_RDWR", 3: "O_NONE"}

func appendOpenFlags(dst []byte, v *View) []byte {
	start, bits := len(dst), v.Ev.Flag
	for _, f := range openFlags {
		if bits&f.bits == f.bits {
			bits &^= f.bits
			dst = appendName(dst, start, f.name)
		}
	}
	dst = appendName(dst, start, accessModes[bits&unix.O_ACCMODE])
	if bits&unix.O_CLOEXEC != 0 {
		dst = appendName(dst, start, "O_CLOEXEC")
	}
	if hasTmpfile(v.Ev.Flag) {
		dst = appendName(dst, start, "O_TMPFILE")
	}
	return appendFileFlags(dst, start, v)
}

// appendFileFlags tells what the open found out about the file.
func appendFileFlags(dst []byte, start int, v *View) []byte {
	for _, f := range []struct {
		set  bool
		name string
	}{
		{v.Ev.FD.Created, "O_F_CREATED"}, {v.Ev.FD.Upper, "FD_UPPER_LAYER"}, {v.Ev.FD.Lower, "FD_LOWER_LAYER"},
	} {
		if f.set {
			dst = appendName(dst, start, f.name)
		}
	}
	return dst
}

// appendCreateFlags is creat_flags: creat itself has no flags.
func appendCreateFlags(dst []byte, v *View) []byte {
	start := len(dst)
	if dst = appendFileFlags(dst, start, v); len(dst) == start {
		dst = append(dst, '0')
	}
	return dst
}

// appendCloexec reads the two O_ flags that the calls making descriptors take, under whatever name
// (SOCK_CLOEXEC, UFFD_…): the numbers are the same.
func appendCloexec(arg int) func([]byte, *View) []byte {
	return func(dst []byte, v *View) []byte {
		start, bits := len(dst), v.Ev.Args[arg]
		if bits&unix.O_NONBLOCK != 0 {
			dst = appendName(dst, start, "O_NONBLOCK")
		}
		if bits&unix.O_CLOEXEC != 0 {
			dst = appendName(dst, start, "O_CLOEXEC")
		}
		if len(dst) == start {
			dst = append(dst, "O_NONE"...)
		}
		return dst
	}
}

// acceptFlags: the language shows accept4's as a hexadecimal number, in Falco's own encoding of O_ flags.
func acceptFlags(v *View) (string, bool) {
	var bits uint64
	if v.Ev.Args[3]&unix.O_NONBLOCK != 0 {
		bits |= 1 << 6
	}
	if v.Ev.Args[3]&unix.O_CLOEXEC != 0 {
		bits |= 1 << 12
	}
	return v.Build(func(dst []byte) []byte { return strconv.AppendUint(dst, bits, 16) }), true
}

func appendCloneFlags(dst []byte, v *View) []byte { return flagNames(dst, v.Ev.Flag, cloneFlags) }

// appendExeFlags describes the executable of a successful exec.
func appendExeFlags(dst []byte, v *View) []byte {
	start := len(dst)
	for _, f := range []struct {
		set  bool
		name string
	}{
		{v.Ev.Proc.ExeWritable, "EXE_WRITABLE"}, {v.Ev.Proc.ExeUpperLayer, "EXE_UPPER_LAYER"},
		{v.Ev.Proc.ExeMemfd, "EXE_FROM_MEMFD"}, {v.Ev.Proc.ExeLowerLayer, "EXE_LOWER_LAYER"},
	} {
		if f.set {
			dst = appendName(dst, start, f.name)
		}
	}
	if len(dst) == start {
		dst = append(dst, '0')
	}
	return dst
}

// chmodBits in print order.
var chmodBits = []bitName{
	{0o1, "S_IXOTH"}, {0o2, "S_IWOTH"}, {0o4, "S_IROTH"}, {0o10, "S_IXGRP"}, {0o20, "S_IWGRP"}, {0o40, "S_IRGRP"},
	{0o100, "S_IXUSR"}, {0o200, "S_IWUSR"}, {0o400, "S_IRUSR"}, {0o1000, "S_ISVTX"}, {0o2000, "S_ISGID"}, {0o4000, "S_ISUID"},
}

var cloneFlags = []bitName{
	{unix.CLONE_FILES, "CLONE_FILES"}, {unix.CLONE_FS, "CLONE_FS"}, {unix.CLONE_IO, "CLONE_IO"},
	{unix.CLONE_NEWIPC, "CLONE_NEWIPC"}, {unix.CLONE_NEWNET, "CLONE_NEWNET"}, {unix.CLONE_NEWNS, "CLONE_NEWNS"},
	{unix.CLONE_NEWPID, "CLONE_NEWPID"}, {unix.CLONE_NEWUTS, "CLONE_NEWUTS"}, {unix.CLONE_PARENT, "CLONE_PARENT"},
	{unix.CLONE_PTRACE, "CLONE_PTRACE"}, {unix.CLONE_SIGHAND, "CLONE_SIGHAND"}, {unix.CLONE_SYSVSEM, "CLONE_SYSVSEM"},
	{unix.CLONE_THREAD, "CLONE_THREAD"}, {unix.CLONE_UNTRACED, "CLONE_UNTRACED"}, {unix.CLONE_VM, "CLONE_VM"},
	{unix.CLONE_NEWUSER, "CLONE_NEWUSER"}, {unix.CLONE_CHILD_CLEARTID, "CLONE_CHILD_CLEARTID"},
	{unix.CLONE_CHILD_SETTID, "CLONE_CHILD_SETTID"}, {unix.CLONE_SETTLS, "CLONE_SETTLS"}, {unix.CLONE_VFORK, "CLONE_VFORK"},
	{unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
}

var unlinkFlags = []bitName{{unix.AT_REMOVEDIR, "AT_REMOVEDIR"}}

var linkFlags = []bitName{{unix.AT_SYMLINK_FOLLOW, "AT_SYMLINK_FOLLOW"}, {unix.AT_EMPTY_PATH, "AT_EMPTY_PATH"}}

var renameFlags = []bitName{
	{unix.RENAME_NOREPLACE, "RENAME_NOREPLACE"}, {unix.RENAME_EXCHANGE, "RENAME_EXCHANGE"}, {unix.RENAME_WHITEOUT, "RENAME_WHITEOUT"},
}

var mountFlags = []bitName{
	{unix.MS_RDONLY, "RDONLY"}, {unix.MS_NOSUID, "NOSUID"}, {unix.MS_NODEV, "NODEV"}, {unix.MS_NOEXEC, "NOEXEC"},
	{unix.MS_SYNCHRONOUS, "SYNCHRONOUS"}, {unix.MS_REMOUNT, "REMOUNT"}, {unix.MS_MANDLOCK, "MANDLOCK"},
	{unix.MS_DIRSYNC, "DIRSYNC"}, {unix.MS_NOATIME, "NOATIME"}, {unix.MS_NODIRATIME, "NODIRATIME"},
	{unix.MS_BIND, "BIND"}, {unix.MS_MOVE, "MOVE"}, {unix.MS_REC, "REC"}, {unix.MS_SILENT, "SILENT"},
	{unix.MS_POSIXACL, "POSIXACL"}, {unix.MS_UNBINDABLE, "UNBINDABLE"}, {unix.MS_PRIVATE, "PRIVATE"},
	{unix.MS_SLAVE, "SLAVE"}, {unix.MS_SHARED, "SHARED"}, {unix.MS_RELATIME, "RELATIME"},
	{unix.MS_KERNMOUNT, "KERNMOUNT"}, {unix.MS_I_VERSION, "I_VERSION"}, {unix.MS_STRICTATIME, "STRICTATIME"},
	{unix.MS_LAZYTIME, "LAZYTIME"},
}

var umountFlags = []bitName{
	{unix.MNT_FORCE, "FORCE"}, {unix.MNT_DETACH, "DETACH"}, {unix.MNT_EXPIRE, "EXPIRE"}, {unix.UMOUNT_NOFOLLOW, "NOFOLLOW"},
}

// descriptorFlags are those of pipe2, signalfd4 and inotify_init1.
var descriptorFlags = []bitName{{unix.O_DIRECT, "O_DIRECT"}, {unix.O_NONBLOCK, "O_NONBLOCK"}, {unix.O_CLOEXEC, "O_CLOEXEC"}}

var eventfdFlags = []bitName{{unix.EFD_SEMAPHORE, "EFD_SEMAPHORE"}, {unix.O_NONBLOCK, "O_NONBLOCK"}, {unix.O_CLOEXEC, "O_CLOEXEC"}}

var timerfdFlags = []bitName{{unix.TFD_NONBLOCK, "TFD_NONBLOCK"}, {unix.TFD_CLOEXEC, "TFD_CLOEXEC"}}

var epollFlags = []bitName{{unix.EPOLL_CLOEXEC, "EPOLL_CLOEXEC"}}

var pidfdFlags = []bitName{{unix.PIDFD_NONBLOCK, "PIDFD_NONBLOCK"}}

var closeRangeFlags = []bitName{{unix.CLOSE_RANGE_UNSHARE, "CLOSE_RANGE_UNSHARE"}, {unix.CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC"}}

var fsopenFlags = []bitName{{unix.FSOPEN_CLOEXEC, "FSOPEN_CLOEXEC"}}

var fsconfigCommands = map[uint64]string{
	unix.FSCONFIG_SET_FLAG: "FSCONFIG_SET_FLAG", unix.FSCONFIG_SET_STRING: "FSCONFIG_SET_STRING", unix.FSCONFIG_SET_BINARY: "FSCONFIG_SET_BINARY",
	unix.FSCONFIG_SET_PATH: "FSCONFIG_SET_PATH", unix.FSCONFIG_SET_PATH_EMPTY: "FSCONFIG_SET_PATH_EMPTY", unix.FSCONFIG_SET_FD: "FSCONFIG_SET_FD",
	unix.FSCONFIG_CMD_CREATE: "FSCONFIG_CMD_CREATE", unix.FSCONFIG_CMD_RECONFIGURE: "FSCONFIG_CMD_RECONFIGURE",
}

var fcntlCommands = map[uint64]string{unix.F_DUPFD: "F_DUPFD", unix.F_DUPFD_CLOEXEC: "F_DUPFD_CLOEXEC"}

var shutdownHow = map[uint64]string{unix.SHUT_RD: "SHUT_RD", unix.SHUT_WR: "SHUT_WR", unix.SHUT_RDWR: "SHUT_RDWR"}

var memfdFlags = []bitName{
	{unix.MFD_CLOEXEC, "MFD_CLOEXEC"}, {unix.MFD_ALLOW_SEALING, "MFD_ALLOW_SEALING"}, {unix.MFD_HUGETLB, "MFD_HUGETLB"},
}

var moduleFlags = []bitName{
	{unix.MODULE_INIT_IGNORE_MODVERSIONS, "MODULE_INIT_IGNORE_MODVERSIONS"}, {unix.MODULE_INIT_IGNORE_VERMAGIC, "MODULE_INIT_IGNORE_VERMAGIC"},
	{unix.MODULE_INIT_COMPRESSED_FILE, "MODULE_INIT_COMPRESSED_FILE"},
}

var deleteModuleFlags = []bitName{{unix.O_NONBLOCK, "O_NONBLOCK"}, {unix.O_TRUNC, "O_TRUNC"}}

// prctlOptions that rules ask for: what lets a process hide, or keep rights.
var prctlOptions = map[uint64]string{
	unix.PR_SET_PDEATHSIG: "PR_SET_PDEATHSIG", unix.PR_GET_DUMPABLE: "PR_GET_DUMPABLE", unix.PR_SET_DUMPABLE: "PR_SET_DUMPABLE",
	unix.PR_SET_KEEPCAPS: "PR_SET_KEEPCAPS", unix.PR_SET_NAME: "PR_SET_NAME", unix.PR_GET_NAME: "PR_GET_NAME",
	unix.PR_SET_SECCOMP: "PR_SET_SECCOMP", unix.PR_CAPBSET_DROP: "PR_CAPBSET_DROP", unix.PR_SET_SECUREBITS: "PR_SET_SECUREBITS",
	unix.PR_SET_MM: "PR_SET_MM", unix.PR_SET_CHILD_SUBREAPER: "PR_SET_CHILD_SUBREAPER", unix.PR_SET_NO_NEW_PRIVS: "PR_SET_NO_NEW_PRIVS",
	unix.PR_CAP_AMBIENT: "PR_CAP_AMBIENT", unix.PR_SET_PTRACER: "PR_SET_PTRACER", unix.PR_SET_VMA: "PR_SET_VMA",
}

// socketDomains: numbers with two names print both.
var socketDomains = map[uint64]string{
	unix.AF_UNSPEC: "AF_UNSPEC", unix.AF_UNIX: "AF_LOCAL|AF_UNIX", unix.AF_INET: "AF_INET", unix.AF_AX25: "AF_AX25",
	unix.AF_IPX: "AF_IPX", unix.AF_APPLETALK: "AF_APPLETALK", unix.AF_INET6: "AF_INET6", unix.AF_KEY: "AF_KEY",
	unix.AF_NETLINK: "AF_ROUTE|AF_NETLINK", unix.AF_PACKET: "AF_PACKET", unix.AF_CAN: "AF_CAN", unix.AF_TIPC: "AF_TIPC",
	unix.AF_BLUETOOTH: "AF_BLUETOOTH", unix.AF_ALG: "AF_ALG", unix.AF_NFC: "AF_NFC", unix.AF_VSOCK: "AF_VSOCK", unix.AF_XDP: "AF_XDP",
}

var ptraceRequests = map[uint64]string{
	unix.PTRACE_TRACEME: "PTRACE_TRACEME", unix.PTRACE_PEEKTEXT: "PTRACE_PEEKTEXT", unix.PTRACE_PEEKDATA: "PTRACE_PEEKDATA",
	unix.PTRACE_PEEKUSR: "PTRACE_PEEKUSR", unix.PTRACE_POKETEXT: "PTRACE_POKETEXT", unix.PTRACE_POKEDATA: "PTRACE_POKEDATA",
	unix.PTRACE_POKEUSR: "PTRACE_POKEUSR", unix.PTRACE_CONT: "PTRACE_CONT", unix.PTRACE_KILL: "PTRACE_KILL",
	unix.PTRACE_SINGLESTEP: "PTRACE_SINGLESTEP", unix.PTRACE_ATTACH: "PTRACE_ATTACH", unix.PTRACE_DETACH: "PTRACE_DETACH",
	unix.PTRACE_SYSCALL: "PTRACE_SYSCALL", unix.PTRACE_SETOPTIONS: "PTRACE_SETOPTIONS", unix.PTRACE_GETEVENTMSG: "PTRACE_GETEVENTMSG",
	unix.PTRACE_GETSIGINFO: "PTRACE_GETSIGINFO", unix.PTRACE_SETSIGINFO: "PTRACE_SETSIGINFO", unix.PTRACE_GETREGSET: "PTRACE_GETREGSET",
	unix.PTRACE_SETREGSET: "PTRACE_SETREGSET", unix.PTRACE_SEIZE: "PTRACE_SEIZE", unix.PTRACE_INTERRUPT: "PTRACE_INTERRUPT",
	unix.PTRACE_LISTEN: "PTRACE_LISTEN", unix.PTRACE_GETSIGMASK: "PTRACE_GETSIGMASK", unix.PTRACE_SETSIGMASK: "PTRACE_SETSIGMASK",
}

// bpfCommands in the order of enum bpf_cmd (include/uapi/linux/bpf.h).
var bpfCommands = [...]string{
	"MAP_CREATE", "MAP_LOOKUP_ELEM", "MAP_UPDATE_ELEM", "MAP_DELETE_ELEM", "MAP_GET_NEXT_KEY", "PROG_LOAD", "OBJ_PIN",
	"OBJ_GET", "PROG_ATTACH", "PROG_DETACH", "PROG_TEST_RUN", "PROG_GET_NEXT_ID", "MAP_GET_NEXT_ID", "PROG_GET_FD_BY_ID",
	"MAP_GET_FD_BY_ID", "OBJ_GET_INFO_BY_FD", "PROG_QUERY", "RAW_TRACEPOINT_OPEN", "BTF_LOAD", "BTF_GET_FD_BY_ID",
	"TASK_FD_QUERY", "MAP_LOOKUP_AND_DELETE_ELEM", "MAP_FREEZE", "BTF_GET_NEXT_ID", "MAP_LOOKUP_BATCH",
	"MAP_LOOKUP_AND_DELETE_BATCH", "MAP_UPDATE_BATCH", "MAP_DELETE_BATCH", "LINK_CREATE", "LINK_UPDATE",
	"LINK_GET_FD_BY_ID", "LINK_GET_NEXT_ID", "ENABLE_STATS", "ITER_CREATE", "LINK_DETACH", "PROG_BIND_MAP",
}
