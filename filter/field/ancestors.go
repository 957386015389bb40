package field

import (
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

func ancestorFields() []Def {
	return []Def{
		parent("proc.pname", "name of the parent", comm),
		parent("proc.pexe", "argv[0] of the parent", exe),
		parent("proc.pexepath", "executable of the parent", exePath),
		parent("proc.pcmdline", "command line of the parent", cmdline),
		ancestor("proc.aname", "name of ancestor [n]: 0 the process itself, 1 its parent; without index any ancestor", comm),
		ancestor("proc.aexe", "argv[0] of ancestor [n]", exe),
		ancestor("proc.aexepath", "executable of ancestor [n]", exePath),
		ancestor("proc.acmdline", "command line of ancestor [n]", cmdline),
		ancestorPID(),
		own("proc.sname", "name of the session's leader, or of the eldest known ancestor in the session", leader(sameSession, comm)),
		own("proc.sid.exe", "argv[0] of the session's leader", leader(sameSession, exe)),
		own("proc.sid.exepath", "executable of the session's leader", leader(sameSession, exePath)),
		own("proc.pgid.name", "name of the process group's leader", leader(sameGroup, comm)),
		own("proc.pgid.exe", "argv[0] of the process group's leader", leader(sameGroup, exe)),
		own("proc.pgid.exepath", "executable of the process group's leader", leader(sameGroup, exePath)),
		own("proc.vpgid.name", "name of the process group's leader, in the innermost pid namespace", leader(sameVGroup, comm)),
		own("proc.vpgid.exe", "argv[0] of the process group's leader, in the innermost pid namespace", leader(sameVGroup, exe)),
		own("proc.vpgid.exepath", "executable of the process group's leader, in the innermost pid namespace", leader(sameVGroup, exePath)),
		number("proc.loginshellid", Int, "process id of the eldest ancestor whose name ends in sh", loginShell),
	}
}

func parent(name, doc string, f ofProcess) Def {
	return str(name, doc, func(v *View) (string, bool) {
		if p := parentOf(v.Ev.Proc); p != nil {
			return f(v, p)
		}
		return "", false
	})
}

func ancestor(name, doc string, f ofProcess) Def {
	return Def{
		Name: name, Type: String, Doc: doc, Arg: MayIndex, get: Getter{OfProcess: f},
		bind: func(arg string) (Getter, error) {
			n, err := parseIndex(arg)
			return Getter{Str: func(v *View) (string, bool) {
				if p := up(v.Ev.Proc, n); p != nil {
					return f(v, p)
				}
				return "", false
			}}, err
		},
	}
}

func ancestorPID() Def {
	pid := func(_ *View, p *pipeline.Process) (int64, bool) { return int64(p.PID), true }
	return Def{
		Name: "proc.apid", Type: Int, Doc: "process id of ancestor [n]", Arg: MayIndex, get: Getter{IntOfProcess: pid},
		bind: func(arg string) (Getter, error) {
			n, err := parseIndex(arg)
			return Getter{Int: func(v *View) (int64, bool) {
				if p := up(v.Ev.Proc, n); p != nil {
					return pid(v, p)
				}
				return 0, false
			}}, err
		},
	}
}

// up is the process n generations up, or nil.
func up(p *pipeline.Process, n int) *pipeline.Process {
	for ; n > 0 && p != nil; n-- {
		p = parentOf(p)
	}
	return p
}

func sameSession(a, b *pipeline.Process) bool { return a.SID == b.SID }
func sameGroup(a, b *pipeline.Process) bool   { return a.PGID == b.PGID }
func sameVGroup(a, b *pipeline.Process) bool  { return a.VPGID == b.VPGID && a.PidNS == b.PidNS }

// leader reads the eldest of the process and its consecutive ancestors that share a session or group.
func leader(same func(a, b *pipeline.Process) bool, f ofProcess) ofProcess {
	return func(v *View, p *pipeline.Process) (string, bool) {
		if !p.Known {
			return "", false
		}
		eldest := p
		Ancestors(v.Ev, func(a *pipeline.Process) bool {
			if !same(a, p) {
				return false
			}
			eldest = a
			return true
		})
		return f(v, eldest)
	}
}

func loginShell(v *View) (int64, bool) {
	pid, ok := int64(0), false
	look := func(p *pipeline.Process) bool {
		if strings.HasSuffix(p.Comm, "sh") {
			pid, ok = int64(p.PID), true
		}
		return true
	}
	look(v.Ev.Proc)
	Ancestors(v.Ev, look)
	return pid, ok
}
