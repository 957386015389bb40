package filter

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// The words of random rules and events: few and alike, so that they meet.
var (
	words      = []string{"", "a", "ab", "AB", "b", "/a", "/a/b", "/a//b/", "YQ==", "YQBi", "YQ", "-a", "%%"}
	patterns   = []string{"*", "a*", "?b", "/a", "/*/b", "a", "/"}
	argWords   = []string{"-a", "-ab", "-bx", "-b", "x", "--", "--long", "-", "", "-z"}
	addresses  = []string{"10.0.0.1", "10.0.0.2", "172.16.0.9", "::1", "2001:db8::1"}
	networks   = []string{"10.0.0.0/8", "10.0.0.1/32", "172.16.0.0/12", "::/0", "2001:db8::/32"}
	eventTypes = []pipeline.EventType{pipeline.EventOpen, pipeline.EventConnect, pipeline.EventSendto, pipeline.EventExecve}
)

func sample(t *rapid.T, from []string) string { return rapid.SampledFrom(from).Draw(t, "word") }

func quotedWord(t *rapid.T, from []string) string { return syntax.Quote(sample(t, from)) }

func listOf(t *rapid.T, from []string) string {
	var items []string
	for range rapid.IntRange(0, 3).Draw(t, "items") {
		items = append(items, quotedWord(t, from))
	}
	return "(" + strings.Join(items, ", ") + ")"
}

// drawString is an operand whose value is a string.
func drawString(t *rapid.T, depth int) string {
	if depth > 0 && rapid.Bool().Draw(t, "transformed") {
		inner := func() string { return drawString(t, depth-1) }
		switch rapid.IntRange(0, 6).Draw(t, "transformer") {
		case 0:
			return "tolower(" + inner() + ")"
		case 1:
			return "toupper(" + inner() + ")"
		case 2:
			return "basename(" + inner() + ")"
		case 3:
			return "b64(" + inner() + ")"
		case 4:
			return fmt.Sprintf("concat(%s, %q, %s)", inner(), sample(t, words[:6]), inner())
		case 5:
			return fmt.Sprintf("join(%q, %s)", sample(t, words[:3]), drawList(t))
		default:
			return fmt.Sprintf(`getopt(proc.args, "ab:")[%s]`, sample(t, []string{"a", "b", "z"}))
		}
	}
	return sample(t, []string{"proc.name", "proc.pname", "fd.name", "fd.nameraw", "proc.args", "proc.args[1]", "proc.cmdline", "proc.exepath"})
}

func drawList(t *rapid.T) string {
	switch rapid.IntRange(0, 2).Draw(t, "list") {
	case 0:
		return "proc.args"
	case 1:
		return `getopt(proc.args, "ab:")`
	default:
		return fmt.Sprintf("(%s, %q, proc.name)", drawString(t, 1), sample(t, words[:6]))
	}
}

func drawAnyCheck(t *rapid.T) string {
	equality := func() string { return sample(t, []string{"=", "!="}) }
	order := func() string { return sample(t, []string{"=", "!=", "<", "<=", ">", ">="}) }
	modifier := func() string { return sample(t, []string{"oneof", "anyof", "allof"}) }
	stringOps := []string{"=", "!=", "contains", "icontains", "startswith", "endswith", "glob", "iglob"}
	number := func() string { return sample(t, []string{"-1", "0", "1", "2", "3"}) }
	switch rapid.IntRange(0, 17).Draw(t, "check") {
	case 0:
		return fmt.Sprintf("%s %s %s", drawString(t, 2), sample(t, stringOps[:6]), quotedWord(t, words))
	case 1:
		return fmt.Sprintf("%s %s %s", drawString(t, 1), sample(t, []string{"glob", "iglob"}), quotedWord(t, patterns))
	case 2:
		return fmt.Sprintf("%s %s %s %s", drawString(t, 1), sample(t, stringOps[:6]), modifier(), listOf(t, words))
	case 3:
		return fmt.Sprintf("%s %s %s", drawString(t, 1), sample(t, []string{"in", "intersects"}), listOf(t, words))
	case 4:
		return fmt.Sprintf("fd.name pmatch %s", listOf(t, patterns))
	case 5:
		return fmt.Sprintf(`proc.name regex "%s"`, sample(t, []string{"a", "a|ab", "(a|b)*", "[^b]+", ".", "", "a?b?"}))
	case 6:
		return fmt.Sprintf("%s %s val(%s)", drawString(t, 1), sample(t, stringOps), sample(t, []string{"proc.name", "proc.pname", "fd.name"}))
	case 7:
		return fmt.Sprintf("%s in tolower(proc.name)", drawString(t, 1))
	case 8:
		return fmt.Sprintf("%s %s %s", sample(t, []string{"evt.rawres", "fd.num", "proc.pid", "evt.num", "user.uid"}), order(), number())
	case 9:
		return fmt.Sprintf("%s %s (%s, %s)", sample(t, []string{"evt.rawres in", "evt.rawres = oneof", "evt.rawres != allof", "proc.pid intersects"}), "", number(), number())
	case 10:
		return fmt.Sprintf("len(%s) %s %s", rapid.SampledFrom([]string{drawString(t, 1), `getopt(proc.args, "ab:")`, "(proc.name)", "evt.buffer", "b64(evt.buffer)"}).Draw(t, "arg"), order(), number())
	case 11:
		return fmt.Sprintf("%s %s %s", sample(t, []string{"fd.sip", "fd.cip", "fd.rip", "fd.ip"}), equality(), sample(t, addresses))
	case 12:
		return fmt.Sprintf("%s %s %s", sample(t, []string{"fd.snet", "fd.net", "fd.cnet"}), sample(t, []string{"in", "= anyof", "!= allof", "= oneof"}), listOf(t, networks))
	case 13:
		return fmt.Sprintf("fd.port %s %s", order(), number())
	case 14:
		return fmt.Sprintf("proc.aname %s %s", sample(t, stringOps[:6]), quotedWord(t, words[:6]))
	case 15:
		return sample(t, []string{"proc.aname exists", "proc.aname[2] exists", "proc.pname exists", "fd.sip exists", "fd.name exists", "proc.apid > 1",
			"proc.aargs contains a", `proc.aenv contains "K=a"`, "proc.aenv[K] = a", "proc.aname = allof (a, b)", "evt.failed = true",
			"evt.failed in (true, false)", "evt.failed = oneof (true, false)", "evt.failed != allof (true)", "evt.buffer exists"})
	case 16:
		return fmt.Sprintf("%s %s %s", sample(t, []string{`getopt(proc.args, "ab:")`, "fd.types"}), sample(t, []string{"in", "intersects"}), listOf(t, []string{"a", "b", "x", "?", "ipv4", "file"}))
	default:
		return rapid.SampledFrom([]string{"evt.buffer = a", "evt.buffer bcontains 61", "evt.buffer bstartswith 6100", "evt.buffer contains a", "b64(evt.buffer) != a",
			"evt.type = open", "evt.type in (connect, sendto)", "evt.type != execve", "evt.num = 0", "fd.sip = val(fd.rip)", "proc.pid = val(proc.ppid)",
			"fd.sport in (1, 3)"}).Draw(t, "other")
	}
}

func drawTreeOfChecks(t *rapid.T, depth int) string {
	if depth == 0 {
		return drawAnyCheck(t)
	}
	switch rapid.IntRange(0, 3).Draw(t, "node") {
	case 0:
		return "not (" + drawTreeOfChecks(t, depth-1) + ")"
	case 1:
		return "(" + drawTreeOfChecks(t, depth-1) + " or " + drawTreeOfChecks(t, depth-1) + ")"
	default:
		return "(" + drawTreeOfChecks(t, depth-1) + " and " + drawTreeOfChecks(t, depth-1) + ")"
	}
}

// drawWorld is a random event, and what the reference knows of it.
func drawWorld(t *rapid.T) (*pipeline.Event, values) {
	ev := of(rapid.SampledFrom(eventTypes).Draw(t, "type"), nil)
	p := ev.Proc
	p.PID, p.PPID = int32(rapid.IntRange(1, 3).Draw(t, "pid")), 2
	p.Comm, p.ExePath, p.EUID = sample(t, words), sample(t, words), rapid.SampledFrom([]uint32{0, 1, pipeline.UnsetUID}).Draw(t, "uid")
	p.Args = rapid.SliceOfN(rapid.SampledFrom(argWords), 0, 4).Draw(t, "args")
	p.Cmdline = strings.TrimSpace(p.Comm + " " + strings.Join(p.Args, " "))
	if len(p.Args) > 0 {
		p.Cmdline = p.Comm + " " + strings.Join(p.Args, " ")
	}
	ev.Num, ev.Ret = uint64(rapid.IntRange(1, 3).Draw(t, "num")), int64(rapid.IntRange(-1, 3).Draw(t, "ret"))
	vals := values{
		"proc.name": p.Comm, "proc.exepath": p.ExePath, "proc.cmdline": p.Cmdline, "proc.args": strings.Join(p.Args, " "), "proc.args as list": p.Args,
		"proc.args[1]": "", "proc.pid": int64(p.PID), "proc.ppid": int64(2), "user.uid": p.EUID, "evt.num": ev.Num, "evt.rawres": ev.Ret,
		"evt.type": ev.Type.String(), "evt.failed": ev.Ret < 0, "proc.aenv[K]": "",
	}
	if len(p.Args) > 1 {
		vals["proc.args[1]"] = p.Args[1]
	}
	drawAncestors(t, p, vals)
	switch ev.Type {
	case pipeline.EventOpen:
		drawFile(t, ev, vals)
	case pipeline.EventConnect, pipeline.EventSendto:
		drawSocket(t, ev, vals)
	}
	if ev.Type == pipeline.EventSendto {
		ev.Data = sample(t, append([]string{"a\x00b", "a"}, words...))
		vals["evt.buffer"] = bytesValue(ev.Data)
	}
	return ev, vals
}

func drawAncestors(t *rapid.T, p *pipeline.Process, vals values) {
	var names, pids, envs ofAncestors
	args := ""
	for i := range rapid.IntRange(0, 3).Draw(t, "ancestors") {
		a := &pipeline.Process{Known: true, PID: int32(i + 1), Comm: sample(t, words[:6]), Args: []string{sample(t, words[:4])}}
		if rapid.Bool().Draw(t, "env") {
			a.Env = []string{"K=" + sample(t, words[:4])}
		}
		p.Parent = a
		p = a
		names, pids, envs = append(names, a.Comm), append(pids, int64(a.PID)), append(envs, strings.Join(a.Env, " "))
		if args != "" {
			args += " "
		}
		args += a.Args[0]
		if vals["proc.aenv[K]"] == "" && len(a.Env) > 0 {
			vals["proc.aenv[K]"] = strings.TrimPrefix(a.Env[0], "K=")
		}
	}
	if len(names) == 0 {
		return
	}
	vals["proc.aname"], vals["proc.apid"], vals["proc.aenv"], vals["proc.pname"] = names, pids, envs, names[0]
	if len(names) > 1 {
		vals["proc.aname[2]"] = names[1]
	}
	if args != "" {
		vals["proc.aargs"] = args
	}
}

func drawFile(t *rapid.T, ev *pipeline.Event, vals values) {
	ev.FD = pipeline.FD{Kind: pipeline.FDFile, Num: 3, Name: sample(t, words), Raw: sample(t, []string{"a", "/a", "/a/b"})}
	vals["fd.name"], vals["fd.nameraw"], vals["fd.num"], vals["fd.types"] = ev.FD.Name, ev.FD.Raw, int64(3), []string{"file"}
}

func drawSocket(t *rapid.T, ev *pipeline.Event, vals values) {
	end := func() netip.AddrPort {
		if rapid.IntRange(0, 3).Draw(t, "known") == 0 {
			return netip.AddrPort{}
		}
		return netip.AddrPortFrom(netip.MustParseAddr(sample(t, addresses)), uint16(rapid.IntRange(0, 3).Draw(t, "port")))
	}
	client, server := end(), end()
	ev.FD = pipeline.FD{Kind: pipeline.FDIPv4, Num: 4, Name: "x", Client: client, Server: server, Remote: server}
	vals["fd.name"], vals["fd.nameraw"], vals["fd.num"], vals["fd.types"] = "x", "", int64(4), []string{"ipv4"}
	var ips, nets, ports bothEnds
	for i, e := range []netip.AddrPort{client, server} {
		if !e.IsValid() {
			continue
		}
		ips[i], nets[i], ports[i] = e.Addr(), network(e.Addr()), e.Port()
		prefix := []string{"fd.c", "fd.s"}[i]
		vals[prefix+"ip"], vals[prefix+"net"], vals[prefix+"port"] = e.Addr(), network(e.Addr()), e.Port()
	}
	if server.IsValid() {
		vals["fd.rip"] = server.Addr()
	}
	if client.IsValid() || server.IsValid() {
		vals["fd.ip"], vals["fd.net"], vals["fd.port"] = ips, nets, ports
	}
}

// What the compiled rules say, found over the index, is what the reference says.
func TestCompiledAgreesWithReference(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := NewProgram()
		var conditions []*Condition
		var trees []syntax.Node
		for range rapid.IntRange(1, 25).Draw(rt, "rules") {
			n, err := syntax.Parse(syntax.NewText(drawTreeOfChecks(rt, rapid.IntRange(0, 3).Draw(rt, "depth")), syntax.Pos{Line: 1, Col: 1}))
			if err != nil {
				rt.Fatal(err)
			}
			c, err := p.Compile(n)
			if err != nil {
				rt.Fatalf("Compile(%s): %v", n, err)
			}
			trees, conditions = append(trees, n), append(conditions, c)
		}
		x, e := NewIndex(p, conditions), NewEvaluator(p)
		written := newWrittenDown(rt, trees)
		for range 12 {
			ev, vals := drawWorld(rt)
			e.Reset(ev)
			candidates := slices.Clone(e.Candidates(x))
			for i, c := range conditions {
				got := slices.Contains(candidates, int32(i)) && e.Match(c)
				if want := vals.holds(trees[i]); got != want {
					rt.Fatalf("%s = %v, want %v\nof %v", trees[i], got, want, vals)
				}
				if asked := p.Tree(c).Eval(e.View(), func(*Tree, bool) {}); asked != got {
					rt.Fatalf("%s = %v part by part, want %v\nof %v", trees[i], asked, got, vals)
				}
				if as := written.match(rt, i, c, ev); as != got {
					rt.Fatalf("%s = %v when written down field by field, want %v\nof %v", trees[i], as, got, vals)
				}
			}
		}
	})
}
