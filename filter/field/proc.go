package field

import (
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// unknown is the text that stands for a value nobody knows, in fields that are never null.
const unknown = "<NA>"

// ofProcess reads a string of a process; v lends memory.
type ofProcess = func(v *View, p *pipeline.Process) (string, bool)

func processFields() []Def {
	return []Def{
		own("proc.name", "name of the process: the task's comm, at most 15 bytes", comm),
		own("proc.exe", "first argument of the command line (argv[0])", exe),
		own("proc.exepath", "path of the executable file, symbolic links resolved", exePath),
		own("proc.cmdline", "name and arguments, joined by blanks", cmdline),
		own("proc.exeline", "argv[0] and arguments, joined by blanks", exeline),
		resolved(own("proc.cwd", "working directory, with a slash at the end", cwd)),
		withElements(indexed(own("proc.args", "arguments after argv[0], joined by blanks; [n] one of them", args), argAt), func(p *pipeline.Process) []string { return p.Args }),
		withElements(keyed(own("proc.env", "environment, joined by blanks; [NAME] the value of one variable", env), envOf), func(p *pipeline.Process) []string { return p.Env }),
		number("proc.cmdnargs", Uint64, "number of arguments", func(v *View) (int64, bool) { return int64(len(v.Ev.Proc.Args)), true }),
		number("proc.cmdlenargs", Uint64, "characters of all arguments together", func(v *View) (int64, bool) {
			n := 0
			for _, a := range v.Ev.Proc.Args {
				n += len(a)
			}
			return int64(n), true
		}),
		number("proc.pid", Int, "process id", func(v *View) (int64, bool) { return int64(v.Ev.Proc.PID), true }),
		number("proc.ppid", Int, "process id of the parent", func(v *View) (int64, bool) { return int64(v.Ev.Proc.PPID), true }),
		number("proc.vpid", Int, "process id in the innermost pid namespace; 1 is a container's init", func(v *View) (int64, bool) {
			return int64(v.Ev.Proc.VPID), v.Ev.Proc.VPID > 0
		}),
		number("proc.pvpid", Int, "process id of the parent in its innermost pid namespace", ofParent(func(p *pipeline.Process) int64 { return int64(p.VPID) })),
		number("proc.sid", Int, "session id", func(v *View) (int64, bool) { return int64(v.Ev.Proc.SID), true }),
		number("proc.pgid", Int, "process group id", func(v *View) (int64, bool) { return int64(v.Ev.Proc.PGID), true }),
		number("proc.vpgid", Int, "process group id in the innermost pid namespace", func(v *View) (int64, bool) { return int64(v.Ev.Proc.VPGID), true }),
		number("proc.tty", Uint, "device number of the controlling terminal; 0: none", func(v *View) (int64, bool) { return int64(v.Ev.Proc.TTY), true }),
		number("proc.duration", Duration, "ns since the process was made", since(func(p *pipeline.Process) int64 { return p.StartTime })),
		number("proc.pid.ts", Time, "when the process was made", positive(func(p *pipeline.Process) int64 { return p.StartTime })),
		number("proc.ppid.ts", Time, "when the parent was made", ofParent(func(p *pipeline.Process) int64 { return p.StartTime })),
		number("proc.ppid.duration", Duration, "ns since the parent was made", func(v *View) (int64, bool) {
			p := parentOf(v.Ev.Proc)
			return sinceStart(v.Ev, p)
		}),
		number("proc.exe_ino", Int, "inode number of the executable", positive(func(p *pipeline.Process) int64 { return int64(p.ExeIno) })),
		number("proc.exe_ino.ctime", Time, "last change of the executable's inode", positive(func(p *pipeline.Process) int64 { return p.ExeCtime })),
		number("proc.exe_ino.mtime", Time, "last change of the executable's content", positive(func(p *pipeline.Process) int64 { return p.ExeMtime })),
		number("proc.exe_ino.ctime_duration_proc_start", Duration, "ns from the executable's last inode change to the start of the process", func(v *View) (int64, bool) {
			p := v.Ev.Proc
			return p.StartTime - p.ExeCtime, p.ExeCtime != 0 && p.StartTime != 0
		}),
		number("proc.exe_ino.ctime_duration_pidns_start", Duration, "ns from the start of the pid namespace to the executable's last inode change; 0 when that was before", func(v *View) (int64, bool) {
			p := v.Ev.Proc
			return max(p.ExeCtime-p.PidNSStart, 0), p.ExeCtime != 0 && p.PidNSStart != 0
		}),
		number("proc.pidns_init_start_ts", Time, "when the pid namespace's first process was made", positive(pidNSStart)),
		number("container.start_ts", Time, "when the container's first process was made; on the host, when the machine started", positive(pidNSStart)),
		number("container.duration", Duration, "ns since the container's first process was made", since(pidNSStart)),
		flag("proc.is_exe_upper_layer", "the executable is in the upper layer of an overlay: not part of the image", func(p *pipeline.Process) bool { return p.ExeUpperLayer }),
		flag("proc.is_exe_lower_layer", "the executable is in a lower layer of an overlay", func(p *pipeline.Process) bool { return p.ExeLowerLayer }),
		flag("proc.is_exe_from_memfd", "the executable is an anonymous file in memory", func(p *pipeline.Process) bool { return p.ExeMemfd }),
		flag("proc.is_exe_writable", "the process's user may write the executable", func(p *pipeline.Process) bool { return p.ExeWritable }),
		flag("proc.is_sid_leader", "the process leads its session", func(p *pipeline.Process) bool { return p.SID == p.PID }),
		flag("proc.is_pgid_leader", "the process leads its process group", func(p *pipeline.Process) bool { return p.PGID == p.PID }),
		flag("proc.is_vpgid_leader", "the process leads its process group, in the innermost pid namespace", func(p *pipeline.Process) bool { return p.VPGID == p.VPID }),
	}
}

// own is a string of the event's own process.
func own(name, doc string, f ofProcess) Def {
	return str(name, doc, func(v *View) (string, bool) { return f(v, v.Ev.Proc) })
}

// withElements lets transformers have the elements that a text is joined of.
func withElements(d Def, of func(*pipeline.Process) []string) Def {
	d.get.List = func(v *View) ([]string, bool) { return of(v.Ev.Proc), true }
	return d
}

func indexed(d Def, at func(v *View, index int) (string, bool)) Def {
	d.Arg = MayIndex
	d.bind = func(arg string) (Getter, error) {
		index, err := parseIndex(arg)
		return Getter{Str: func(v *View) (string, bool) { return at(v, index) }}, err
	}
	return d
}

func keyed(d Def, of func(v *View, key string) (string, bool)) Def {
	d.Arg = MayKey
	d.bind = func(arg string) (Getter, error) {
		return Getter{Str: func(v *View) (string, bool) { return of(v, arg) }}, nil
	}
	return d
}

func flag(name, doc string, f func(*pipeline.Process) bool) Def {
	return boolean(name, doc, func(v *View) (value, ok bool) { return f(v.Ev.Proc), true })
}

// positive is a number of the event's process that is null when it is 0.
func positive(f func(*pipeline.Process) int64) func(*View) (int64, bool) {
	return func(v *View) (int64, bool) {
		n := f(v.Ev.Proc)
		return n, n != 0
	}
}

func ofParent(f func(*pipeline.Process) int64) func(*View) (int64, bool) {
	return func(v *View) (int64, bool) {
		p := parentOf(v.Ev.Proc)
		if p == nil {
			return 0, false
		}
		n := f(p)
		return n, n != 0
	}
}

func since(start func(*pipeline.Process) int64) func(*View) (int64, bool) {
	return func(v *View) (int64, bool) {
		t := start(v.Ev.Proc)
		return v.Ev.Time - t, t != 0
	}
}

func sinceStart(ev *pipeline.Event, p *pipeline.Process) (int64, bool) {
	if p == nil || p.StartTime == 0 {
		return 0, false
	}
	return ev.Time - p.StartTime, true
}

// orUnknown is s, or the filler for a process of which nothing is known.
func orUnknown(s string, p *pipeline.Process) (string, bool) {
	if s == "" && !p.Known {
		return unknown, true
	}
	return s, true
}

func pidNSStart(p *pipeline.Process) int64 { return p.PidNSStart }

func comm(_ *View, p *pipeline.Process) (string, bool)    { return orUnknown(p.Comm, p) }
func exe(_ *View, p *pipeline.Process) (string, bool)     { return orUnknown(p.Exe, p) }
func exePath(_ *View, p *pipeline.Process) (string, bool) { return orUnknown(p.ExePath, p) }
func cwd(_ *View, p *pipeline.Process) (string, bool)     { return orUnknown(p.CWD, p) }

func cmdline(v *View, p *pipeline.Process) (string, bool) {
	if p.Cmdline == "" && len(p.Args) > 0 {
		return v.line(p.Comm, p), true
	}
	return orUnknown(p.Cmdline, p)
}

func exeline(v *View, p *pipeline.Process) (string, bool) { return v.line(p.Exe, p), true }

// line is first and p's arguments with blanks between them.
func (v *View) line(first string, p *pipeline.Process) string {
	if len(p.Args) == 0 {
		return first
	}
	return v.Build(func(dst []byte) []byte {
		dst = append(dst, first...)
		for _, a := range p.Args {
			dst = append(append(dst, ' '), a...)
		}
		return dst
	})
}

// args is usually the tail of the command line, which decode has put together already.
func args(v *View, p *pipeline.Process) (string, bool) {
	if tail, ok := strings.CutPrefix(p.Cmdline, p.Comm); ok && strings.HasPrefix(tail, " ") {
		return tail[1:], true
	}
	return v.join(p.Args, ' '), true
}

// argAt is argument n counted from 0, or "" when there are fewer.
func argAt(v *View, n int) (string, bool) {
	if n >= len(v.Ev.Proc.Args) {
		return "", true
	}
	return v.Ev.Proc.Args[n], true
}

func env(v *View, p *pipeline.Process) (string, bool) { return v.join(p.Env, ' '), true }

// envOf is the value of a variable without blanks around it, or "" when it is not set.
func envOf(v *View, key string) (string, bool) { return variable(v.Ev.Proc, key), true }

func variable(p *pipeline.Process, key string) string {
	for _, e := range p.Env {
		if rest, ok := strings.CutPrefix(e, key); ok && strings.HasPrefix(rest, "=") {
			return strings.Trim(rest[1:], " ")
		}
	}
	return ""
}
