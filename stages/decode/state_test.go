package decode

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestConnectedAndChanged(t *testing.T) {
	addr := netip.MustParseAddrPort
	none := addr("0.0.0.0:0")
	idle := sock(unix.AF_INET, unix.IPPROTO_TCP, addr("10.0.0.1:4242"), none)
	peer := sock(unix.AF_INET, unix.IPPROTO_TCP, addr("10.0.0.1:4242"), addr("10.0.0.9:443"))
	datagram := sock(unix.AF_INET, unix.IPPROTO_UDP, addr("0.0.0.0:4242"), none)
	view[sockInfo](peer.data).State = tcpEstablished
	trying := sock(unix.AF_INET, unix.IPPROTO_TCP, addr("10.0.0.1:4242"), addr("10.0.0.9:443"))
	usual := sock(unix.AF_INET, unix.IPPROTO_UDP, addr("10.0.0.1:4242"), addr("10.0.0.9:443"))
	view[sockInfo](usual.data).State, view[sockInfo](usual.data).Type = tcpEstablished, unix.SOCK_DGRAM
	to := sockaddr(unix.AF_INET, 0, 0, 80, 10, 0, 0, 2)
	for sentence, c := range map[string]struct {
		sample             pipeline.Sample
		connected, changed bool
	}{
		"a connect in progress":            {call(pipeline.EventConnect, -int64(unix.EINPROGRESS), [6]uint64{3}, peer, to), true, true},
		"a refused connect":                {call(pipeline.EventConnect, -int64(unix.ECONNREFUSED), [6]uint64{3}, to), false, false},
		"an accept":                        {call(pipeline.EventAccept, 4, [6]uint64{3}, peer), true, true},
		"a bind":                           {call(pipeline.EventBind, 0, [6]uint64{3}, idle, to), false, true},
		"a listen":                         {call(pipeline.EventListen, 0, [6]uint64{3}, idle), false, false},
		"a send on a connection":           {call(pipeline.EventSendto, 5, [6]uint64{3}, peer), true, false},
		"a datagram to an address":         {call(pipeline.EventSendto, 5, [6]uint64{3}, datagram, to), true, true},
		"a datagram that could not leave":  {call(pipeline.EventSendto, -int64(unix.EPERM), [6]uint64{3}, datagram, to), false, false},
		"a copy of a connected descriptor": {call(pipeline.EventDup, 9, [6]uint64{3}, peer), true, false},
		"one that is still connecting":     {call(pipeline.EventDup, 9, [6]uint64{3}, trying), false, false},
		"a datagram past the usual peer":   {call(pipeline.EventSendto, 5, [6]uint64{3}, usual, to), true, true},
		"a datagram to the usual peer":     {call(pipeline.EventSendto, 5, [6]uint64{3}, usual, sockaddr(unix.AF_INET, 0, 1, 0xbb, 10, 0, 0, 9)), true, false},
		"a new socket":                     {call(pipeline.EventSocket, 3, [6]uint64{unix.AF_INET, unix.SOCK_STREAM}), false, false},
		"an open":                          {call(pipeline.EventOpen, 3, [6]uint64{}, str(0, "/x"), file("/x")), false, true},
		"a copy of a file's descriptor":    {call(pipeline.EventDup, 3, [6]uint64{}, file("/x")), false, false},
	} {
		ev := decode(t, newDecoder(t), c.sample)
		if ev.FD.Connected != c.connected || ev.FD.Changed != c.changed {
			t.Errorf("%s: connected %v, name changed %v; want %v, %v", sentence, ev.FD.Connected, ev.FD.Changed, c.connected, c.changed)
		}
	}
}

// Of a transfer on a connection whose beginning was not seen, the port that is served tells the roles.
func TestServedPortIsTheServers(t *testing.T) {
	addr := netip.MustParseAddrPort
	d := newDecoder(t)
	here, there := addr("10.0.0.1:50051"), addr("10.0.0.9:40000")
	transfer := call(pipeline.EventRecvfrom, 1, [6]uint64{3}, sock(unix.AF_INET, unix.IPPROTO_TCP, here, there))
	if ev := decode(t, d, transfer); ev.FD.Server != there {
		t.Errorf("server of a connection between high ports = %v, want the other end", ev.FD.Server)
	}
	higher := call(pipeline.EventRecvfrom, 1, [6]uint64{3}, sock(unix.AF_INET, unix.IPPROTO_TCP, there, here))
	if ev := decode(t, d, higher); ev.FD.Server != here {
		t.Errorf("server of a connection to a higher port = %v, want the other end", ev.FD.Server)
	}
	bound := call(pipeline.EventBind, 0, [6]uint64{4}, sock(unix.AF_INET, unix.IPPROTO_TCP, here, addr("0.0.0.0:0")))
	decode(t, d, bound) // who binds a stream socket may yet be a client
	if ev := decode(t, d, transfer); ev.FD.Server != there {
		t.Errorf("server = %v once its port is bound, want the other end still", ev.FD.Server)
	}
	decode(t, d, call(pipeline.EventListen, 0, [6]uint64{4}, sock(unix.AF_INET, unix.IPPROTO_TCP, here, addr("0.0.0.0:0"))))
	if ev := decode(t, d, transfer); ev.FD.Server != here || ev.FD.Client != there {
		t.Errorf("server = %v once its port is listened on, want %v", ev.FD.Server, here)
	}
}

func TestPortsServedBeforeTheStart(t *testing.T) {
	procfs := t.TempDir()
	if err := os.Mkdir(filepath.Join(procfs, "net"), 0o755); err != nil {
		t.Fatal(err)
	}
	const head = "  sl  local_address rem_address   st tx_queue rx_queue\n"
	for name, text := range map[string]string{
		"tcp": head + "   0: 00000000:C383 00000000:0000 0A 00000000:00000000\n" + // 50051, listening
			"   1: 0100000A:C384 0900000A:0050 01 00000000:00000000\n", // 50052, a client
		"udp6": head + "  9: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07\n",
	} {
		if err := os.WriteFile(filepath.Join(procfs, "net", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var p ports
	p.seed(procfs)
	for _, c := range []struct {
		set  *portSet
		port uint16
		want bool
	}{{&p.stream, 50051, true}, {&p.stream, 50052, false}, {&p.datagram, 53, true}, {&p.datagram, 50051, false}} {
		if got := c.set.has(c.port); got != c.want {
			t.Errorf("port %d served = %v, want %v", c.port, got, c.want)
		}
	}
}

func TestUnixSocketNames(t *testing.T) {
	unixSock := func(local, remote string) piece {
		s := sockInfo{Family: unix.AF_UNIX, Sock: 0xa, Peer: 0xb, LocalLen: uint16(len(local)), RemoteLen: uint16(len(remote))}
		return piece{kind: kindSock, data: append(slices.Clone(bytesOf(&s)), local+remote...)}
	}
	for sentence, c := range map[string]struct {
		typ  pipeline.EventType
		sock piece
		want string
	}{
		"a client has its peer's path":   {pipeline.EventConnect, unixSock("", "/run/x\x00"), "a->b /run/x"},
		"a server is the destination":    {pipeline.EventAccept, unixSock("/run/x\x00", ""), "b->a /run/x"},
		"a bound socket has only a path": {pipeline.EventBind, unixSock("/run/x", ""), "/run/x"},
		"an abstract name shows as such": {pipeline.EventBind, unixSock("\x00bus", ""), "@bus"},
		"lengths past the end mean no end": {pipeline.EventConnect, func() piece {
			p := unixSock("", "")
			view[sockInfo](p.data).RemoteLen = 99
			return p
		}(), "a->b "},
	} {
		if got := decode(t, newDecoder(t), call(c.typ, 0, [6]uint64{3}, c.sock)).FD.Name; got != c.want {
			t.Errorf("%s: fd.name = %q, want %q", sentence, got, c.want)
		}
	}
}

// accept and dup have a chunk of the old descriptor and one of the new.
func TestTheNewDescriptorIsTheEvents(t *testing.T) {
	addr := netip.MustParseAddrPort
	listening := sock(unix.AF_INET, unix.IPPROTO_TCP, addr("10.0.0.1:80"), addr("0.0.0.0:0"))
	accepted := sock(unix.AF_INET, unix.IPPROTO_TCP, addr("10.0.0.1:80"), addr("10.0.0.2:5000"))
	accepted.index = ofResult
	ev := decode(t, newDecoder(t), call(pipeline.EventAccept, 4, [6]uint64{3}, listening, accepted))
	if want := "10.0.0.2:5000->10.0.0.1:80"; ev.FD.Name != want || ev.FD.Num != 4 {
		t.Errorf("accepted descriptor %d = %q, want 4, %q", ev.FD.Num, ev.FD.Name, want)
	}
	ev = decode(t, newDecoder(t), call(pipeline.EventAccept, -11, [6]uint64{3}, listening))
	if ev.FD.Num != -1 || ev.FD.Kind != pipeline.FDUnknown || ev.FD.Server.IsValid() {
		t.Errorf("descriptor of an accept that failed = %+v, want none", ev.FD)
	}
}

func TestDirectoryCountsAsOneOnlyIfOpenedAsOne(t *testing.T) {
	dir := fileInfo{Mode: unix.S_IFDIR | 0o755}
	for flags, want := range map[uint32]pipeline.FDKind{0: pipeline.FDFile, unix.O_DIRECTORY: pipeline.FDDirectory} {
		dir.F_flags = flags
		f := fileOf(dir, 0, components("/srv"))
		opened := decode(t, newDecoder(t), call(pipeline.EventOpen, 3, [6]uint64{}, str(0, "/srv"), f)).FD.Kind
		used := decode(t, newDecoder(t), call(pipeline.EventDup, 3, [6]uint64{}, f)).FD.Kind
		if opened != want || used != want {
			t.Errorf("with flags %#o a directory is of kind %d, its copy of %d; want %d", flags, opened, used, want)
		}
	}
}

func TestKindsOfDescriptor(t *testing.T) {
	for name, want := range map[string]pipeline.FDKind{
		"bpf-map": pipeline.FDBpf, "[userfaultfd]": pipeline.FDUserfault, "[io_uring]": pipeline.FDIoUring, "inotify": pipeline.FDInotify,
		"anon_inode:[eventpoll]": pipeline.FDEpoll, "mnt:[4026531841]": pipeline.FDOther, "memfd:x": pipeline.FDMemfd,
	} {
		f := fileOf(fileInfo{Mode: 0o600}, chunkNoPath, []byte(name+"\x00"))
		if got := decode(t, newDecoder(t), call(pipeline.EventDup, 3, [6]uint64{}, f)).FD.Kind; got != want {
			t.Errorf("kind of %s = %d, want %d", name, got, want)
		}
		opened := decode(t, newDecoder(t), call(pipeline.EventOpen, 3, [6]uint64{}, str(0, "/proc/9/fd/1"), f)).FD
		if opened.Kind != pipeline.FDFile || opened.Name != "/proc/9/fd/1" {
			t.Errorf("%s opened by a path = kind %d, %q; want a file of that path", name, opened.Kind, opened.Name)
		}
	}
}

func TestCredentialsAndGroups(t *testing.T) {
	d := newDecoder(t)
	p := d.Lookup(100)
	p.User, p.Group = "root", "root"
	cred := credInfo{Uid: 1, Euid: 1, Egid: 5, CapEffective: 7, CapPermitted: 15}
	decode(t, d, call(pipeline.EventSetresuid, 0, [6]uint64{1, 1, 1}, piece{kind: kindCred, data: bytesOf(&cred)}))
	if p.EUID != 1 || p.GID != 5 || p.CapEffective != 7 || p.CapPermitted != 15 || p.User != "" || p.Group != "" {
		t.Errorf("after setresuid the process = %+v", p)
	}

	decode(t, d, call(pipeline.EventSetpgid, 0, [6]uint64{0, 0}))
	if p.PGID != 100 || p.VPGID != 100 {
		t.Errorf("after setpgid(0, 0) groups = %d, %d; want the process's own", p.PGID, p.VPGID)
	}
	p.PGID, p.VPGID, p.SID = 1, 1, 1
	decode(t, d, call(pipeline.EventSetsid, 100, [6]uint64{}))
	if p.SID != 100 || p.PGID != 100 || p.VPGID != 100 {
		t.Errorf("after setsid session %d, groups %d, %d; want the process's own", p.SID, p.PGID, p.VPGID)
	}
	p.VPID, p.PGID = 7, 1 // in a pid namespace
	decode(t, d, call(pipeline.EventSetpgid, 0, [6]uint64{7, 7}))
	if p.PGID != 100 || p.VPGID != 7 {
		t.Errorf("after setpgid(7, 7) as 7 groups = %d, %d; want 100, 7", p.PGID, p.VPGID)
	}
	p.VPID, p.VPGID = 100, 100
	decode(t, d, forked(20, 100, "sh", 20))
	decode(t, d, call(pipeline.EventSetpgid, 0, [6]uint64{20, 100}))
	if child := d.Lookup(20); child.PGID != 100 || p.PGID != 100 {
		t.Errorf("after setpgid(20, 100) the child's group = %d, want 100", child.PGID)
	}
	decode(t, d, call(pipeline.EventSetpgid, 0, [6]uint64{4711, 0})) // of a process nobody knows
	decode(t, d, call(pipeline.EventSetpgid, -1, [6]uint64{20, 0}))
	if child := d.Lookup(20); child.PGID != 100 {
		t.Errorf("a setpgid that failed changed the group to %d", child.PGID)
	}
}

func TestSpecialArguments(t *testing.T) {
	cloneArgs := []byte{0, 1, 0, 0, 0, 0, 0, 0, 9, 9}
	for sentence, c := range map[string]struct {
		sample pipeline.Sample
		flag   uint64
		mode   uint32
		str    string
		data   string
	}{
		"clone's flags without its signal":    {sample: call(pipeline.EventCloneCall, 7, [6]uint64{unix.CLONE_VM | 17}), flag: unix.CLONE_VM},
		"clone3 has its flags in memory":      {sample: call(pipeline.EventClone3, 7, [6]uint64{}, piece{kind: kindData, data: cloneArgs}), flag: unix.CLONE_VM},
		"an open that makes nothing, no mode": {sample: call(pipeline.EventOpen, -2, [6]uint64{0, unix.O_DIRECTORY, 0o777}, str(0, "/x")), flag: unix.O_DIRECTORY},
		"a file without a name has a mode":    {sample: call(pipeline.EventOpen, -2, [6]uint64{0, unix.O_TMPFILE, 0o600}, str(0, "/x")), flag: unix.O_TMPFILE, mode: 0o600},
		"the name that a process gave itself": {sample: call(pipeline.EventPrctl, 0, [6]uint64{unix.PR_SET_NAME}, piece{kind: kindComm, data: []byte("kworker\x00junk")}), str: "kworker"},
		"what was received":                   {sample: call(pipeline.EventRecvfrom, 2, [6]uint64{3}, piece{kind: kindData, index: 1, data: []byte("hi")}), data: "hi"},
	} {
		ev := decode(t, newDecoder(t), c.sample)
		if ev.Flag != c.flag || ev.Mode != c.mode || ev.Str != c.str || ev.Data != c.data || ev.Proc.Comm != "sh" {
			t.Errorf("%s: flag %#x, mode %o, string %q, data %q, name %q", sentence, ev.Flag, ev.Mode, ev.Str, ev.Data, ev.Proc.Comm)
		}
	}
}
