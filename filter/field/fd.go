package field

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

func fdFields() []Def {
	return append([]Def{
		number("fd.num", Int, "number of the descriptor; -1 for a failed open", func(v *View) (int64, bool) {
			return v.Ev.FD.Num, v.Ev.FD.Kind != pipeline.FDNone
		}),
		resolved(str("fd.name", "file: absolute path, resolved by the kernel; socket: addresses and ports", func(v *View) (string, bool) {
			return v.Ev.FD.Name, v.Ev.FD.Kind != pipeline.FDNone
		})),
		str("fd.nameraw", "path as the caller passed it, repeated slashes removed", fdRaw),
		resolved(str("fd.directory", "path up to the last slash; of a directory its own path", fdDirectory)),
		str("fd.filename", "last part of a file's path", func(v *View) (string, bool) {
			_, file := lastSlash(v.Ev.FD.Name)
			return file, v.Ev.FD.Kind == pipeline.FDFile && v.Ev.FD.Num >= 0
		}),
		str("fd.type", "file, directory, ipv4, ipv6, unix, netlink, pipe, memfd, bpf, event, eventpoll, inotify, io_uring, pidfd, signalfd, timerfd, userfaultfd; <NA>: another kind", func(v *View) (string, bool) {
			return fdType(&v.Ev.FD), fdKnown(v.Ev)
		}),
		str("fd.typechar", "one letter for the type: f d 4 6 u p m o", func(v *View) (string, bool) {
			return typeChar(v.Ev), v.Ev.FD.Kind != pipeline.FDNone
		}),
		str("fd.sockfamily", "ip or unix; null for anything else", func(v *View) (string, bool) {
			if v.Ev.FD.Kind == pipeline.FDUnix {
				return "unix", true
			}
			return "ip", isIP(v.Ev.FD.Kind)
		}),
		str("fd.l4proto", "tcp, udp, icmp, raw; <NA> for what is no socket or has no peer", func(v *View) (string, bool) {
			return l4proto(&v.Ev.FD), fdKnown(v.Ev)
		}),
		boolean("fd.is_server", "the server's address is this machine's own", func(v *View) (value, ok bool) {
			return serverIsLocal(&v.Ev.FD), fdKnown(v.Ev)
		}),
		boolean("fd.connected", "the socket has a peer, or is about to", func(v *View) (value, ok bool) {
			return v.Ev.FD.Connected, fdKnown(v.Ev)
		}),
		boolean("fd.name_changed", "the call gave the descriptor its name, or another one", func(v *View) (value, ok bool) {
			return v.Ev.FD.Changed, fdKnown(v.Ev)
		}),
		boolean("fd.is_upper_layer", "the file is in the upper layer of an overlay", func(v *View) (value, ok bool) {
			return v.Ev.FD.Upper, fdKnown(v.Ev)
		}),
		boolean("fd.is_lower_layer", "the file is in a lower layer of an overlay", func(v *View) (value, ok bool) {
			return v.Ev.FD.Lower, fdKnown(v.Ev)
		}),
		number("fd.ino", Uint64, "inode number of the file", func(v *View) (int64, bool) { return int64(v.Ev.FD.Ino), v.Ev.FD.Ino != 0 }),
		number("fd.dev", Int, "device of the file", func(v *View) (int64, bool) { return int64(v.Ev.FD.Dev), v.Ev.FD.Dev != 0 }),
		number("fd.dev.major", Int, "device's major number", func(v *View) (int64, bool) {
			return int64(v.Ev.FD.Dev >> minorBits), v.Ev.FD.Dev != 0
		}),
		number("fd.dev.minor", Int, "device's minor number", func(v *View) (int64, bool) {
			return int64(v.Ev.FD.Dev & (1<<minorBits - 1)), v.Ev.FD.Dev != 0
		}),
		{Name: "fd.passed", Type: String, Arg: MayIndex, bind: bindPassed, get: Getter{Some: somePassed},
			Doc: "not Falco's. Name of descriptor [n], of the first four, that a recvmsg or recvmmsg received from another process; without index any"},
		str("fd.hostpath", "not Falco's. Path of the file as the host sees it; null where it is mounted nowhere on the host", func(v *View) (string, bool) {
			if k := v.Ev.FD.Kind; v.Ev.Mounts == nil || k != pipeline.FDFile && k != pipeline.FDDirectory && k != pipeline.FDUnknown {
				return "", false
			}
			ok := false
			path := v.Build(func(dst []byte) []byte {
				dst, ok = v.Ev.Mounts.AppendHostPath(dst, v.Ev)
				return dst
			})
			return path, ok
		}),
		str("fd.containername", "container id and fd.name, joined by a colon", prefixed(func(v *View) (string, bool) {
			return v.Ev.FD.Name, v.Ev.FD.Kind != pipeline.FDNone
		})),
		str("fd.containerdirectory", "container id and fd.directory, joined by a colon", prefixed(fdDirectory)),
	}, slices.Concat(endFields(), portTextFields(), []Def{typesField()})...)
}

func somePassed(v *View, test func(string) bool) bool {
	for i := range v.Ev.Passed {
		if test(v.Ev.Passed[i].Name) {
			return true
		}
	}
	return false
}

func bindPassed(arg string) (Getter, error) {
	n, err := parseIndex(arg)
	return Getter{Str: func(v *View) (string, bool) {
		if n >= len(v.Ev.Passed) {
			return "", false
		}
		return v.Ev.Passed[n].Name, true
	}}, err
}

// minorBits of the kernel's own dev_t (include/linux/kdev_t.h).
const minorBits = 20

// endFields are the addresses and ports of a connection. A list of prefixes keeps the four ends alike.
func endFields() []Def {
	var defs []Def
	for _, e := range []struct {
		prefix, whose string
		end           func(*pipeline.FD) netip.AddrPort
	}{
		{"c", "client", func(fd *pipeline.FD) netip.AddrPort { return fd.Client }},
		{"s", "server", func(fd *pipeline.FD) netip.AddrPort { return fd.Server }},
		{"l", "local end", func(fd *pipeline.FD) netip.AddrPort { return fd.Local }},
		{"r", "remote end", func(fd *pipeline.FD) netip.AddrPort { return fd.Remote }},
	} {
		addr := func(v *View) (netip.Addr, bool) {
			a := e.end(&v.Ev.FD).Addr()
			return a, a.IsValid()
		}
		defs = append(defs,
			Def{Name: "fd." + e.prefix + "ip", Type: IP, Doc: "address of the " + e.whose, get: Getter{Addr: addr}},
			Def{Name: "fd." + e.prefix + "net", Type: Net, FilterOnly: true, Plain: true, Doc: "address of the " + e.whose + ", compared with networks", get: Getter{Addr: addr}},
			Def{Name: "fd." + e.prefix + "ip.name", Type: String, Plain: true, Source: "name server", get: Getter{HostAddr: addr, Str: hostName(addr)},
				Doc: "host name of the address of the " + e.whose + ", of those that rules name and that are looked up: rules.resolve_names"},
			number("fd."+e.prefix+"port", Port, "port of the "+e.whose, func(v *View) (int64, bool) {
				p := e.end(&v.Ev.FD)
				return int64(p.Port()), p.Addr().IsValid()
			}))
	}
	ends := func(v *View) (a, b netip.AddrPort, ok bool) {
		fd := &v.Ev.FD
		return fd.Client, fd.Server, fd.Client.IsValid() || fd.Server.IsValid()
	}
	return append(defs,
		Def{Name: "fd.ip", Type: IP, FilterOnly: true, Plain: true, Doc: "address of either end", get: Getter{Ends: ends}},
		Def{Name: "fd.net", Type: Net, FilterOnly: true, Plain: true, Doc: "address of either end, compared with networks", get: Getter{Ends: ends}},
		Def{Name: "fd.proto", Type: Port, FilterOnly: true, Plain: true, Doc: "the same as fd.port", get: Getter{Ends: ends}},
		Def{Name: "fd.port", Type: Port, FilterOnly: true, Plain: true, Doc: "port of either end", get: Getter{Ends: ends}})
}

// hostName never asks for the name of an address: it is that of a host a rule names.
func hostName(addr func(*View) (netip.Addr, bool)) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		a, ok := addr(v)
		if !ok || v.Hosts == nil {
			return "", false
		}
		return v.Hosts.Name(a.Unmap())
	}
}

// fdKnown reports whether the descriptor's object is known; else only its number and name are.
func fdKnown(ev *pipeline.Event) bool { return ev.FD.Kind > pipeline.FDUnknown && ev.FD.Num >= 0 }

func isIP(k pipeline.FDKind) bool { return k == pipeline.FDIPv4 || k == pipeline.FDIPv6 }

func fdRaw(v *View) (string, bool) {
	fd := &v.Ev.FD
	if !strings.Contains(fd.Raw, "//") {
		return fd.Raw, fd.Kind != pipeline.FDNone
	}
	start := len(v.buf)
	for i := range len(fd.Raw) {
		if c := fd.Raw[i]; c != '/' || i == 0 || fd.Raw[i-1] != '/' {
			v.buf = append(v.buf, c)
		}
	}
	return view(v.buf[start:]), true
}

func fdDirectory(v *View) (string, bool) {
	switch fd := &v.Ev.FD; fd.Kind {
	case pipeline.FDDirectory:
		return fd.Name, true
	case pipeline.FDUnknown, pipeline.FDFile:
		dir, _ := lastSlash(fd.Name)
		return dir, true
	default:
		return "", false
	}
}

// lastSlash splits a path into directory and file name; the root's own name is "/".
func lastSlash(path string) (dir, file string) {
	if path == "/" {
		return "/", "/"
	}
	i := strings.LastIndexByte(path, '/')
	if i <= 0 {
		return "/", path[i+1:]
	}
	return path[:i], path[i+1:]
}

var fdTypes = [...]struct{ name, char string }{
	pipeline.FDNone:      {"", ""},
	pipeline.FDUnknown:   {unknown, "o"},
	pipeline.FDFile:      {"file", "f"},
	pipeline.FDDirectory: {"directory", "d"},
	pipeline.FDIPv4:      {"ipv4", "4"},
	pipeline.FDIPv6:      {"ipv6", "6"},
	pipeline.FDUnix:      {"unix", "u"},
	pipeline.FDPipe:      {"pipe", "p"},
	pipeline.FDMemfd:     {"memfd", "m"},
	pipeline.FDOther:     {unknown, "o"},
	pipeline.FDBpf:       {"bpf", "b"},
	pipeline.FDEvent:     {"event", "e"},
	pipeline.FDEpoll:     {"eventpoll", "l"},
	pipeline.FDInotify:   {"inotify", "i"},
	pipeline.FDIoUring:   {"io_uring", "r"},
	pipeline.FDNetlink:   {"netlink", "n"},
	pipeline.FDPidfd:     {"pidfd", "P"},
	pipeline.FDSignal:    {"signalfd", "s"},
	pipeline.FDTimer:     {"timerfd", "t"},
	pipeline.FDUserfault: {"userfaultfd", "u"},
}

func fdType(fd *pipeline.FD) string { return fdTypes[fd.Kind].name }

// typeChar of a descriptor that is not known is a guess by the call.
func typeChar(ev *pipeline.Event) string {
	if fdKnown(ev) {
		return fdTypes[ev.FD.Kind].char
	}
	switch ev.Type {
	case pipeline.EventOpenat, pipeline.EventOpenat2, pipeline.EventCreat:
		return "f"
	case pipeline.EventSocket, pipeline.EventAccept, pipeline.EventAccept4:
		return "4"
	case pipeline.EventPipe, pipeline.EventPipe2:
		return "p"
	case pipeline.EventEventfd, pipeline.EventEventfd2:
		return "e"
	case pipeline.EventSignalfd, pipeline.EventSignalfd4:
		return "s"
	case pipeline.EventTimerfdCreate:
		return "t"
	case pipeline.EventInotifyInit, pipeline.EventInotifyInit1:
		return "i"
	default:
		return "o"
	}
}

func l4proto(fd *pipeline.FD) string {
	if !isIP(fd.Kind) {
		return unknown
	}
	if fd.Proto == unix.IPPROTO_RAW {
		return "raw"
	}
	if !fd.Client.IsValid() && !fd.Server.IsValid() {
		return unknown
	}
	switch fd.Proto {
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	case unix.IPPROTO_ICMP:
		return "icmp"
	default:
		return unknown
	}
}

// serverIsLocal follows Falco, which asks for the server's address, not for this end's role: it holds
// for a client too when both ends are on one machine, and for an IPv6 socket that has no address yet.
func serverIsLocal(fd *pipeline.FD) bool {
	server := fd.Server.Addr()
	switch {
	case !isIP(fd.Kind):
		return false
	case !server.IsValid():
		return fd.Kind == pipeline.FDIPv6
	case !fd.Remote.IsValid(): // listens
		return true
	default:
		return server.IsLoopback() || fd.Server == fd.Local || server == fd.Client.Addr()
	}
}

func prefixed(f func(*View) (string, bool)) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		s, ok := f(v)
		id, known := containerID(v.Ev.Proc)
		if !ok || !known {
			return "", false
		}
		start := len(v.buf)
		v.buf = append(append(append(v.buf, pipeline.ShortID(id)...), ':'), s...)
		return view(v.buf[start:]), true
	}
}
