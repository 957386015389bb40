package filter

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// family is a process with a parent and a grandparent.
func family() *pipeline.Event {
	ev := parent("bash")
	ev.Proc.Args, ev.Proc.Env = []string{"own"}, []string{"K=own"}
	ev.Proc.Parent.Args, ev.Proc.Parent.Env = []string{"-c", "x"}, []string{"OTHER=1"}
	ev.Proc.Parent.Parent = &pipeline.Process{Known: true, PID: 1, Comm: "init", Args: []string{"splash"}, Env: []string{"K= far "}}
	return ev
}

// Each is a row of the table of quirks in docs/falco-compatibility.md, under the same words.
func TestQuirks(t *testing.T) {
	conn := socket(pipeline.FDIPv4, "1.1.1.1:1", "172.16.3.4:2")
	directory := of(pipeline.EventOpen, func(ev *pipeline.Event) { ev.Flag = unix.O_DIRECTORY })
	mounted := of(pipeline.EventExecve, func(ev *pipeline.Event) {
		ev.Proc.ContainerID = "c"
		ev.Proc.Container = &pipeline.Container{Complete: true, Mounts: []pipeline.Mount{{Source: "/etcx", Dest: "/a"}, {Source: "/proc/1", Dest: "/b", Writable: true}}}
	})
	link := of(pipeline.EventLink, func(ev *pipeline.Event) {
		ev.Path[0], ev.Path[1] = pipeline.Path{Raw: "/old", Name: "/old", Set: true}, pipeline.Path{Raw: "/new", Name: "/new", Set: true}
	})
	failedOpen := of(pipeline.EventOpen, func(ev *pipeline.Event) {
		ev.Ret, ev.FD = -2, pipeline.FD{Kind: pipeline.FDUnknown, Num: -1, Name: "/x"}
	})
	none := of(pipeline.EventMkdirat, func(ev *pipeline.Event) { ev.FD = pipeline.FD{Kind: pipeline.FDUnknown, Num: unix.AT_FDCWD} })
	listener := socket(pipeline.FDIPv4, "", "0.0.0.0:22")
	check(t, map[string]verdict{
		"fd.net in tests the first network":              {"fd.net in (10.0.0.0/8, 172.16.0.0/12)", conn, false},
		"fd.net in with the network in front":            {"fd.net in (172.16.0.0/12, 10.0.0.0/8)", conn, true},
		"backslash blank is a backslash":                 {`proc.args contains "\ "`, arguments(`a\b`), true},
		"proc.aargs is one text":                         {`proc.aargs = "-c x splash"`, family(), true},
		"proc.aargs, one ancestor":                       {`proc.aargs[1] = "-c x" and proc.aargs[0] = own`, family(), true},
		"proc.aargs without ancestors":                   {"proc.aargs exists", named("x"), false},
		"proc.aenv is any ancestor":                      {`proc.aenv = "OTHER=1"`, family(), true},
		"proc.aenv is not the process":                   {`proc.aenv contains own`, family(), false},
		"proc.aenv by name is the nearest":               {"proc.aenv[K] = far and proc.aenv[NONE] = \"\"", family(), true},
		"proc.aenv by number":                            {`proc.aenv[0] = "K=own" and not proc.aenv[3] exists`, family(), true},
		"an ancestor differs":                            {"proc.aname != init", family(), true},
		"an empty list is in any list":                   {`getopt(proc.args, "x") in (a)`, named("x"), true},
		"nothing is in an empty list":                    {`getopt(proc.args, "x") in ()`, named("x"), false},
		"O_DIRECTORY counts as O_TMPFILE":                {"evt.is_open_create = true and evt.arg.flags endswith O_TMPFILE", directory, true},
		"a failed open has type o":                       {"fd.typechar = o and fd.num = -1", failedOpen, true},
		"a descriptor nobody knows has an empty name":    {`fd.name = "" and fd.directory = / and not fd.type exists`, none, true},
		"link is reversed":                               {"fs.path.source = /new and fs.path.target = /old", link, true},
		"a mount is found by a glob":                     {"container.mount.dest[/etc*] = /a and container.mount.dest[/proc] exists", mounted, false},
		"a mount by a glob of its source":                {"container.mount.dest[/proc/*] = /b and container.mount.source[/b] = /proc/1 and container.mount.rdwr[1] = true", mounted, true},
		"a missing mount passes a negated comparison":    {`not container.mount.dest[/nowhere] in ("<NA>", "N/A")`, mounted, true},
		"a negative number wraps":                        {"evt.num < -1 and fd.sport = 22", listener, true},
		"ports as text are decimal":                      {`fd.sproto = 22`, listener, true},
		"fd.types is the event's own":                    {"fd.types in (ipv4) and fd.types[3] intersects (ipv4, x) and not fd.types[4] exists", conn, true},
		"1 for an event's type":                          {"evt.type.is.connect = 1 and evt.type.is.read = 0", conn, true},
		"an error counts 1, a success 0":                 {"evt.count.error = 1 and evt.count.error.file = 1 and not evt.count.error.net exists", failedOpen, true},
		"a connect is about a socket":                    {"evt.count.error.net = 0 and evt.category = net and evt.is_io = false", conn, true},
		"latency is 0 and the direction is the way back": {"evt.latency = 0 and evt.dir = <", conn, true},
	})
	for sentence, c := range map[string]struct {
		text string
		ev   *pipeline.Event
		want string
	}{
		"proc.apid prints the process":            {"%proc.apid %proc.apid[1]", family(), "10 2"},
		"proc.aenv prints the process":            {"%proc.aenv", family(), "K=own"},
		"proc.aname prints all ancestors":         {"%proc.aname", family(), "bash init"},
		"lists in outputs":                        {`%fd.types %getopt(proc.args,"ab:") %len(proc.args)`, arguments("-a", "-b", "v"), "<NA> (a,b,v) 7"},
		"a list with one element":                 {"%fd.types", conn, "(ipv4)"},
		"an empty list prints":                    {`%getopt(proc.args, "a")`, named("x"), "()"},
		"a star in front is not printed":          {"*%proc.name", named("x"), "x"},
		"container.info prints nothing":           {"a%container.info b", named("x"), "a b"},
		"mounts in outputs":                       {"%container.mounts", mounted, "/etcx:/a::false:,/proc/1:/b::true:"},
		"nested transformers in outputs":          {`%toupper(concat(proc.name, "-", basename(proc.cmdline)))`, arguments("/a/b"), "BASH-B"},
		"text ends at its first NUL":              {"[%b64(proc.args)] %len(b64(proc.args))", arguments("YQBi"), "[a] 3"},
		"raw arguments are numbers and bare text": {"%evt.rawarg.res %evt.rawarg.oldpath %evt.rawarg.flags", link, "0 /old <NA>"},
	} {
		t.Run(sentence, func(t *testing.T) {
			if got := format(t, c.text, c.ev); got != c.want {
				t.Errorf("%q = %q, want %q", c.text, got, c.want)
			}
		})
	}
}

// Putting text together costs no allocation once the View's memory has grown.
func TestTransformersDoNotAllocate(t *testing.T) {
	p := NewProgram()
	var conditions []*Condition
	for _, text := range []string{
		`concat(proc.name, "-", proc.cmdline) = x`, `join(",", proc.args) contains "a,b"`, `getopt(proc.args, "ab:")[b] = v`,
		`getopt(proc.args, "ab:") in (a, b)`, `toupper(b64(proc.args)) = X`, `len((proc.name, "x")) > 3`, "proc.aargs contains q",
		"proc.aenv contains q", "proc.aenv[K] = q", "fd.types in (file, ipv4)", "proc.name = allof (a, b)", "fd.ip = oneof (1.2.3.4, ::1)",
	} {
		conditions = append(conditions, compile(t, p, text))
	}
	ev := family()
	ev.Proc.Args = []string{"-a", "-b", "v", "YWJj"}
	e := NewEvaluator(p)
	n := testing.AllocsPerRun(20, func() {
		e.Reset(ev)
		for _, c := range conditions {
			e.Match(c)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
