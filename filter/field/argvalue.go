package field

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// The functions here read one argument each.

// orNone is s, or the filler for an argument that is there but empty.
func orNone(s string) (string, bool) {
	if s == "" {
		return unknown, true
	}
	return s, true
}

func plain(v *View) (string, bool) { return orNone(v.Ev.Str) }
func empty(*View) (string, bool)   { return unknown, true }

func ofOwn(f ofProcess) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		s, _ := f(v, v.Ev.Proc)
		return orNone(s)
	}
}

// path is as the caller passed it when that was absolute or starts from what is not known, else made absolute.
func path(i int) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		p := &v.Ev.Path[i]
		if strings.HasPrefix(p.Raw, "/") || !strings.HasPrefix(p.Name, "/") {
			return orNone(p.Raw)
		}
		return p.Name, true
	}
}

// rawPath is as the caller passed it: what mount takes for a device may be no path at all.
func rawPath(i int) func(*View) (string, bool) {
	return func(v *View) (string, bool) { return orNone(v.Ev.Path[i].Raw) }
}

func openedPath(v *View) (string, bool)    { return orNone(v.Ev.FD.Name) }
func execName(v *View) (string, bool)      { return orNone(v.Ev.Exe) }
func effectiveUser(v *View) (string, bool) { return userName(v.Ev.Proc), true }
func threadID(v *View) (string, bool)      { return v.decimal(int64(v.Ev.TID)), true }
func processID(v *View) (string, bool)     { return v.decimal(int64(v.Ev.Proc.PID)), true }
func parentID(v *View) (string, bool)      { return v.decimal(int64(v.Ev.Proc.PPID)), true }
func terminal(v *View) (string, bool)      { return v.decimal(int64(v.Ev.Proc.TTY)), true }
func address(v *View) (string, bool)       { return orNone(v.Ev.FD.Name) }

func result(v *View) (string, bool) {
	if v.Ev.Ret < 0 {
		return errnoName(v.Ev.Ret), v.Ev.HasRet
	}
	return v.decimal(v.Ev.Ret), v.Ev.HasRet
}

func built(f func([]byte, *View) []byte) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		start := len(v.buf)
		v.buf = f(v.buf, v)
		return view(v.buf[start:]), true
	}
}

func flags(arg int, table []bitName) func(*View) (string, bool) {
	return built(func(dst []byte, v *View) []byte { return flagNames(dst, v.Ev.Args[arg], table) })
}

// integer is a C int passed in a register.
func integer(arg int) func(*View) (string, bool) {
	return func(v *View) (string, bool) { return v.decimal(int64(int32(v.Ev.Args[arg]))), true }
}

// descriptor is an unsigned int passed in a register.
func descriptor(arg int) func(*View) (string, bool) {
	return func(v *View) (string, bool) { return v.decimal(int64(uint32(v.Ev.Args[arg]))), true }
}

// hexRegister is a whole register, as addresses are shown.
func hexRegister(arg int) func(*View) (string, bool) {
	return built(func(dst []byte, v *View) []byte { return strconv.AppendUint(dst, v.Ev.Args[arg], 16) })
}

// notKnown is an argument that Falco has and the sensor does not collect.
func notKnown(*View) (string, bool) { return "", false }

// ownID is a number of the event's own process.
func ownID(of func(*pipeline.Process) int64) func(*View) (string, bool) {
	return func(v *View) (string, bool) { return v.decimal(of(v.Ev.Proc)), true }
}

func cgroups(v *View) (string, bool) { return orNone(v.Ev.Proc.Cgroup) }
func payload(v *View) (string, bool) {
	return v.Build(func(dst []byte) []byte { return appendPrintable(dst, v.Ev.Data) }), true
}

// The exit code is made as for wait(2): status << 8 | signal.
func exitStatus(v *View) (string, bool) { return v.decimal(int64(v.Ev.Args[0])), true }
func exitCode(v *View) (string, bool)   { return v.decimal(int64(v.Ev.Args[0] >> 8 & 0xff)), true }
func exitSignal(v *View) (string, bool) {
	n := v.Ev.Args[0] & 0x7f
	if name := unix.SignalName(unix.Signal(n)); name != "" {
		return name, true
	}
	return v.decimal(int64(n)), true
}

func fileDevice(v *View) (string, bool) {
	return v.Build(func(dst []byte) []byte { return strconv.AppendUint(dst, uint64(v.Ev.FD.Dev), 16) }), true
}

func fileInode(v *View) (string, bool) { return v.decimal(int64(v.Ev.FD.Ino)), true }

// socketType is the type without the flags that share its register.
func socketType(v *View) (string, bool) { return v.decimal(int64(v.Ev.Args[1] & 0xf)), true }

// processName is the name of the process whose number is an argument: of those near the caller, else the number.
func processName(arg int) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		pid := int32(v.Ev.Args[arg])
		for p := v.Ev.Proc; p != nil; p = parentOf(p) {
			if p.PID == pid {
				return comm(v, p)
			}
			if p.PID <= 1 {
				break
			}
		}
		return v.decimal(int64(pid)), true
	}
}

func named(arg int, names map[uint64]string) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		if s, ok := names[v.Ev.Args[arg]]; ok {
			return s, true
		}
		return v.decimal(int64(v.Ev.Args[arg])), true
	}
}

func bpfCommand(v *View) (string, bool) {
	cmd := v.Ev.Args[0]
	if cmd >= uint64(len(bpfCommands)) {
		return v.decimal(int64(cmd)), true
	}
	return v.Build(func(dst []byte) []byte { return append(append(dst, "BPF_"...), bpfCommands[cmd]...) }), true
}

func userID(arg int) func(*View) (string, bool) {
	return func(v *View) (string, bool) { return v.idName(uint32(v.Ev.Args[arg])), true }
}

func groupID(arg int) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		switch id := uint32(v.Ev.Args[arg]); {
		case id == pipeline.UnsetUID:
			return "<NONE>", true
		case id == v.Ev.Proc.GID:
			return orRoot(v.Ev.Proc.Group, id), true
		default:
			return orRoot("", id), true
		}
	}
}

func signal(arg int) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		if name := unix.SignalName(unix.Signal(v.Ev.Args[arg])); name != "" {
			return name, true
		}
		return v.decimal(int64(v.Ev.Args[arg])), true
	}
}

// handle is a descriptor argument: with type and name when it is the one the event works on.
func handle(arg int) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		n := int64(int32(v.Ev.Args[arg]))
		switch {
		case n == unix.AT_FDCWD:
			return "AT_FDCWD", true
		case n < 0:
			return errnoName(n), true
		case v.Ev.FD.Num == n && fdKnown(v.Ev):
			return v.described(), true
		default:
			return v.decimal(n), true
		}
	}
}

// sameFile is a descriptor argument of dup, whose descriptors all stand for one file.
func sameFile(arg int) func(*View) (string, bool) {
	plain := handle(arg)
	return func(v *View) (string, bool) {
		if fdKnown(v.Ev) {
			return v.described(), true
		}
		return plain(v)
	}
}

// newFD is the descriptor a call returned.
func newFD(v *View) (string, bool) {
	switch {
	case v.Ev.Ret < 0:
		return errnoName(v.Ev.Ret), true
	case fdKnown(v.Ev):
		return v.described(), true
	default:
		return v.decimal(v.Ev.Ret), true
	}
}

// pipeEnd is one of the two descriptors of a pipe.
func pipeEnd(i int) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		switch {
		case v.Ev.Failed():
			return "", false
		case fdKnown(v.Ev):
			return v.described(), true
		default:
			return v.decimal(int64(v.Ev.Pair[i])), true
		}
	}
}

// movedBytes is the size of the first message of several.
func movedBytes(v *View) (string, bool) { return v.decimal(v.Ev.Moved), v.Ev.Ret > 0 }

// described is the descriptor as <type letter and protocol letter>name.
func (v *View) described() string {
	start := len(v.buf)
	v.buf = append(append(v.buf, '<'), typeChar(v.Ev)...)
	if isIP(v.Ev.FD.Kind) && l4proto(&v.Ev.FD) != unknown {
		v.buf = append(v.buf, l4proto(&v.Ev.FD)[0])
	}
	v.buf = append(append(v.buf, '>'), v.Ev.FD.Name...)
	return view(v.buf[start:])
}

func octalMode(v *View) (string, bool) {
	if v.Ev.Mode == 0 {
		return "0", true
	}
	return v.Build(func(dst []byte) []byte { return strconv.AppendUint(append(dst, '0'), uint64(v.Ev.Mode), 8) }), true
}

// hexMode: the language prints mkdir's mode in capital hexadecimal.
func hexMode(v *View) (string, bool) {
	return v.Build(func(dst []byte) []byte {
		start := len(dst)
		dst = strconv.AppendUint(dst, uint64(v.Ev.Mode), 16)
		for i := start; i < len(dst); i++ {
			if dst[i] >= 'a' {
				dst[i] -= 'a' - 'A'
			}
		}
		return dst
	}), true
}

func chmodMode(v *View) (string, bool) {
	return v.Build(func(dst []byte) []byte { return flagNames(dst, uint64(v.Ev.Mode)&0o7777, chmodBits) }), true
}
