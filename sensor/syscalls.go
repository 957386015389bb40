package sensor

import (
	"slices"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// compatBase is where the numbers of 32-bit calls start in the kernel's table: SYSCALLS in bpf/syscall.h.
const compatBase = 512

// noArg is SPEC_NO_ARG of bpf/event.h.
const noArg = 0xff

// number is one system call number of an ABI; several can mean one event (setuid and setuid32).
type number struct {
	nr    uint32
	event pipeline.EventType
}

// option fills in part of what to collect of a call.
type option func(*bpf.SensorSyscallSpec)

func collect(event pipeline.EventType, options ...option) bpf.SensorSyscallSpec {
	s := bpf.SensorSyscallSpec{
		Type:     uint16(event),
		Flags:    uint32(bpf.SensorSpecFlagSPEC_ENABLED),
		Path:     [2]uint8{noArg, noArg},
		Dirfd:    [2]uint8{noArg, noArg},
		Fd:       noArg,
		Sockaddr: noArg,
		String:   noArg,
		Data:     noArg,
	}
	for _, o := range options {
		o(&s)
	}
	return s
}

// pathAt: argument path is a path that starts, when relative, from the descriptor in argument dirfd.
func pathAt(dirfd, path uint8) option {
	return func(s *bpf.SensorSyscallSpec) {
		i := 0
		if s.Path[0] != noArg {
			i = 1
		}
		s.Path[i], s.Dirfd[i] = path, dirfd
	}
}

// path: a path that starts, when relative, from the working directory.
func path(arg uint8) option { return pathAt(noArg, arg) }

// text: a string that is no path of this process.
func text(arg uint8) option { return func(s *bpf.SensorSyscallSpec) { s.String = arg } }

// address: a sockaddr, its length in the next argument.
func address(arg uint8) option {
	return func(s *bpf.SensorSyscallSpec) {
		s.Sockaddr = arg
		s.Flags |= uint32(bpf.SensorSpecFlagSPEC_SOCKADDR)
	}
}

// on: the descriptor the call works on, reported as flag says.
func on(arg uint8, flag bpf.SensorSpecFlag) option {
	return func(s *bpf.SensorSyscallSpec) {
		s.Fd = arg
		s.Flags |= uint32(flag)
	}
}

func with(flag bpf.SensorSpecFlag) option {
	return func(s *bpf.SensorSyscallSpec) { s.Flags |= uint32(flag) }
}

// data: a buffer, its length in the next argument.
func data(arg uint8) option {
	return func(s *bpf.SensorSyscallSpec) {
		s.Data = arg
		s.Flags |= uint32(bpf.SensorSpecFlagSPEC_DATA)
	}
}

// pair: two descriptors that the call returns in memory.
func pair(arg uint8) option {
	return func(s *bpf.SensorSyscallSpec) {
		s.Data = arg
		s.Flags |= uint32(bpf.SensorSpecFlagSPEC_PAIR)
	}
}

// message: a struct user_msghdr, which has the address and the data.
func message(arg uint8) option {
	return func(s *bpf.SensorSyscallSpec) {
		s.Sockaddr = arg
		s.Flags |= uint32(bpf.SensorSpecFlagSPEC_MSGHDR)
	}
}

// What to collect, by a short name for the tables below.
const (
	opens      = bpf.SensorSpecFlagSPEC_FD_RESULT
	file       = bpf.SensorSpecFlagSPEC_FD
	socket     = bpf.SensorSpecFlagSPEC_SOCK
	newSocket  = bpf.SensorSpecFlagSPEC_SOCK_RESULT
	success    = bpf.SensorSpecFlagSPEC_ONLY_SUCCESS
	failure    = bpf.SensorSpecFlagSPEC_ONLY_FAILURE
	givesBack  = bpf.SensorSpecFlagSPEC_ADDRLEN
	credential = bpf.SensorSpecFlagSPEC_CRED
)

// table says what to collect of every system call the sensor covers.
func table() []bpf.SensorSyscallSpec {
	return slices.Concat(fileCalls(), changeCalls(), descriptorCalls(), socketCalls(), taskCalls(), systemCalls())
}

// fileCalls open files, or make, move and remove names.
func fileCalls() []bpf.SensorSyscallSpec {
	return []bpf.SensorSyscallSpec{
		collect(pipeline.EventOpen, path(0), with(opens)),
		collect(pipeline.EventOpenat, pathAt(0, 1), with(opens)),
		collect(pipeline.EventOpenat2, pathAt(0, 1), with(opens), with(bpf.SensorSpecFlagSPEC_OPEN_HOW)),
		collect(pipeline.EventOpenByHandleAt, with(opens)),
		collect(pipeline.EventCreat, path(0), with(opens)),
		collect(pipeline.EventTruncate, path(0)),
		collect(pipeline.EventFtruncate, on(0, file)),

		collect(pipeline.EventRename, path(0), path(1)),
		collect(pipeline.EventRenameat, pathAt(0, 1), pathAt(2, 3)),
		collect(pipeline.EventRenameat2, pathAt(0, 1), pathAt(2, 3)),
		collect(pipeline.EventLink, path(0), path(1)),
		collect(pipeline.EventLinkat, pathAt(0, 1), pathAt(2, 3)),
		collect(pipeline.EventSymlink, text(0), path(1)),
		collect(pipeline.EventSymlinkat, text(0), pathAt(1, 2)),
		collect(pipeline.EventUnlink, path(0)),
		collect(pipeline.EventUnlinkat, pathAt(0, 1)),
		collect(pipeline.EventRmdir, path(0)),
		collect(pipeline.EventMkdir, path(0)),
		collect(pipeline.EventMkdirat, pathAt(0, 1)),
		collect(pipeline.EventMknod, path(0)),
		collect(pipeline.EventMknodat, pathAt(0, 1)),
	}
}

// changeCalls change what a file is, and where file systems are.
func changeCalls() []bpf.SensorSyscallSpec {
	return []bpf.SensorSyscallSpec{
		collect(pipeline.EventChmod, path(0)),
		collect(pipeline.EventFchmod, on(0, file)),
		collect(pipeline.EventFchmodat, pathAt(0, 1)),
		collect(pipeline.EventFchmodat2, pathAt(0, 1)),
		collect(pipeline.EventChown, path(0)),
		collect(pipeline.EventLchown, path(0)),
		collect(pipeline.EventFchown, on(0, file)),
		collect(pipeline.EventFchownat, pathAt(0, 1)),
		collect(pipeline.EventSetxattr, path(0), text(1)),
		collect(pipeline.EventLsetxattr, path(0), text(1)),
		collect(pipeline.EventFsetxattr, on(0, file), text(1)),
		collect(pipeline.EventRemovexattr, path(0), text(1)),
		collect(pipeline.EventLremovexattr, path(0), text(1)),
		collect(pipeline.EventFremovexattr, on(0, file), text(1)),
		collect(pipeline.EventSetxattrat, pathAt(0, 1), text(3)),
		collect(pipeline.EventRemovexattrat, pathAt(0, 1), text(3)),

		collect(pipeline.EventMount, path(0), path(1), text(2)),
		collect(pipeline.EventUmount, path(0)),
		collect(pipeline.EventUmount2, path(0)),
		collect(pipeline.EventMoveMount, pathAt(0, 1), pathAt(2, 3)),
		collect(pipeline.EventOpenTree, pathAt(0, 1), with(opens)),
		collect(pipeline.EventFsopen, text(0), with(opens)),
		collect(pipeline.EventFsconfig, text(2), pathAt(4, 3)), // the value is a path for some keys
		collect(pipeline.EventFsmount, with(opens)),
		collect(pipeline.EventFspick, pathAt(0, 1), with(opens)),
		collect(pipeline.EventMountSetattr, pathAt(0, 1)),
		collect(pipeline.EventPivotRoot, path(0), path(1), with(bpf.SensorSpecFlagSPEC_CWD), with(bpf.SensorSpecFlagSPEC_ROOT)),
	}
}

// descriptorCalls make descriptors of something else than files and sockets, copy them or close them.
func descriptorCalls() []bpf.SensorSyscallSpec {
	return []bpf.SensorSyscallSpec{
		collect(pipeline.EventClose), // what it closed is gone by now
		collect(pipeline.EventDup, with(opens), with(newSocket)),
		collect(pipeline.EventDup2, with(opens), with(newSocket)),
		collect(pipeline.EventDup3, with(opens), with(newSocket)),
		collect(pipeline.EventFcntl, with(opens), with(newSocket), with(bpf.SensorSpecFlagSPEC_DUPFD)),
		collect(pipeline.EventCloseRange),
		collect(pipeline.EventPipe, pair(0), with(file)),
		collect(pipeline.EventPipe2, pair(0), with(file)),
		collect(pipeline.EventEventfd, with(opens)),
		collect(pipeline.EventEventfd2, with(opens)),
		collect(pipeline.EventSignalfd, with(opens)),
		collect(pipeline.EventSignalfd4, with(opens)),
		collect(pipeline.EventTimerfdCreate, with(opens)),
		collect(pipeline.EventEpollCreate, with(opens)),
		collect(pipeline.EventEpollCreate1, with(opens)),
		collect(pipeline.EventInotifyInit, with(opens)),
		collect(pipeline.EventInotifyInit1, with(opens)),
		collect(pipeline.EventPidfdOpen, with(opens)),
		collect(pipeline.EventPidfdGetfd, with(opens), with(newSocket)),
		collect(pipeline.EventMemfdSecret, with(opens)),
		collect(pipeline.EventMemfdCreate, text(0), with(opens)),
		collect(pipeline.EventUserfaultfd, with(opens)),
		collect(pipeline.EventPerfEventOpen, with(opens)),
		collect(pipeline.EventIoUringSetup, with(opens)),
		collect(pipeline.EventBpf, with(bpf.SensorSpecFlagSPEC_BPF)),
	}
}

// socketCalls make sockets, connect them and move data. A receive that found nothing is not reported:
// servers make those all the time, and they say nothing.
func socketCalls() []bpf.SensorSyscallSpec {
	const many, passed = bpf.SensorSpecFlagSPEC_MANY, bpf.SensorSpecFlagSPEC_PASSED
	return []bpf.SensorSyscallSpec{
		collect(pipeline.EventSocket, with(newSocket)),
		collect(pipeline.EventSocketpair, pair(3)),
		collect(pipeline.EventBind, on(0, socket), address(1)),
		collect(pipeline.EventListen, on(0, socket)),
		collect(pipeline.EventAccept, on(0, socket), with(newSocket)),
		collect(pipeline.EventAccept4, on(0, socket), with(newSocket)),
		collect(pipeline.EventConnect, on(0, socket), address(1)),
		collect(pipeline.EventSendto, on(0, socket), address(4), data(1)),
		collect(pipeline.EventSendmsg, on(0, socket), message(1)),
		collect(pipeline.EventRecvfrom, on(0, socket), address(4), with(givesBack), data(1), with(success)),
		collect(pipeline.EventSendmmsg, on(0, socket), message(1), with(many)),
		collect(pipeline.EventRecvmsg, on(0, socket), message(1), with(success), with(passed)),
		collect(pipeline.EventRecvmmsg, on(0, socket), message(1), with(success), with(many), with(passed)),
		collect(pipeline.EventShutdown, on(0, socket)),
	}
}

// taskCalls make tasks and change what a task is.
func taskCalls() []bpf.SensorSyscallSpec {
	const argv = bpf.SensorSpecFlagSPEC_ARGV
	return []bpf.SensorSyscallSpec{
		// A successful exec is the scheduler's to report, with the image that really runs.
		collect(pipeline.EventExecveFailed, path(0), with(failure), with(argv)),
		collect(pipeline.EventExecveatFailed, pathAt(0, 1), with(failure), with(argv)),

		// Seen in the caller, with the new task's number, and in the new task, with 0.
		collect(pipeline.EventCloneCall),
		collect(pipeline.EventClone3, data(0)),
		collect(pipeline.EventFork),
		collect(pipeline.EventVfork),

		collect(pipeline.EventChdir, path(0), with(bpf.SensorSpecFlagSPEC_CWD)),
		collect(pipeline.EventFchdir, on(0, file), with(bpf.SensorSpecFlagSPEC_CWD)),
		collect(pipeline.EventChroot, path(0), with(bpf.SensorSpecFlagSPEC_CWD), with(bpf.SensorSpecFlagSPEC_ROOT)),
		collect(pipeline.EventPrctl, with(bpf.SensorSpecFlagSPEC_COMM)),
		collect(pipeline.EventSetsid),
		collect(pipeline.EventSetpgid),
		collect(pipeline.EventSetuid, with(credential)),
		collect(pipeline.EventSetgid, with(credential)),
		collect(pipeline.EventSetreuid, with(credential)),
		collect(pipeline.EventSetregid, with(credential)),
		collect(pipeline.EventSetresuid, with(credential)),
		collect(pipeline.EventSetresgid, with(credential)),
		collect(pipeline.EventSetfsuid, with(credential)),
		collect(pipeline.EventSetfsgid, with(credential)),
		collect(pipeline.EventSetgroups),
		collect(pipeline.EventCapset, with(credential)),
		collect(pipeline.EventSetns, on(0, file), with(credential)),
		collect(pipeline.EventUnshare, with(credential)),
	}
}

// systemCalls act on other tasks and on the kernel itself.
func systemCalls() []bpf.SensorSyscallSpec {
	return []bpf.SensorSyscallSpec{
		collect(pipeline.EventKill),
		collect(pipeline.EventTkill),
		collect(pipeline.EventTgkill),
		collect(pipeline.EventPidfdSendSignal, on(0, file)),
		collect(pipeline.EventPtrace),
		collect(pipeline.EventProcessVMReadv),
		collect(pipeline.EventProcessVMWritev),
		collect(pipeline.EventInitModule, data(0), text(2)),
		collect(pipeline.EventFinitModule, on(0, file), text(1)),
		collect(pipeline.EventDeleteModule, text(0)),
		collect(pipeline.EventKeyctl),
	}
}

// Syscalls returns the system calls that the sensor can report on this architecture, in order. The
// scheduler's events (execve, clone, procexit) are not among them: they are always on.
func Syscalls() []pipeline.EventType {
	var types []pipeline.EventType
	for _, n := range slices.Concat(nativeNumbers(), compatNumbers()) {
		types = append(types, n.event)
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// rows returns the kernel's table: the row of each system call number and what to collect there.
func rows() map[uint32]bpf.SensorSyscallSpec {
	specs := make(map[pipeline.EventType]bpf.SensorSyscallSpec)
	for _, s := range table() {
		specs[pipeline.EventType(s.Type)] = s
	}
	kernel := make(map[uint32]bpf.SensorSyscallSpec)
	for _, n := range nativeNumbers() {
		kernel[n.nr] = specs[n.event]
	}
	for _, n := range compatNumbers() {
		kernel[compatBase+n.nr] = specs[n.event]
	}
	return kernel
}

// bitmap has a bit for each row whose event is in want; nil means every row. The scheduler's events
// and those without a row have no bit.
func bitmap(want []pipeline.EventType) (bits [2 * compatBase / 64]uint64) {
	for row, spec := range rows() {
		if want == nil || slices.Contains(want, pipeline.EventType(spec.Type)) {
			bits[row/64] |= 1 << (row % 64)
			if row >= compatBase && socketcall != 0 && multiplexed(pipeline.EventType(spec.Type)) {
				bits[(compatBase+socketcall)/64] |= 1 << ((compatBase + socketcall) % 64)
			}
		}
	}
	return bits
}

// multiplexed says whether a 32-bit program can make this call through socketcall(2).
func multiplexed(event pipeline.EventType) bool {
	return slices.ContainsFunc(socketCalls(), func(s bpf.SensorSyscallSpec) bool { return pipeline.EventType(s.Type) == event })
}
