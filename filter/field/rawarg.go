package field

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// rawArgField is evt.rawarg.NAME: an argument before it is made readable, numbers as numbers.
func rawArgField() Def {
	return Def{Name: "evt.rawarg", Type: String, Arg: NeedsKey, DotArg: true, Plain: true, bind: bindRawArg, typeOf: rawArgType,
		Doc: "argument of the event by name, as the kernel has it: numbers, flags in the kernel's encoding, paths as passed"}
}

// rawNumbers are the arguments that are numbers in a register, and in which: by call where that differs.
var rawNumbers = map[string]map[string]int{
	"fd":       {"": 0, "init_module": -1},
	"dirfd":    {"": 0},
	"olddirfd": {"": 0}, "newdirfd": {"": 2}, "olddir": {"": 0}, "newdir": {"": 2}, "linkdirfd": {"": 1}, "mountfd": {"": 0},
	"oldfd": {"": 0}, "newfd": {"": 1}, "pidfd": {"": 0},
	"uid":  {"": 0, "chown": 1, "lchown": 1, "fchown": 1, "fchownat": 2, "execve": -1, "clone": -1, "clone3": -1, "fork": -1, "vfork": -1},
	"gid":  {"": 0, "chown": 2, "lchown": 2, "fchown": 2, "fchownat": 3, "execve": -1, "clone": -1, "clone3": -1, "fork": -1, "vfork": -1},
	"ruid": {"": 0}, "euid": {"": 1}, "suid": {"": 2}, "rgid": {"": 0}, "egid": {"": 1}, "sgid": {"": 2},
	"pid":     {"": 0, "ptrace": 1, "execve": -1, "clone": -1, "clone3": -1, "fork": -1, "vfork": -1},
	"tid":     {"": 0, "tgkill": 1, "execve": -1, "clone": -1, "clone3": -1, "fork": -1, "vfork": -1},
	"sig":     {"": 1, "tgkill": 2, "procexit": -1},
	"request": {"": 0}, "domain": {"": 0}, "type": {"": 1, "mount": -1}, "proto": {"": 2}, "backlog": {"": 1}, "cmd": {"": 0},
	"option": {"": 0}, "nstype": {"": 1}, "pgid": {"": 1}, "entries": {"": 0},
	"size": {"": 2, "sendmsg": -1, "recvmsg": -1}, "length": {"": 1},
}

// rawTexts are the arguments that are text.
const rawTexts = "name path filename pathname oldpath newpath linkpath target dir uargs arg2_str newroot putold exe comm"

func isRawText(name string) bool { return slices.Contains(strings.Fields(rawTexts), name) }

func rawArgType(name string) Type {
	if isRawText(name) {
		return String
	}
	return Int
}

func bindRawArg(name string) (Getter, error) {
	var has [pipeline.NumEventTypes]bool
	var index [pipeline.NumEventTypes]int
	found := false
	for t, list := range arguments() {
		has[t] = slices.ContainsFunc(list, func(a argument) bool { return a.name == name })
		found = found || has[t]
		index[t] = rawIndex(name, pipeline.EventType(t))
	}
	if !found && !slices.Contains(strings.Fields(otherArguments), name) {
		return Getter{}, fmt.Errorf("%w: no event has an argument %q", ErrUnknown, name)
	}
	if isRawText(name) {
		return Getter{Str: func(v *View) (string, bool) {
			s := rawText(v.Ev, name)
			return s, has[v.Ev.Type] && s != ""
		}}, nil
	}
	return Getter{Int: func(v *View) (int64, bool) {
		if !has[v.Ev.Type] {
			return 0, false
		}
		return rawNumber(v.Ev, name, index[v.Ev.Type])
	}}, nil
}

// rawIndex is the register an argument is in, or -1.
func rawIndex(name string, t pipeline.EventType) int {
	registers, ok := rawNumbers[name]
	if !ok {
		return -1
	}
	if i, ok := registers[t.String()]; ok {
		return i
	}
	return registers[""]
}

func rawNumber(ev *pipeline.Event, name string, register int) (int64, bool) {
	switch name {
	case "res":
		return ev.Ret, ev.HasRet
	case "fd":
		if isOpen(ev.Type) || ev.Type == pipeline.EventCreat || ev.Type == pipeline.EventSocket || ev.Type == pipeline.EventAccept ||
			ev.Type == pipeline.EventAccept4 || ev.Type == pipeline.EventBpf || ev.Type == pipeline.EventMemfdCreate {
			return ev.Ret, ev.HasRet
		}
	case "flags", "creat_flags":
		return int64(ev.Flag), true
	case "mode":
		return int64(ev.Mode), true
	case "ino":
		return int64(ev.FD.Ino), ev.FD.Ino != 0
	case "dev":
		return int64(ev.FD.Dev), ev.FD.Dev != 0
	}
	if register < 0 {
		return 0, false
	}
	return int64(int32(ev.Args[register])), true
}

func rawText(ev *pipeline.Event, name string) string {
	switch name {
	case "newpath", "dir", "putold":
		return ev.Path[1].Raw
	case "target", "uargs", "arg2_str":
		return ev.Str
	case "exe":
		return ev.Proc.Exe
	case "comm":
		return ev.Proc.Comm
	case "filename":
		if ev.Path[0].Raw == "" {
			return ev.Exe
		}
	case "name":
		if ev.Path[0].Raw == "" {
			return ev.Str
		}
	}
	return ev.Path[0].Raw
}
