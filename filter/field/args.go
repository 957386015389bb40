package field

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// argument is one named argument of an event as the rule language sees it, always as text.
type argument struct {
	name string
	get  func(*View) (string, bool)
}

// argFields are evt.arg.NAME, evt.arg[N] and evt.args, all read from the one table of arguments.
func argFields() []Def {
	return []Def{
		{Name: "evt.arg", Type: String, Arg: NeedsKey, DotArg: true, bind: bindArgument,
			Doc: "argument of the event by name or number, as text: names of flags and errors, absolute paths"},
		str("evt.args", "all arguments as name=value, joined by blanks", func(v *View) (string, bool) {
			// Values are built first: they lie in the same memory as the text under construction.
			var values [maxArguments]string
			list := arguments()[v.Ev.Type]
			for i, a := range list {
				values[i], _ = a.get(v)
			}
			start := len(v.buf)
			for i, a := range list {
				if i > 0 {
					v.buf = append(v.buf, ' ')
				}
				v.buf = append(append(append(v.buf, a.name...), '='), values[i]...)
			}
			return view(v.buf[start:]), true
		}),
	}
}

// bindArgument finds an argument in every event that has one of that name or number.
func bindArgument(arg string) (Getter, error) {
	var byType [pipeline.NumEventTypes]func(*View) (string, bool)
	found := false
	index, numeric := -1, false
	if n, err := strconv.Atoi(arg); err == nil && n >= 0 {
		index, numeric, found = n, true, true
	}
	for t, list := range arguments() {
		i := index
		if !numeric {
			i = slices.IndexFunc(list, func(a argument) bool { return a.name == arg })
		}
		if i >= 0 && i < len(list) {
			byType[t], found = list[i].get, true
		}
	}
	if !found && !slices.Contains(strings.Fields(otherArguments), arg) {
		return Getter{}, fmt.Errorf("%w: no event has an argument %q", ErrUnknown, arg)
	}
	return Getter{Str: func(v *View) (string, bool) {
		if get := byType[v.Ev.Type]; get != nil {
			return get(v)
		}
		return "", false
	}}, nil
}

// otherArguments exist in Falco's events and are null here.
const otherArguments = `ID action addr backlog buf cgroups count data data_fd dev domain egid env euid event exe_ino
	exe_ino_ctime exe_ino_mtime fdin fdlimit fdout gid how img in_fd initval ino key length level loginuid
	maxevents msgcontrol newcur newmax niovs offset op optlen optname pgft_maj pgft_min pgid pidns_init_start_ts
	pos prot queuelen queuemax queuepct reaper_tid resolve resource rgid ruid sgid suid source special status
	timeout trusted_exepath uargs val vm_rss vm_size vm_swap vpgid vpid vtid whence cap_effective cap_inheritable
	cap_permitted core tuple size type`

// maxArguments is the longest list of arguments; a test holds the table to it.
const maxArguments = 16

var arguments = sync.OnceValue(func() *[pipeline.NumEventTypes][]argument {
	var table [pipeline.NumEventTypes][]argument
	set := func(args []argument, types ...pipeline.EventType) {
		for _, t := range types {
			table[t] = args
		}
	}
	fileArguments(set)
	processArguments(set)
	descriptorArguments(set)
	return &table
})

type setArguments = func(args []argument, types ...pipeline.EventType)

func fileArguments(set setArguments) {
	res, dirfd, mode := argument{"res", result}, argument{"dirfd", handle(0)}, argument{"mode", chmodMode}
	set([]argument{{"fd", newFD}, {"name", path(0)}, {"flags", built(appendOpenFlags)}, {"mode", octalMode}}, pipeline.EventOpen)
	set([]argument{{"fd", newFD}, dirfd, {"name", path(0)}, {"flags", built(appendOpenFlags)}, {"mode", octalMode}},
		pipeline.EventOpenat, pipeline.EventOpenat2)
	set([]argument{{"fd", newFD}, {"name", path(0)}, {"mode", octalMode}}, pipeline.EventCreat)
	set([]argument{{"fd", newFD}, {"mountfd", handle(0)}, {"flags", built(appendOpenFlags)}, {"path", openedPath}}, pipeline.EventOpenByHandleAt)
	set([]argument{res, {"path", path(0)}}, pipeline.EventUnlink, pipeline.EventRmdir, pipeline.EventChdir, pipeline.EventChroot)
	set([]argument{res, dirfd, {"name", path(0)}, {"flags", flags(2, unlinkFlags)}}, pipeline.EventUnlinkat)
	set([]argument{res, {"path", path(0)}, {"mode", hexMode}}, pipeline.EventMkdir)
	set([]argument{res, dirfd, {"path", path(0)}, {"mode", hexMode}}, pipeline.EventMkdirat)
	set([]argument{res, {"oldpath", path(0)}, {"newpath", path(1)}}, pipeline.EventRename, pipeline.EventLink)
	set([]argument{res, {"olddirfd", handle(0)}, {"oldpath", path(0)}, {"newdirfd", handle(2)}, {"newpath", path(1)}}, pipeline.EventRenameat)
	set([]argument{res, {"olddirfd", handle(0)}, {"oldpath", path(0)}, {"newdirfd", handle(2)}, {"newpath", path(1)},
		{"flags", flags(4, renameFlags)}}, pipeline.EventRenameat2)
	set([]argument{res, {"olddir", handle(0)}, {"oldpath", path(0)}, {"newdir", handle(2)}, {"newpath", path(1)},
		{"flags", flags(4, linkFlags)}}, pipeline.EventLinkat)
	set([]argument{res, {"target", plain}, {"linkpath", path(0)}}, pipeline.EventSymlink)
	set([]argument{res, {"target", plain}, {"linkdirfd", handle(1)}, {"linkpath", path(0)}}, pipeline.EventSymlinkat)
	set([]argument{res, {"filename", path(0)}, mode}, pipeline.EventChmod)
	set([]argument{res, {"fd", handle(0)}, mode}, pipeline.EventFchmod)
	set([]argument{res, dirfd, {"filename", path(0)}, mode}, pipeline.EventFchmodat, pipeline.EventFchmodat2)
	set([]argument{res, {"path", path(0)}, {"uid", integer(1)}, {"gid", integer(2)}}, pipeline.EventChown, pipeline.EventLchown)
	set([]argument{res, {"fd", handle(0)}, {"uid", integer(1)}, {"gid", integer(2)}}, pipeline.EventFchown)
	set([]argument{res, dirfd, {"pathname", path(0)}, {"uid", integer(2)}, {"gid", integer(3)}, {"flags", flags(4, nil)}}, pipeline.EventFchownat)
	set([]argument{res, {"dev", path(0)}, {"dir", path(1)}, {"type", plain}, {"flags", flags(3, mountFlags)}}, pipeline.EventMount)
	set([]argument{res, {"name", path(0)}, {"flags", flags(1, umountFlags)}}, pipeline.EventUmount2)
}

func processArguments(set setArguments) {
	res := argument{"res", result}
	exec := []argument{res, {"exe", ofOwn(exe)}, {"args", ofOwn(args)}, {"tid", threadID}, {"pid", processID}, {"ptid", parentID},
		{"cwd", ofOwn(cwd)}, {"comm", ofOwn(comm)}, {"env", ofOwn(env)}, {"tty", terminal}, {"flags", built(appendExeFlags)},
		{"uid", effectiveUser}, {"exepath", ofOwn(exePath)}, {"filename", execName}}
	set(exec, pipeline.EventExecve, pipeline.EventExecveFailed)
	set(append([]argument{{"dirfd", handle(0)}}, exec...), pipeline.EventExecveatFailed)
	set([]argument{res, {"exe", ofOwn(exe)}, {"args", ofOwn(args)}, {"tid", threadID}, {"pid", processID}, {"ptid", parentID},
		{"comm", ofOwn(comm)}, {"uid", effectiveUser}}, pipeline.EventClone)
	set([]argument{res, {"uid", userID(0)}}, pipeline.EventSetuid)
	set([]argument{res, {"ruid", userID(0)}, {"euid", userID(1)}}, pipeline.EventSetreuid)
	set([]argument{res, {"ruid", userID(0)}, {"euid", userID(1)}, {"suid", userID(2)}}, pipeline.EventSetresuid)
	set([]argument{res, {"gid", integer(0)}}, pipeline.EventSetgid)
	set([]argument{res}, pipeline.EventSetsid, pipeline.EventCapset)
	set([]argument{res, {"request", named(0, ptraceRequests)}, {"pid", integer(1)}}, pipeline.EventPtrace)
	set([]argument{res, {"pid", integer(0)}, {"sig", signal(1)}}, pipeline.EventKill)
	set([]argument{res, {"tid", integer(0)}, {"sig", signal(1)}}, pipeline.EventTkill)
	set([]argument{res, {"pid", integer(0)}, {"tid", integer(1)}, {"sig", signal(2)}}, pipeline.EventTgkill)
	set([]argument{res, {"fd", handle(0)}, {"nstype", flags(1, cloneFlags)}}, pipeline.EventSetns)
	set([]argument{res, {"flags", flags(0, cloneFlags)}}, pipeline.EventUnshare)
	set([]argument{res, {"option", integer(0)}}, pipeline.EventPrctl)
	set([]argument{res, {"img", empty}, {"length", integer(1)}, {"uargs", plain}}, pipeline.EventInitModule)
	set([]argument{res, {"fd", handle(0)}, {"uargs", plain}, {"flags", flags(2, nil)}}, pipeline.EventFinitModule)
	set([]argument{res, {"name", plain}}, pipeline.EventDeleteModule)
}

func descriptorArguments(set setArguments) {
	res, fd := argument{"res", result}, argument{"fd", handle(0)}
	set([]argument{fd, {"res", result}}, pipeline.EventClose)
	set([]argument{{"fd", newFD}, {"domain", named(0, socketDomains)}, {"type", integer(1)}, {"proto", integer(2)}}, pipeline.EventSocket)
	set([]argument{res, fd, {"addr", address}}, pipeline.EventConnect, pipeline.EventBind)
	set([]argument{res, fd, {"backlog", integer(1)}}, pipeline.EventListen)
	set([]argument{{"fd", newFD}, {"tuple", address}}, pipeline.EventAccept, pipeline.EventAccept4)
	set([]argument{res, fd, {"size", integer(2)}, {"tuple", address}}, pipeline.EventSendto, pipeline.EventRecvfrom)
	set([]argument{res, fd, {"tuple", address}}, pipeline.EventSendmsg, pipeline.EventRecvmsg)
	set([]argument{res, {"oldfd", handle(0)}}, pipeline.EventDup)
	set([]argument{res, {"oldfd", handle(0)}, {"newfd", handle(1)}}, pipeline.EventDup2)
	set([]argument{res, {"oldfd", handle(0)}, {"newfd", handle(1)}, {"flags", integer(2)}}, pipeline.EventDup3)
	set([]argument{{"fd", newFD}, {"cmd", bpfCommand}}, pipeline.EventBpf)
	set([]argument{{"fd", newFD}, {"name", plain}, {"flags", flags(1, memfdFlags)}}, pipeline.EventMemfdCreate)
	set([]argument{res, {"flags", flags(0, nil)}}, pipeline.EventUserfaultfd)
}

// The functions below read one argument each.

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

// path is as the caller passed it when that was absolute, else made absolute.
func path(i int) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		p := &v.Ev.Path[i]
		if strings.HasPrefix(p.Raw, "/") {
			return p.Raw, true
		}
		return orNone(p.Name)
	}
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
