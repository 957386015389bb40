package filter

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// process is a known process on the host.
func process(change func(*pipeline.Process)) *pipeline.Process {
	p := &pipeline.Process{Known: true, PID: 10, Comm: "bash", Cmdline: "bash", Container: &pipeline.Container{Type: "host", Complete: true}}
	if change != nil {
		change(p)
	}
	return p
}

// of is an event of a process on the host.
func of(t pipeline.EventType, change func(*pipeline.Event)) *pipeline.Event {
	ev := &pipeline.Event{Type: t, Num: 1, Source: "syscall", HasRet: true, Proc: process(nil)}
	if change != nil {
		change(ev)
	}
	return ev
}

// socket is a connect event between two addresses; "" leaves an end out.
func socket(kind pipeline.FDKind, client, server string) *pipeline.Event {
	return of(pipeline.EventConnect, func(ev *pipeline.Event) {
		ev.FD = pipeline.FD{Kind: kind, Num: 3}
		if client != "" {
			ev.FD.Client = netip.MustParseAddrPort(client)
			ev.FD.Local = ev.FD.Client
		}
		if server != "" {
			ev.FD.Server = netip.MustParseAddrPort(server)
			ev.FD.Remote = ev.FD.Server
		}
	})
}

func opened(path string) *pipeline.Event {
	return of(pipeline.EventOpenat, func(ev *pipeline.Event) {
		ev.Ret = 3
		ev.FD = pipeline.FD{Kind: pipeline.FDFile, Num: 3, Name: path, Raw: path}
		ev.Path[0] = pipeline.Path{Raw: path, Name: path, Set: true}
	})
}

func parent(name string) *pipeline.Event {
	return of(pipeline.EventExecve, func(ev *pipeline.Event) {
		ev.Proc.Parent = &pipeline.Process{Known: true, PID: 2, Comm: name}
	})
}

func named(name string) *pipeline.Event {
	return of(pipeline.EventExecve, func(ev *pipeline.Event) { ev.Proc.Comm = name })
}

// merged is an open in a root where /bin, /sbin, /lib* and /var/run are links.
func merged(path string) *pipeline.Event {
	ev := opened(path)
	ev.Proc.Links = pipeline.LinkUsr | pipeline.LinkRun
	return ev
}

func TestPathsOfAMergedUsr(t *testing.T) {
	check(t, map[string]verdict{
		"a prefix of old":                        {"fd.name startswith /bin/", merged("/usr/bin/ls"), true},
		"its directory":                          {"fd.directory in (/lib64, /x)", merged("/usr/lib64/y"), true},
		"/var/run":                               {"fd.name pmatch (/var/run/docker.sock)", merged("/run/docker.sock"), true},
		"a link by itself":                       {"fd.directory = /var/run", merged("/run/x"), true},
		"the resolved path matches too":          {"fd.name startswith /usr/bin/", merged("/usr/bin/ls"), true},
		"an exception of old":                    {"not fd.name startswith /lib/", merged("/usr/lib/y"), false},
		"unequal has to hold for both":           {"fd.name != /bin/ls", merged("/usr/bin/ls"), false},
		"unequal to both":                        {"fd.name != /bin/cat", merged("/usr/bin/ls"), true},
		"other directories of /usr have no link": {"fd.name startswith /share", merged("/usr/share/x"), false},
		"names that only begin like one":         {"fd.name startswith /lib", merged("/usr/libexec/x"), false},
		"a system without the links":             {"fd.name startswith /bin/", opened("/usr/bin/ls"), false},
		"a system without /var/run":              {"fd.name startswith /var/run", opened("/run/x"), false},
	})
}

func arguments(args ...string) *pipeline.Event {
	return of(pipeline.EventExecve, func(ev *pipeline.Event) {
		ev.Proc.Args = args
		ev.Proc.Cmdline = "bash " + strings.Join(args, " ")
	})
}

// holds compiles a condition and asks it about an event.
func holds(t *testing.T, condition string, ev *pipeline.Event) bool {
	t.Helper()
	n, err := syntax.Parse(syntax.NewText(condition, syntax.Pos{Line: 1, Col: 1}))
	if err != nil {
		t.Fatalf("Parse(%s): %v", condition, err)
	}
	p := NewProgram()
	c, err := p.Compile(n)
	if err != nil {
		t.Fatalf("Compile(%s): %v", condition, err)
	}
	e := NewEvaluator(p)
	e.Reset(ev)
	return e.Match(c)
}

type verdict struct {
	condition string
	ev        *pipeline.Event
	want      bool
}

func check(t *testing.T, cases map[string]verdict) {
	t.Helper()
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			if got := holds(t, c.condition, c.ev); got != c.want {
				t.Errorf("%s = %v, want %v", c.condition, got, c.want)
			}
		})
	}
}

// The numbers are those of the conformance vectors of the rule language; 21 to 26 are about text.
func TestVectors(t *testing.T) {
	orphan := of(pipeline.EventExecve, nil)
	incomplete := of(pipeline.EventExecve, func(ev *pipeline.Event) {
		ev.Proc.ContainerID = strings.Repeat("a", 64)
		ev.Proc.Container = &pipeline.Container{ID: ev.Proc.ContainerID}
	})
	ancestors := parent("bash")
	ancestors.Proc.Parent.Parent = &pipeline.Process{Known: true, PID: 1, Comm: "sshd"}
	failed := of(pipeline.EventOpenat, func(ev *pipeline.Event) {
		ev.Ret = -int64(unix.ENOENT)
		ev.FD = pipeline.FD{Kind: pipeline.FDUnknown, Num: -1, Name: "/etc/shadow", Raw: "/etc/shadow"}
	})
	mkdir := of(pipeline.EventMkdirat, func(ev *pipeline.Event) {
		ev.Args[0] = 1<<64 - 100 // AT_FDCWD
		ev.FD = pipeline.FD{Kind: pipeline.FDUnknown, Num: unix.AT_FDCWD}
		ev.Path[0] = pipeline.Path{Raw: "x", Name: "/a/x", Set: true}
	})
	unlink := of(pipeline.EventUnlinkat, func(ev *pipeline.Event) {
		ev.Path[0] = pipeline.Path{Raw: "/a//b", Name: "/a/b", Set: true}
	})
	check(t, map[string]verdict{
		"1: unequal is false of null":                         {"proc.pname != bash", orphan, false},
		"2: not equal is true of null":                        {"not proc.pname = bash", orphan, true},
		"3: null passes a guard against null":                 {"not proc.pname exists or proc.pname in (runc)", orphan, true},
		"4: an empty value exists":                            {"proc.pname exists", parent(""), true},
		"5: a host process has an empty image":                {`container.image.repository = ""`, orphan, true},
		"6: an image is null until the runtime has answered":  {"container.image.repository exists", incomplete, false},
		"6: not in is true of null":                           {"not container.image.repository in (a, b)", incomplete, true},
		"7: no descriptor is in no network":                   {`fd.net != "127.0.0.0/8"`, orphan, false},
		"7: a unix socket is in no network":                   {`fd.net != "127.0.0.0/8"`, socket(pipeline.FDUnix, "", ""), false},
		"8: the other family is unequal":                      {`fd.net != "127.0.0.0/8"`, socket(pipeline.FDIPv6, "[::1]:1", "[::1]:2"), true},
		"9: unequal wants both ends":                          {`fd.ip != "0.0.0.0"`, socket(pipeline.FDIPv4, "10.0.0.1:1", "0.0.0.0:2"), false},
		"10: a server in one of two networks":                 {`fd.snet in ("10.0.0.0/8","172.16.0.0/12")`, socket(pipeline.FDIPv4, "1.1.1.1:1", "172.16.3.4:2"), true},
		"11: of a list for both ends only the first counts":   {`fd.net in ("10.0.0.0/8","172.16.0.0/12")`, socket(pipeline.FDIPv4, "1.1.1.1:1", "172.16.3.4:2"), false},
		"12: pmatch takes a pattern for a part":               {"fd.name pmatch (/etc, /usr/lib*)", opened("/usr/lib64/x"), true},
		"12: pmatch takes whole parts":                        {"fd.name pmatch (/etc, /usr/lib*)", opened("/etcx"), false},
		"13: a glob's star crosses slashes":                   {"fd.name glob '/home/*/.ssh/*'", opened("/home/a/b/.ssh/id"), true},
		"14: a regex matches the whole value":                 {`proc.name regex "ba(sh)?"`, named("bash"), true},
		"14: not the end of it":                               {`proc.name regex "ba(sh)?"`, named("xbash"), false},
		"14: not the start of it":                             {`proc.name regex "ba(sh)?"`, named("bashx"), false},
		"15: some ancestor differs":                           {"proc.aname != sshd", ancestors, true},
		"16: not any ancestor":                                {"not proc.aname = sshd", ancestors, false},
		"17: an event without that argument":                  {"evt.arg.flags contains O_TRUNC", of(pipeline.EventChdir, nil), false},
		"18: bpf's command is a name":                         {"evt.arg.cmd = 5", of(pipeline.EventBpf, func(ev *pipeline.Event) { ev.Args[0] = 5 }), false},
		"18: bpf's command by name":                           {"evt.arg.cmd = BPF_PROG_LOAD", of(pipeline.EventBpf, func(ev *pipeline.Event) { ev.Args[0] = 5 }), true},
		"19: backslash blank means backslash":                 {`proc.args contains "\ "`, arguments(`a\b`), true},
		"20: numbers in a list":                               {"evt.rawres in (0,1,2)", of(pipeline.EventDup2, func(ev *pipeline.Event) { ev.Ret = 1 }), true},
		"22: nothing is in an empty list":                     {"proc.name in ()", named("x"), false},
		"27: a failed open has number -1":                     {"fd.num = -1 and fd.typechar = f and fd.name = /etc/shadow", failed, true},
		"27: a failed open has an error and a mode":           {"evt.res = ENOENT and evt.is_open_read = true", failed, true},
		"27: a failed open has no type and file name":         {"fd.type exists or fd.filename exists", failed, false},
		"28: a relative path argument is made absolute":       {`evt.arg.path = /a/x and fd.name = ""`, mkdir, true},
		"28: where the kernel knows the path it is given":     {"fs.path.name = /a/x", mkdir, true},
		"29: an absolute path argument stays as it was given": {"evt.arg.name = /a//b and fs.path.name = /a/b", unlink, true},
	})
}

func TestVector30NullsInOutputs(t *testing.T) {
	ev := of(pipeline.EventExecve, func(ev *pipeline.Event) { ev.Proc.EUID = 1000 })
	if got, want := format(t, "u=%user.name p=%proc.pname", ev), "u=<NA> p=<NA>"; got != want {
		t.Errorf("output = %q, want %q", got, want)
	}
}

func TestOperators(t *testing.T) {
	conn := socket(pipeline.FDIPv4, "10.0.0.1:40000", "93.184.216.34:22")
	conn.Ret = -int64(unix.EINPROGRESS)
	mapped := socket(pipeline.FDIPv6, "[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.2]:2")
	check(t, map[string]verdict{
		"startswith":                                {"fd.name startswith /etc/", opened("/etc/passwd"), true},
		"endswith":                                  {"fd.name endswith .conf", opened("/etc/x.conf"), true},
		"contains":                                  {"fd.name contains sha", opened("/etc/shadow"), true},
		"contains nothing":                          {`fd.name contains ""`, opened("/etc/shadow"), true},
		"icontains":                                 {"fd.name icontains SHA", opened("/etc/shadow"), true},
		"icontains at the end":                      {"fd.name icontains ADOW", opened("/etc/shadow"), true},
		"icontains longer than the value":           {"fd.name icontains /etc/shadowx", opened("/etc/shadow"), false},
		"iglob":                                     {"fd.name iglob /ETC/*", opened("/etc/Shadow"), true},
		"a set beyond hashing":                      {"proc.name in (a, b, c, d, e, f, bash)", named("bash"), true},
		"not in a set beyond hashing":               {"proc.name in (a, b, c, d, e, f, bash)", named("x"), false},
		"intersects is in for single values":        {"proc.name intersects (bash)", named("bash"), true},
		"strings have an order":                     {"proc.name > 1", named("2"), true},
		"a port by its service":                     {"fd.sport = ssh", conn, true},
		"either port":                               {"fd.port = 40000 and fd.port = 22", conn, true},
		"unequal wants both ports":                  {"fd.port != 22", conn, false},
		"an address in a list":                      {"fd.rip in (1.2.3.4, 93.184.216.34)", conn, true},
		"an address of the other family":            {"fd.sip != ::1", conn, true},
		"a mapped address is IPv4":                  {"fd.sip = 10.0.0.2 and fd.cnet = 10.0.0.0/8", mapped, true},
		"a negative constant of an unsigned wraps":  {"user.uid = -1", of(pipeline.EventExecve, func(ev *pipeline.Event) { ev.Proc.EUID = pipeline.UnsetUID }), true},
		"exactly one of":                            {"proc.name startswith oneof (ba, bas)", named("bash"), false},
		"any of":                                    {"proc.name startswith anyof (x, bas)", named("bash"), true},
		"all of":                                    {"proc.name startswith allof (ba, bas)", named("bash"), true},
		"unequal to all is not in":                  {"proc.name != allof (sh, dash)", named("bash"), true},
		"all of nothing is false":                   {"proc.name = allof ()", named("bash"), false},
		"field to field":                            {"proc.name = val(proc.pname)", parent("bash"), true},
		"field to field, null":                      {"proc.name != val(proc.pname)", named("bash"), false},
		"numbers field to field":                    {"proc.pid > val(proc.ppid)", named("bash"), true},
		"tolower":                                   {"tolower(proc.name) = bash", named("BaSH"), true},
		"basename":                                  {"basename(fd.name) = shadow", opened("/etc/shadow"), true},
		"len":                                       {"len(fd.name) = 11", opened("/etc/shadow"), true},
		"b64":                                       {"b64(proc.args) = hello", arguments("aGVsbG8="), true},
		"b64 of what is none is null":               {"b64(proc.args) exists", arguments("%%"), false},
		"concat":                                    {`concat(proc.name, "-", proc.name) = a-a`, named("a"), true},
		"a transformer on the right":                {"proc.name = tolower(proc.name)", named("bash"), true},
		"null through a transformer":                {`len(proc.pname) >= 0`, named("bash"), false},
		"an index beyond the ancestors is null":     {"proc.aname[7] exists", parent("a"), false},
		"ancestor 0 is the process itself":          {"proc.aname[0] = bash and proc.aname[1] = runc", parent("runc"), true},
		"no ancestors, no match":                    {"proc.aname exists", named("x"), false},
		"an argument by number":                     {"proc.args[1] = b", arguments("a", "b"), true},
		"an argument beyond the last is empty":      {`proc.args[2] = ""`, arguments("a", "b"), true},
		"bool in a list":                            {"evt.failed in (true, false)", named("x"), true},
		"execve is also a failed one":               {"evt.type = execve", of(pipeline.EventExecveFailed, nil), true},
		"a call of the clone family has its name":   {"evt.type in (fork, vfork)", of(pipeline.EventVfork, nil), true},
		"the scheduler's fork is no system call":    {"evt.type in (clone, clone3, fork, vfork)", of(pipeline.EventClone, nil), false},
		"an event that is not watched never occurs": {"evt.type = read", named("x"), false},
		"unequal type":                              {"evt.type != open", opened("/x"), true},
		"type by prefix":                            {"evt.type startswith open", opened("/x"), true},
		"never":                                     {"evt.num = 0", named("x"), false},
		"always null, negated":                      {"not fd.sip.name = x", conn, true},
	})
}

func TestCompileErrors(t *testing.T) {
	for sentence, c := range map[string]struct{ condition, want string }{
		"a misspelt field":              {"proc.name = a and proc.nmae = bash", `1:19: nonexistent field "proc.nmae" (did you mean "proc.name"?)`},
		"an argument nobody has":        {"evt.arg.nonsense = 1", `no event has an argument "nonsense"`},
		"an index on a plain field":     {"proc.name[1] = a", `field "proc.name" takes no argument`},
		"an index that is none":         {"proc.aname[x] = a", `"x" is not an index`},
		"a key that is missing":         {"container.mount.dest exists", `field "container.mount.dest" needs an argument`},
		"an operator of another type":   {"evt.rawres startswith 1", `operator "startswith" does not apply to evt.rawres, a int64`},
		"a bool that is none":           {"evt.failed = yes", `1:14: evt.failed is a bool, "yes" is not (write true or false)`},
		"a number that is none":         {"evt.rawres in (1, x)", `1:19: evt.rawres is a number (int64), "x" is not a decimal one`},
		"a hexadecimal number":          {"evt.rawres > 0x10", `"0x10" is not a decimal one`},
		"an address that is none":       {"fd.sip = 1.2.3", `"1.2.3" is not an IP address`},
		"a network without a length":    {"fd.snet = 10.0.0.0", `"10.0.0.0" is not a network (write address/length, as in 10.0.0.0/8)`},
		"a misspelt event type":         {"evt.type = opneat", `unknown event type "opneat" (did you mean "openat"?)`},
		"a regex that is not POSIX":     {`proc.name regex "[0-9"`, "bad regular expression"},
		"fields of different types":     {"proc.name = val(proc.pid)", "only fields of one type can be compared"},
		"both ends against a field":     {"fd.ip = val(fd.sip)", "cannot be compared with another field"},
		"a macro nobody resolved":       {"shells", `undefined macro "shells"`},
		"a list where text is wanted":   {`tolower((proc.name, proc.exe)) = x`, "tolower takes a string here, (proc.name, proc.exe) is a list"},
		"text where a list is wanted":   {`join(",", proc.name) = x`, "join takes a list here, proc.name is a string"},
		"a number in a list":            {`join(",", (proc.pid, "x")) = x`, "a list has strings in it, proc.pid is a int64"},
		"an option of two characters":   {`getopt(proc.args, "ab:")[ab] = x`, `"ab" is not an option of getopt`},
		"brackets behind a transformer": {`tolower(proc.name)[1] = x`, "tolower takes nothing in brackets"},
		"an ancestor, transformed":      {`tolower(proc.aname[1]) = x`, "proc.aname[1] cannot be transformed"},
		"an ancestor and a field":       {`proc.aname[1] = val(proc.name)`, "proc.aname[1] cannot be compared with another field"},
		"a field and an ancestor":       {`proc.name = val(proc.aname[1])`, "proc.aname[1] cannot be compared with another field"},
		"a network and a field":         {`fd.snet = val(fd.cnet)`, "fd.snet cannot be compared with another field"},
		"pmatch with a field":           {`fd.name pmatch val(fd.directory)`, `operator "pmatch" takes constants only`},
		"regex with a field":            {`fd.name regex val(fd.directory)`, `operator "regex" takes constants only`},
		"a list and a single value":     {`getopt(proc.args, "a") in val(proc.name)`, "only fields of one type can be compared"},
		"equality of a list":            {`getopt(proc.args, "a") = x`, `operator "=" does not apply to getopt(proc.args, "a"), a list`},
		"order of a bool":               {`evt.failed > 1`, `operator ">" does not apply to evt.failed, a bool`},
		"order of an address":           {`fd.sip > 1`, `operator ">" does not apply to fd.sip, a ip address`},
		"contains of a number":          {`proc.pid contains 1`, `operator "contains" does not apply to proc.pid, a int64`},
		"bcontains of text":             {`proc.name bcontains 00`, `operator "bcontains" does not apply to proc.name, a string`},
		"glob of bytes":                 {`evt.buffer glob x`, `operator "glob" does not apply to evt.buffer, a bytes`},
		"an odd number of hex digits":   {`evt.buffer bcontains 012`, `"012" is not an even number of hexadecimal digits`},
		"a fraction":                    {"evt.rawres > 1.5", `"1.5" is not a decimal one`},
		"an address with a zone":        {"fd.sip = fe80::1%eth0", `"fe80::1%eth0" is not an IP address`},
		"too many arguments":            {`tolower(proc.name, proc.exe) = x`, "wrong number of arguments for tolower"},
		"a transformer of a number":     {`tolower(proc.pid) = x`, "tolower takes a string here, proc.pid is a int64"},
	} {
		t.Run(sentence, func(t *testing.T) {
			n, err := syntax.Parse(syntax.NewText(c.condition, syntax.Pos{Line: 1, Col: 1}))
			if err != nil {
				t.Fatalf("Parse(%s): %v", c.condition, err)
			}
			if _, err := NewProgram().Compile(n); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Compile(%s)\n got %v\nwant %s", c.condition, err, c.want)
			}
		})
	}
}

// Vectors 21 to 25 are about text: what a condition becomes before it is compiled. 26 is about exceptions,
// which package rules writes.
func TestVectorsOfText(t *testing.T) {
	parsed := func(s string) string {
		n, err := parseText(s)
		if err != nil {
			t.Fatalf("Parse(%s): %v", s, err)
		}
		return n.String()
	}
	if got, want := parsed("a.b=1 or c.d=2 and e.f=3"), parsed("a.b=1 or (c.d=2 and e.f=3)"); got != want {
		t.Errorf("21: %s, want %s", got, want)
	}
	expanded := syntax.NewText("proc.name in (l)", syntax.Pos{}).ReplaceName("l", "").String()
	if holds(t, expanded, named("x")) {
		t.Errorf("22: %s holds, want nothing in an empty list", expanded)
	}
	expanded = syntax.NewText("proc.cmdline in (l, d)", syntax.Pos{}).ReplaceName("l", `"a b", c`).String()
	if got, want := parsed(expanded), parsed(`proc.cmdline in ("a b", c, d)`); got != want {
		t.Errorf("23: %s, want %s", got, want)
	}
	rule, err := parseText("m and z.w=3")
	if err == nil {
		rule, err = syntax.Resolve(rule, func(*syntax.Macro) (syntax.Node, error) { return parseText("x.y=1 or x.y=2") })
	}
	if want := parsed("(x.y=1 or x.y=2) and z.w=3"); err != nil || rule.String() != want {
		t.Errorf("24: %v, %v, want %s", rule, err, want)
	}
	appended := syntax.Join(syntax.NewText("a.b=1 or c.d=2", syntax.Pos{}), syntax.NewText(" and e.f=3", syntax.Pos{})).String()
	if got, want := parsed(appended), parsed("a.b=1 or (c.d=2 and e.f=3)"); got != want {
		t.Errorf("25: %s, want %s", got, want)
	}
}
