package field

import (
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

func ancestorFields() []Def {
	return []Def{
		ancestryField(),
		parent("proc.pname", "name of the parent", comm),
		parent("proc.pexe", "argv[0] of the parent", exe),
		parent("proc.pexepath", "executable of the parent", exePath),
		parent("proc.pcmdline", "command line of the parent", cmdline),
		ancestor("proc.aname", "name of ancestor [n]: 0 the process itself, 1 its parent; without index any ancestor", comm),
		ancestor("proc.aexe", "argv[0] of ancestor [n]", exe),
		ancestor("proc.aexepath", "executable of ancestor [n]", exePath),
		ancestor("proc.acmdline", "command line of ancestor [n]", cmdline),
		ancestorPID(),
		ancestorArgs(),
		ancestorEnv(),
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
		Name: name, Type: String, Doc: doc, Arg: MayIndex, Plain: true, get: Getter{OfProcess: f},
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
		Name: "proc.apid", Type: Int, Doc: "process id of ancestor [n]; without index any ancestor, in outputs the process itself",
		Arg: MayIndex, Plain: true,
		get: Getter{IntOfProcess: pid, Int: func(v *View) (int64, bool) { return pid(v, v.Ev.Proc) }},
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

// ancestorArgs: without index it is one text, not one for each ancestor, as in Falco.
func ancestorArgs() Def {
	return Def{
		Name: "proc.aargs", Type: String, Doc: "arguments of ancestor [n]; without index those of all ancestors, joined by blanks", Arg: MayIndex,
		get: Getter{Str: func(v *View) (string, bool) {
			s := v.Build(func(dst []byte) []byte {
				start := len(dst)
				Ancestors(v.Ev, func(p *pipeline.Process) bool {
					if len(dst) > start {
						dst = append(dst, ' ')
					}
					dst = appendJoined(dst, p.Args, ' ')
					return true
				})
				return dst
			})
			return s, s != ""
		}},
		bind: func(arg string) (Getter, error) {
			n, err := parseIndex(arg)
			return Getter{
				Str: func(v *View) (string, bool) {
					if p := up(v.Ev.Proc, n); p != nil {
						return args(v, p)
					}
					return "", false
				},
				List: func(v *View) ([]string, bool) {
					if p := up(v.Ev.Proc, n); p != nil {
						return p.Args, true
					}
					return nil, false
				},
			}, err
		},
	}
}

// envGenerations is how many ancestors are asked for a variable.
const envGenerations = 20

// ancestorEnv is any ancestor's environment in conditions, and the process's own in outputs, as in Falco.
func ancestorEnv() Def {
	return Def{
		Name: "proc.aenv", Type: String, Arg: MayKey, Plain: true,
		Doc: "environment of ancestor [n], or the variable [NAME] of the nearest ancestor that has it; without either any ancestor's, in outputs the process's own",
		get: Getter{OfProcess: env, Str: func(v *View) (string, bool) { return env(v, v.Ev.Proc) }},
		bind: func(arg string) (Getter, error) {
			if n, err := parseIndex(arg); err == nil {
				return Getter{Str: func(v *View) (string, bool) {
					if p := up(v.Ev.Proc, n); p != nil {
						return env(v, p)
					}
					return "", false
				}}, nil
			}
			return Getter{Str: func(v *View) (value string, ok bool) {
				n := 0
				Ancestors(v.Ev, func(p *pipeline.Process) bool {
					value = variable(p, arg)
					n++
					return value == "" && n < envGenerations
				})
				return value, true
			}}, nil
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
