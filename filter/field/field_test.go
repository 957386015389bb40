package field

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

func lookup(t *testing.T, name string) Ref {
	t.Helper()
	o, n, err := syntax.ParseOperand(syntax.NewText(name, syntax.Pos{}))
	if err != nil || n != len(name) {
		t.Fatalf("ParseOperand(%q): %v", name, err)
	}
	r, err := Lookup(o)
	if err != nil {
		t.Fatalf("Lookup(%q): %v", name, err)
	}
	return r
}

// under has every file below one directory of the host.
type under string

func (u under) AppendHostPath(dst []byte, ev *pipeline.Event) ([]byte, bool) {
	return append(append(dst, u...), ev.FD.Name...), true
}

// inContainer is an openat by a process with everything known of it.
func inContainer() *pipeline.Event {
	id := strings.Repeat("0123456789abcdef", 4)
	init := &pipeline.Process{Known: true, PID: 1, Comm: "systemd", SID: 1}
	shell := &pipeline.Process{Known: true, PID: 20, PPID: 1, SID: 20, Comm: "bash", Exe: "-bash", Cmdline: "bash", Parent: init}
	return &pipeline.Event{
		Type: pipeline.EventOpenat, Num: 7, Time: 1_700_000_000_123_456_789, Since: 2_000_000_001, Gap: 5, Ret: 5, HasRet: true, TID: 30, Source: "syscall", Host: "node",
		Args: [6]uint64{1<<64 - 100}, Flag: unix.O_RDWR | unix.O_CREAT | unix.O_CLOEXEC, Mode: 0o755,
		FD:     pipeline.FD{Kind: pipeline.FDFile, Num: 5, Name: "/etc/x", Raw: "/etc//x", Created: true},
		Path:   [2]pipeline.Path{{Raw: "/etc//x", Name: "/etc/x", Set: true}},
		Passed: []pipeline.FD{{Kind: pipeline.FDFile, Name: "/etc/shadow"}, {Kind: pipeline.FDFile, Name: "/run/x"}},
		Mounts: under("/host"),
		Proc: &pipeline.Process{
			Known: true, PID: 30, PPID: 20, SID: 20, VPID: 1, VTID: 1, Comm: "cat", Exe: "/bin/cat", Args: []string{"a", "b c"}, Cmdline: "cat a b c",
			ExePath: "/usr/bin/cat", CWD: "/", Env: []string{"HOME=/root", "X= y "}, EUID: 1000, User: "li", Home: "/home/li", Cgroup: "/pod", LoginUID: pipeline.UnsetUID,
			CapEffective: 1 | 1<<21, StartTime: 1_700_000_000_000_000_000, ContainerID: id, Parent: shell,
			Container: &pipeline.Container{ID: id, Name: "web", Repository: "nginx", Tag: "1", PodName: "web-0", PodNS: "shop", Complete: true,
				PodLabels: map[string]string{"app": "web"}, LabelText: "app:web", SandboxID: "fedcba9876543210", HostNetwork: true, IP: "10.0.0.7", CNI: `{"a":1}`,
				Mounts: []pipeline.Mount{{Source: "/etc", Dest: "/x"}}},
		},
	}
}

func TestValues(t *testing.T) {
	for name, want := range map[string]string{
		"evt.reltime.s": "2", "evt.deltatime": "5", "evt.category": "file", "evt.info": "fd=<f>/etc/x dirfd=AT_FDCWD name=/etc//x flags=O_CREAT|O_RDWR|O_CLOEXEC|O_F_CREATED mode=0755 dev=0 ino=0",
		"evt.abspath": "/etc/x", "evt.abspath.src": "/etc/x", "evt.rawarg.name": "/etc//x", "evt.rawarg.dirfd": "-100", "evt.rawarg.mode": "493",
		"evt.type.is.openat": "1", "evt.count.error": "0", "user.homedir": "/home/li", "user.shell": "<NA>", "thread.cgroup.memory": "/pod",
		"container.labels": "app:web", "k8s.pod.sandbox_id": "fedcba987654", "container.host_network": "true", "container.mount[0]": "/etc:/x::false:",
		"container.ip": "10.0.0.7", "container.cni.json": `{"a":1}`, "k8s.pod.ip": "10.0.0.7", "k8s.pod.cni.json": `{"a":1}`,
		"evt.type":             "openat",
		"evt.num":              "7",
		"evt.time.iso8601":     "2023-11-14T22:13:20.123456789+0000",
		"evt.rawtime.ns":       "123456789",
		"evt.res":              "SUCCESS",
		"evt.arg.flags":        "O_CREAT|O_RDWR|O_CLOEXEC|O_F_CREATED",
		"evt.arg.mode":         "0755",
		"evt.arg.name":         "/etc//x",
		"evt.arg.dirfd":        "AT_FDCWD",
		"evt.arg[0]":           "<f>/etc/x",
		"evt.args":             "fd=<f>/etc/x dirfd=AT_FDCWD name=/etc//x flags=O_CREAT|O_RDWR|O_CLOEXEC|O_F_CREATED mode=0755 dev=0 ino=0",
		"evt.is_open_exec":     "true",
		"evt.is_open_create":   "true",
		"fs.path.nameraw":      "/etc//x",
		"fd.nameraw":           "/etc/x",
		"fd.directory":         "/etc",
		"fd.filename":          "x",
		"fd.l4proto":           "<NA>",
		"fd.containername":     "0123456789ab:/etc/x",
		"proc.args":            "a b c",
		"proc.args[1]":         "b c",
		"proc.cmdnargs":        "2",
		"proc.env":             "HOME=/root X= y ",
		"proc.env[X]":          "y",
		"proc.env[NONE]":       "",
		"proc.exeline":         "/bin/cat a b c",
		"proc.pname":           "bash",
		"proc.aname":           "bash systemd",
		"proc.aname[2]":        "systemd",
		"proc.apid[1]":         "20",
		"proc.sname":           "bash",
		"proc.duration":        "123456789",
		"proc.loginshellid":    "20",
		"user.name":            "li",
		"user.loginuid":        "-1",
		"user.loginname":       "<NA>",
		"group.name":           "root",
		"thread.ismain":        "true",
		"thread.vtid":          "1",
		"thread.cap_effective": "CAP_CHOWN CAP_SYS_ADMIN",
		"container.id":         "0123456789ab",
		"container.image.tag":  "1",
		"k8s.ns.name":          "shop",
		"k8s.pod.label.app":    "web",
		"k8s.pod.label[app]":   "web",
		"fd.passed":            "/etc/shadow /run/x",
		"fd.passed[1]":         "/run/x",
		"fd.hostpath":          "/host/etc/x",
	} {
		r := lookup(t, name)
		var v View
		v.Reset(inContainer())
		got, ok := r.Append(nil, &v)
		if !ok || string(got) != want {
			t.Errorf("%s = %q, %v, want %q", name, got, ok, want)
		}
	}
}

func TestNulls(t *testing.T) {
	for _, name := range []string{
		"fd.sip", "fd.rport", "fd.sockfamily", "fs.path.source", "evt.arg.oldpath", "proc.aname[9]", "k8s.pod.label[x]",
		"proc.exe_ino.ctime", "fd.passed[2]", "fd.sip.name", "container.mount.dest[/nowhere]",
	} {
		r := lookup(t, name)
		var v View
		v.Reset(inContainer())
		if got, ok := r.Append(nil, &v); ok || len(got) > 0 {
			t.Errorf("%s = %q, %v, want null", name, got, ok)
		}
		if got := r.Value(&v); got != nil {
			t.Errorf("%s as JSON = %v, want nil", name, got)
		}
	}
}

func TestServerIsLocal(t *testing.T) {
	addr := netip.MustParseAddrPort
	here, there, loop := addr("10.0.0.1:80"), addr("10.0.0.9:4000"), addr("127.0.0.1:80")
	for sentence, c := range map[string]struct {
		fd   pipeline.FD
		want bool
	}{
		"a server":                       {pipeline.FD{Kind: pipeline.FDIPv4, Client: there, Server: here, Local: here, Remote: there}, true},
		"a client":                       {pipeline.FD{Kind: pipeline.FDIPv4, Client: there, Server: here, Local: there, Remote: here}, false},
		"a client of its own machine":    {pipeline.FD{Kind: pipeline.FDIPv4, Client: addr("10.0.0.1:5000"), Server: here, Local: addr("10.0.0.1:5000"), Remote: here}, true},
		"a client of the loopback":       {pipeline.FD{Kind: pipeline.FDIPv4, Server: loop, Remote: loop}, true},
		"a listener":                     {pipeline.FD{Kind: pipeline.FDIPv4, Server: here}, true},
		"a refused client":               {pipeline.FD{Kind: pipeline.FDIPv4, Server: here, Remote: here}, false},
		"a new IPv4 socket":              {pipeline.FD{Kind: pipeline.FDIPv4}, false},
		"a new IPv6 socket, as in Falco": {pipeline.FD{Kind: pipeline.FDIPv6}, true},
		"a unix socket":                  {pipeline.FD{Kind: pipeline.FDUnix}, false},
	} {
		if got := serverIsLocal(&c.fd); got != c.want {
			t.Errorf("%s: fd.is_server = %v, want %v", sentence, got, c.want)
		}
	}
}

func TestArgumentsAsText(t *testing.T) {
	for sentence, c := range map[string]struct {
		name, want string
		ev         pipeline.Event
	}{
		"mkdir's mode is hexadecimal":     {"evt.arg.mode", "1E8", pipeline.Event{Type: pipeline.EventMkdir, Mode: 0o750}},
		"chmod's mode is names":           {"evt.arg.mode", "S_IXOTH|S_IRUSR|S_ISUID", pipeline.Event{Type: pipeline.EventChmod, Mode: 0o104401}},
		"a mode of 0":                     {"evt.arg.mode", "0", pipeline.Event{Type: pipeline.EventFchmod}},
		"ptrace's request":                {"evt.arg.request", "PTRACE_ATTACH", pipeline.Event{Type: pipeline.EventPtrace, Args: [6]uint64{16}}},
		"setuid to root":                  {"evt.arg.uid", "root", pipeline.Event{Type: pipeline.EventSetuid}},
		"setuid to nobody we know":        {"evt.arg.uid", "<NA>", pipeline.Event{Type: pipeline.EventSetuid, Args: [6]uint64{77}}},
		"setuid to -1":                    {"evt.arg.uid", "<NONE>", pipeline.Event{Type: pipeline.EventSetuid, Args: [6]uint64{0xffffffff}}},
		"chown's user is a number":        {"evt.arg.uid", "1", pipeline.Event{Type: pipeline.EventChown, Args: [6]uint64{0, 1}}},
		"unshare's flags":                 {"evt.arg.flags", "CLONE_NEWNS|CLONE_NEWUSER", pipeline.Event{Type: pipeline.EventUnshare, Args: [6]uint64{unix.CLONE_NEWNS | unix.CLONE_NEWUSER}}},
		"a flag nobody knows":             {"evt.arg.flags", "4096", pipeline.Event{Type: pipeline.EventUnlinkat, Args: [6]uint64{0, 0, 4096}}},
		"a socket's domain has two names": {"evt.arg.domain", "AF_LOCAL|AF_UNIX", pipeline.Event{Type: pipeline.EventSocket, Args: [6]uint64{unix.AF_UNIX}}},
		"kill's signal":                   {"evt.arg.sig", "SIGKILL", pipeline.Event{Type: pipeline.EventKill, Args: [6]uint64{1, 9}}},
		"a failed open's descriptor":      {"evt.arg.fd", "ENOENT", pipeline.Event{Type: pipeline.EventOpen, Ret: -2, HasRet: true}},
		"O_DIRECTORY counts as tmpfile":   {"evt.arg.flags", "O_DIRECTORY|O_RDONLY|O_TMPFILE", pipeline.Event{Type: pipeline.EventOpen, Flag: unix.O_DIRECTORY}},
		"an argument that is empty":       {"evt.arg.path", "<NA>", pipeline.Event{Type: pipeline.EventRmdir}},
		"the thread's flags of clone":     {"evt.arg.flags", "CLONE_FILES|CLONE_THREAD|CLONE_VM", pipeline.Event{Type: pipeline.EventCloneCall, Flag: unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_FILES}},
		"clone's user is a number":        {"evt.arg.uid", "5", pipeline.Event{Type: pipeline.EventCloneCall}},
		"no flags of dup3":                {"evt.arg.flags", "O_NONE", pipeline.Event{Type: pipeline.EventDup3}},
		"flags of socket":                 {"evt.arg.flags", "O_NONBLOCK|O_CLOEXEC", pipeline.Event{Type: pipeline.EventSocket, Args: [6]uint64{2, unix.SOCK_STREAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK}}},
		"accept4's are a number":          {"evt.arg.flags", "1000", pipeline.Event{Type: pipeline.EventAccept4, Args: [6]uint64{3: unix.SOCK_CLOEXEC}}},
		"dup's old descriptor":            {"evt.arg.oldfd", "<f>/x", pipeline.Event{Type: pipeline.EventDup2, Ret: 20, Args: [6]uint64{3, 20}, FD: pipeline.FD{Kind: pipeline.FDFile, Num: 20, Name: "/x"}}},
		"a relative path from nowhere":    {"evt.arg.name", "file", pipeline.Event{Type: pipeline.EventOpenat, Path: [2]pipeline.Path{{Raw: "file", Name: "<UNKNOWN>file", Set: true}}}},
		"mount's device is as passed":     {"evt.arg.dev", "tmpfs", pipeline.Event{Type: pipeline.EventMount, Path: [2]pipeline.Path{{Raw: "tmpfs", Name: "/tmpfs", Set: true}}}},
		"what was sent, printable":        {"evt.arg.data", "GET /.\"..", pipeline.Event{Type: pipeline.EventSendto, Data: "GET /\n\"\x00\xff"}},
		"a buffer in an output":           {"evt.buffer", "a.b", pipeline.Event{Type: pipeline.EventRecvfrom, Data: "a\x00b"}},
		"an exit's signal":                {"evt.arg.sig", "SIGKILL", pipeline.Event{Type: pipeline.EventExit, Args: [6]uint64{9}}},
		"the layer of an opened file":     {"evt.arg.flags", "O_WRONLY|FD_UPPER_LAYER", pipeline.Event{Type: pipeline.EventOpen, Flag: unix.O_WRONLY, FD: pipeline.FD{Upper: true}}},
		"the root directory's own name":   {"fd.filename", "/", pipeline.Event{Type: pipeline.EventOpen, FD: pipeline.FD{Kind: pipeline.FDFile, Name: "/"}}},
		"a failed open has its path":      {"fs.path.name", "/x", pipeline.Event{Type: pipeline.EventOpen, Ret: -2, HasRet: true, Path: [2]pipeline.Path{{Raw: "/x", Name: "/x", Set: true}}}},
		"a link's target, from the link":  {"fs.path.target", "/a/x", pipeline.Event{Type: pipeline.EventSymlink, Str: ".././x//.", Path: [2]pipeline.Path{{Name: "/a/b/l", Set: true}}}},
		"a target above the root":         {"fs.path.target", "/", pipeline.Event{Type: pipeline.EventSymlink, Str: "../..", Path: [2]pipeline.Path{{Name: "/l", Set: true}}}},
		"fcntl's command":                 {"evt.arg.cmd", "F_DUPFD_CLOEXEC", pipeline.Event{Type: pipeline.EventFcntl, Args: [6]uint64{3, unix.F_DUPFD_CLOEXEC}}},
		"fsconfig's command":              {"evt.arg.cmd", "FSCONFIG_SET_STRING", pipeline.Event{Type: pipeline.EventFsconfig, Args: [6]uint64{3, unix.FSCONFIG_SET_STRING}}},
		"fsconfig's value":                {"evt.arg.value_charbuf", "1m", pipeline.Event{Type: pipeline.EventFsconfig, Path: [2]pipeline.Path{{Raw: "1m", Name: "/dev/null/1m", Set: true}}}},
		"how a socket is shut down":       {"evt.arg.how", "SHUT_RDWR", pipeline.Event{Type: pipeline.EventShutdown, Args: [6]uint64{3, unix.SHUT_RDWR}}},
		"the second end of a pipe":        {"evt.arg.fd2", "<p>", pipeline.Event{Type: pipeline.EventPipe2, HasRet: true, FD: pipeline.FD{Kind: pipeline.FDPipe, Num: 6}, Pair: [2]int32{6, 7}}},
		"flags of pipe2":                  {"evt.arg.flags", "O_NONBLOCK|O_CLOEXEC", pipeline.Event{Type: pipeline.EventPipe2, Args: [6]uint64{0, unix.O_CLOEXEC | unix.O_NONBLOCK}}},
		"close_range to the last":         {"evt.arg.last", "4294967295", pipeline.Event{Type: pipeline.EventCloseRange, Args: [6]uint64{3, 1<<32 - 1}}},
		"the size of the first message":   {"evt.buflen", "700", pipeline.Event{Type: pipeline.EventRecvmmsg, Ret: 2, HasRet: true, Moved: 700}},
		"old umount has no flags":         {"evt.args", "res=0 name=/mnt", pipeline.Event{Type: pipeline.EventUmount, HasRet: true, Path: [2]pipeline.Path{{Raw: "/mnt", Name: "/mnt", Set: true}}}},
		"a link's raw target":             {"evt.arg.target", "../x", pipeline.Event{Type: pipeline.EventSymlink, Str: "../x"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			c.ev.Proc = &pipeline.Process{Known: true, EUID: 5, LoginUID: pipeline.UnsetUID}
			var v View
			v.Reset(&c.ev)
			if got, _ := lookup(t, c.name).Append(nil, &v); string(got) != c.want {
				t.Errorf("%s = %q, want %q", c.name, got, c.want)
			}
		})
	}
}

// TestEveryFieldReadsEveryEvent holds every field to: no panic on any type of event, whatever is
// missing, and no allocation once the View's memory has grown.
func TestEveryFieldReadsEveryEvent(t *testing.T) {
	empty := func(et pipeline.EventType) *pipeline.Event {
		return &pipeline.Event{Type: et, Proc: &pipeline.Process{}}
	}
	for _, d := range All() {
		if d.Doc == "" || d.Type == 0 || d.Source == "" {
			t.Errorf("%s: a field needs a type, a meaning and a source", d.Name)
		}
		name := d.Name
		switch d.Arg {
		case NeedsIndex, MayIndex:
			name += "[1]"
		case NeedsKey:
			name += "[flags]"
		}
		r := lookup(t, name)
		var v View
		full := inContainer()
		var dst []byte
		read := func() {
			for et := range pipeline.NumEventTypes {
				full.Type = et
				v.Reset(full)
				dst, _ = r.Append(dst[:0], &v)
			}
		}
		for et := range pipeline.NumEventTypes {
			v.Reset(empty(et))
			r.Append(nil, &v)
			r.Value(&v)
		}
		read()
		if n := testing.AllocsPerRun(3, read); n > 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestFieldNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range All() {
		if seen[d.Name] {
			t.Errorf("field %s is defined twice", d.Name)
		}
		seen[d.Name] = true
	}
	for et, list := range arguments() {
		if len(list) > maxArguments {
			t.Errorf("%s has %d arguments, more than maxArguments", pipeline.EventType(et), len(list))
		}
	}
}

func TestAncestorsEndOnALoop(t *testing.T) {
	a, b := &pipeline.Process{Known: true, PID: 1}, &pipeline.Process{Known: true, PID: 2}
	a.Parent, b.Parent = b, a
	n := 0
	Ancestors(&pipeline.Event{Proc: &pipeline.Process{Known: true, Parent: a}}, func(*pipeline.Process) bool {
		n++
		return n < 100
	})
	if n >= 100 {
		t.Error("Ancestors goes round in a loop of parents")
	}
}

// A program is new in a container when its file was changed after the container's first process was made.
func TestAProgramChangedSinceTheContainerStarted(t *testing.T) {
	for sentence, c := range map[string]struct{ changed, started, want int64 }{
		"changed after": {changed: 50, started: 20, want: 30},
		"part of it":    {changed: 20, started: 50, want: 0},
	} {
		ev := &pipeline.Event{Proc: &pipeline.Process{ExeCtime: c.changed, PidNSStart: c.started}}
		var v View
		v.Reset(ev)
		if got := lookup(t, "proc.exe_ino.ctime_duration_pidns_start").Value(&v); got != c.want {
			t.Errorf("%s: %v, want %d", sentence, got, c.want)
		}
	}
}
