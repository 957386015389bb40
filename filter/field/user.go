package field

import (
	"strconv"

	"github.com/tocsin-security/tocsin/pipeline"
)

func userFields() []Def {
	return []Def{
		str("user.name", "name of the effective user, as the process's own passwd has it", func(v *View) (string, bool) {
			return userName(v.Ev.Proc), true
		}),
		from("process table", number("user.uid", Uint, "effective user id", func(v *View) (int64, bool) { return int64(v.Ev.Proc.EUID), true })),
		str("user.loginname", "name of the user who logged in", func(v *View) (string, bool) {
			return orRoot(v.Ev.Proc.Login, v.Ev.Proc.LoginUID), true
		}),
		from("process table", number("user.loginuid", Int, "id of the user who logged in; -1: nobody did", func(v *View) (int64, bool) {
			if v.Ev.Proc.LoginUID == pipeline.UnsetUID {
				return -1, true
			}
			return int64(v.Ev.Proc.LoginUID), true
		})),
		str("user.homedir", "home directory of the effective user, as the process's own passwd has it", func(v *View) (string, bool) {
			return orFiller(v.Ev.Proc.Home), true
		}),
		str("user.shell", "shell of the effective user, as the process's own passwd has it", func(v *View) (string, bool) {
			return orFiller(v.Ev.Proc.Shell), true
		}),
		from("process table", number("group.gid", Uint, "effective group id", func(v *View) (int64, bool) { return int64(v.Ev.Proc.GID), true })),
		str("group.name", "name of the effective group", func(v *View) (string, bool) {
			return orRoot(v.Ev.Proc.Group, v.Ev.Proc.GID), true
		}),
	}
}

func userName(p *pipeline.Process) string { return orRoot(p.User, p.EUID) }

func orFiller(s string) string {
	if s == "" {
		return unknown
	}
	return s
}

// orRoot is name, or when there is none "root" for id 0 and else the filler.
func orRoot(name string, id uint32) string {
	switch {
	case name != "" && name != unknown:
		return name
	case id == 0:
		return "root"
	default:
		return unknown
	}
}

func threadFields() []Def {
	cgroup := func(v *View) (string, bool) { return v.Ev.Proc.Cgroup, v.Ev.Proc.Cgroup != "" }
	return []Def{
		str("thread.cgroups", "path of the control group that tells the container", cgroup),
		{Name: "thread.cgroup", Type: String, Arg: NeedsKey, DotArg: true, Doc: "the same, for any controller",
			bind: func(string) (Getter, error) { return Getter{Str: cgroup}, nil }},
		number("thread.tid", Int, "thread id", func(v *View) (int64, bool) { return int64(v.Ev.TID), true }),
		number("thread.vtid", Int, "thread id in the innermost pid namespace", threadVTID),
		boolean("thread.ismain", "the thread is the first of its process", func(v *View) (value, ok bool) { return v.Ev.TID == v.Ev.Proc.PID, true }),
		str("thread.cap_effective", "names of the effective capabilities, joined by blanks", capabilities(func(p *pipeline.Process) uint64 { return p.CapEffective })),
		str("thread.cap_permitted", "names of the permitted capabilities", capabilities(func(p *pipeline.Process) uint64 { return p.CapPermitted })),
		str("thread.cap_inheritable", "names of the inheritable capabilities", capabilities(func(p *pipeline.Process) uint64 { return p.CapInheritable })),
	}
}

// threadVTID is known of a process's first thread, and of all in the initial pid namespace.
func threadVTID(v *View) (int64, bool) {
	p := v.Ev.Proc
	if v.Ev.TID == p.PID {
		return int64(p.VTID), true
	}
	return int64(v.Ev.TID), p.VPID == p.PID
}

func capabilities(set func(*pipeline.Process) uint64) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		start := len(v.buf)
		bits := set(v.Ev.Proc)
		for i, name := range capabilityNames {
			if bits&(1<<i) == 0 {
				continue
			}
			if len(v.buf) > start {
				v.buf = append(v.buf, ' ')
			}
			v.buf = append(append(v.buf, "CAP_"...), name...)
		}
		return view(v.buf[start:]), true
	}
}

// capabilityNames in the kernel's bit order (include/uapi/linux/capability.h).
var capabilityNames = [...]string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
}

// idName is the name of a user id as an event argument: only ids the event's own process has are
// known by name.
func (v *View) idName(id uint32) string {
	switch p := v.Ev.Proc; {
	case id == pipeline.UnsetUID:
		return "<NONE>"
	case id == 0:
		return "root"
	case id == p.EUID:
		return userName(p)
	case id == p.LoginUID && p.Login != "":
		return p.Login
	default:
		return unknown
	}
}

func (v *View) decimal(n int64) string {
	return v.Build(func(dst []byte) []byte { return strconv.AppendInt(dst, n, 10) })
}
