package decode

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// newSocket is what socket(2) made, which has no address yet.
func newSocket(ev *pipeline.Event) {
	const typeMask = 0xf // the rest are SOCK_CLOEXEC and SOCK_NONBLOCK
	fd := &ev.FD
	fd.Kind = socketKind(uint16(ev.Args[0]))
	fd.Proto = uint8(ev.Args[2])
	if ev.Args[1]&typeMask == unix.SOCK_RAW {
		fd.Proto = unix.IPPROTO_RAW
	}
}

func socketKind(family uint16) pipeline.FDKind {
	switch family {
	case unix.AF_INET:
		return pipeline.FDIPv4
	case unix.AF_INET6:
		return pipeline.FDIPv6
	case unix.AF_UNIX:
		return pipeline.FDUnix
	case unix.AF_NETLINK:
		return pipeline.FDNetlink
	case unix.AF_UNSPEC:
		return pipeline.FDUnknown
	default:
		return pipeline.FDOther
	}
}

// socket fills in a descriptor that is a socket: from the kernel's socket where the call succeeded, from
// the caller's sockaddr where it did not (a refused connect leaves no address in the kernel).
func (d *Decoder) socket(ev *pipeline.Event, c, addr *chunk) {
	fd := &ev.FD
	family := uint16(unix.AF_UNSPEC)
	var s *sockInfo
	if c != nil {
		s = view[sockInfo](c.data)
	}
	if s != nil {
		family = s.Family
		fd.Proto = uint8(s.Protocol)
		if s.Type == unix.SOCK_RAW {
			fd.Proto = unix.IPPROTO_RAW
		}
		fd.Local = kernelAddr(s.Family, &s.Local, s.LocalPort)
		fd.Remote = kernelAddr(s.Family, &s.Remote, s.RemotePort)
		fd.Connected = s.State == tcpEstablished && isSet(fd.Remote)
	}
	var user endpoint
	if addr != nil {
		var userFamily uint16
		user, userFamily = userAddr(addr.data)
		if family == unix.AF_UNSPEC {
			family = userFamily
		}
		d.useCaller(ev, s, user.addr)
	}
	fd.Kind = socketKind(family)
	switch {
	case fd.Kind == pipeline.FDUnix:
		d.unixName(ev, c, s, user.path)
	case fd.Kind == pipeline.FDIPv4 || fd.Kind == pipeline.FDIPv6:
		d.roles(ev)
	}
	if connects(ev) {
		fd.Connected = true
	}
}

// tcpEstablished is TCP_ESTABLISHED of the kernel, which connected sockets of every kind have.
const tcpEstablished = 1

// connects reports whether the call shows that the socket has a peer, or will have.
func connects(ev *pipeline.Event) bool {
	switch ev.Type {
	case pipeline.EventConnect:
		return ev.Ret == 0 || ev.Ret == -int64(unix.EINPROGRESS)
	case pipeline.EventAccept, pipeline.EventAccept4:
		return true
	default:
		return transfers(ev.Type) && !ev.Failed() && ev.FD.Kind != pipeline.FDUnix
	}
}

// transfers reports the calls that send or receive.
func transfers(t pipeline.EventType) bool {
	return t == pipeline.EventSendto || t == pipeline.EventSendmsg || t == pipeline.EventSendmmsg ||
		t == pipeline.EventRecvfrom || receives(t)
}

// receives reports the calls whose messages can bring descriptors.
func receives(t pipeline.EventType) bool {
	return t == pipeline.EventRecvmsg || t == pipeline.EventRecvmmsg
}

// useCaller takes the address in the caller's memory where the kernel's socket has none or another one:
// that of an earlier call, or the peer that a datagram socket is connected to while this one went elsewhere.
func (d *Decoder) useCaller(ev *pipeline.Event, s *sockInfo, addr netip.AddrPort) {
	fd := &ev.FD
	end := &fd.Remote
	if ev.Type == pipeline.EventBind {
		end = &fd.Local
	}
	accepts := ev.Type == pipeline.EventAccept || ev.Type == pipeline.EventAccept4
	if !addr.IsValid() || accepts { // who accepts has both ends from the kernel
		return
	}
	elsewhere := !isSet(*end) || s != nil && s.Type == unix.SOCK_DGRAM && *end != addr
	fd.Changed = transfers(ev.Type) && !ev.Failed() && elsewhere
	failed := ev.Failed() && ev.Ret != -int64(unix.EINPROGRESS)
	if !fd.Changed && !failed && isSet(*end) {
		return
	}
	*end = addr
	ev.Flags |= pipeline.FlagUserMemory
	if fd.Changed {
		fd.Local = chosen(fd.Local, addr.Addr())
	}
}

// chosen is the local end of a datagram to addr: of a socket bound to no address, to which one is only
// known when the machine talks to itself.
func chosen(local netip.AddrPort, addr netip.Addr) netip.AddrPort {
	if addr.IsLoopback() && local.Addr().IsUnspecified() {
		return netip.AddrPortFrom(addr, local.Port())
	}
	return local
}
