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

// table says what to collect of every system call the sensor covers.
func table() []bpf.SensorSyscallSpec {
	const (
		opens   = bpf.SensorSpecFlagSPEC_FD_RESULT
		howAt2  = bpf.SensorSpecFlagSPEC_OPEN_HOW
		failure = bpf.SensorSpecFlagSPEC_ONLY_FAILURE
		file    = bpf.SensorSpecFlagSPEC_FD
		socket  = bpf.SensorSpecFlagSPEC_SOCK
	)
	return []bpf.SensorSyscallSpec{
		collect(pipeline.EventOpen, path(0), with(opens)),
		collect(pipeline.EventOpenat, pathAt(0, 1), with(opens)),
		collect(pipeline.EventOpenat2, pathAt(0, 1), with(opens), with(howAt2)),
		collect(pipeline.EventCreat, path(0), with(opens)),

		collect(pipeline.EventConnect, on(0, socket), address(1)),

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

		collect(pipeline.EventChmod, path(0)),
		collect(pipeline.EventFchmod, on(0, file)),
		collect(pipeline.EventFchmodat, pathAt(0, 1)),
		collect(pipeline.EventFchmodat2, pathAt(0, 1)),
		collect(pipeline.EventChown, path(0)),
		collect(pipeline.EventLchown, path(0)),
		collect(pipeline.EventFchown, on(0, file)),
		collect(pipeline.EventFchownat, pathAt(0, 1)),

		collect(pipeline.EventMount, path(0), path(1), text(2)),
		collect(pipeline.EventPtrace),
		collect(pipeline.EventSetuid),

		// A successful exec is the scheduler's to report, with the image that really runs.
		collect(pipeline.EventExecveFailed, path(0), with(failure)),
		collect(pipeline.EventExecveatFailed, pathAt(0, 1), with(failure)),
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
		}
	}
	return bits
}
