package field

import (
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Arg describes an argument of an event, for people.
type Arg struct {
	Name  string
	Type  string // what its text stands for
	Known bool   // false: always null here
}

// Args are the arguments of events of a type in Falco's order, which evt.arg[N] counts by.
func Args(t pipeline.EventType) []Arg {
	var v View
	v.Reset(&pipeline.Event{Type: t, HasRet: true, Proc: &pipeline.Process{Known: true}})
	var args []Arg
	for _, a := range arguments()[t] {
		_, known := a.get(&v)
		args = append(args, Arg{Name: a.name, Type: argType(t, a.name), Known: known})
	}
	return args
}

// argTypes are what arguments stand for, by name; what is missing is a number.
var argTypes = map[string]string{
	"result":       "res",
	"descriptor":   "fd dirfd olddirfd newdirfd olddir newdir linkdirfd mountfd fromdirfd todirfd oldfd newfd pidfd in_fd out_fd",
	"path":         "path name oldpath newpath linkpath filename pathname dir newroot putold target cwd trusted_exepath",
	"flags":        "flags creat_flags nstype resolve prot",
	"mode":         "mode",
	"user":         "uid ruid euid suid",
	"group":        "gid rgid egid sgid",
	"process":      "pid tid",
	"signal":       "sig",
	"address":      "tuple addr",
	"bytes":        "data",
	"capabilities": "cap_inheritable cap_permitted cap_effective",
	"text":         "exe args comm env cgroups type uargs arg2_str img cmd request option domain msgcontrol",
}

// argTypesOf are those that mean something else in one kind of event.
var argTypesOf = map[string]map[string]string{
	"memfd_create":  {"name": "text"},
	"delete_module": {"name": "text"},
	"socket":        {"type": "number"},
	"socketpair":    {"type": "number"},
	"ptrace":        {"addr": "number", "data": "number"},
	"chown":         {"uid": "number", "gid": "number"},
	"lchown":        {"uid": "number", "gid": "number"},
	"fchown":        {"uid": "number", "gid": "number"},
	"fchownat":      {"uid": "number", "gid": "number"},
}

func argType(t pipeline.EventType, name string) string {
	if text, ok := argTypesOf[t.String()][name]; ok {
		return text
	}
	for text, names := range argTypes {
		if strings.Contains(" "+names+" ", " "+name+" ") {
			return text
		}
	}
	return "number"
}

// Category is the subject of events of a type: evt.category, which for some follows from the descriptor.
func Category(t pipeline.EventType) string {
	if c := categories()[t]; c == ofDescriptor {
		return "that of the descriptor"
	}
	return category(&pipeline.Event{Type: t})
}
