package decode

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// endpoint is one end of a socket: an address, or a unix socket's path.
type endpoint struct {
	addr netip.AddrPort
	path string
}

// socket fills in a descriptor that is a socket: from the kernel's socket where the call succeeded, from
// the caller's sockaddr where it did not (a refused connect leaves no address in the kernel).
func (d *Decoder) socket(ev *pipeline.Event) {
	fd := &ev.FD
	family := uint16(unix.AF_UNSPEC)
	if c := d.rec.first(kindSock); c != nil {
		if s := view[sockInfo](c.data); s != nil {
			family = s.Family
			fd.Proto = uint8(s.Protocol)
			fd.Local = kernelAddr(s.Family, &s.Local, s.LocalPort)
			fd.Remote = kernelAddr(s.Family, &s.Remote, s.RemotePort)
		}
	}
	var path string
	if c := d.rec.first(kindSockaddr); c != nil {
		user, userFamily := userAddr(c.data)
		path = user.path
		if family == unix.AF_UNSPEC {
			family = userFamily
		}
		d.useCaller(ev, user.addr)
	}
	switch family {
	case unix.AF_INET:
		fd.Kind = pipeline.FDIPv4
	case unix.AF_INET6:
		fd.Kind = pipeline.FDIPv6
	case unix.AF_UNIX:
		fd.Kind = pipeline.FDUnix
		fd.Name = d.unixName(path)
		return
	default:
		return
	}
	d.roles(ev)
}

// useCaller takes the address that the caller passed where the kernel has none, or another one: that of
// an earlier call.
func (d *Decoder) useCaller(ev *pipeline.Event, addr netip.AddrPort) {
	fd := &ev.FD
	end := &fd.Remote
	if ev.Type == pipeline.EventBind {
		end = &fd.Local
	}
	failed := ev.Failed() && ev.Ret != -int64(unix.EINPROGRESS)
	if addr.IsValid() && (failed || !isSet(*end)) {
		*end = addr
		ev.Flags |= pipeline.FlagUserMemory
	}
}

// roles says which end is the client's and names the socket: "client->server", or only the server while
// there is no client.
func (d *Decoder) roles(ev *pipeline.Event) {
	fd := &ev.FD
	start := len(d.text)
	switch ev.Type {
	case pipeline.EventBind, pipeline.EventListen:
		fd.Server, fd.Remote = fd.Local, netip.AddrPort{}
		d.text = appendAddr(d.text, fd.Server, fd.Kind)
	case pipeline.EventSocket:
	case pipeline.EventAccept, pipeline.EventAccept4:
		fd.Client, fd.Server = fd.Remote, fd.Local
	default:
		fd.Client, fd.Server = fd.Local, fd.Remote
	}
	if addr := fd.Server.Addr(); addr.Is4() {
		fd.Kind = pipeline.FDIPv4 // an IPv4 peer of an IPv6 socket
	}
	if isSet(fd.Client) || isSet(fd.Server) && len(d.text) == start {
		d.text = appendAddr(d.text, fd.Client, fd.Kind)
		d.text = append(d.text, "->"...)
		d.text = appendAddr(d.text, fd.Server, fd.Kind)
	}
	fd.Name = alias(d.text[start:])
}

// unixName is a unix socket's fd.name: "source->destination path". The addresses of the kernel's objects,
// which Falco shows there, are not collected.
func (d *Decoder) unixName(path string) string {
	start := len(d.text)
	d.text = append(append(d.text, "0->0 "...), path...)
	return alias(d.text[start:])
}

// kernelAddr is an address of a sock_info; an IPv4 address in an IPv6 socket is that IPv4 address.
func kernelAddr(family uint16, addr *[16]uint8, port uint16) netip.AddrPort {
	switch family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(addr[:4])), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(*addr).Unmap(), port)
	default:
		return netip.AddrPort{}
	}
}

// userAddr reads a sockaddr as the caller passed it: sockaddr_in, sockaddr_in6 or sockaddr_un.
func userAddr(b []byte) (endpoint, uint16) {
	if len(b) < 2 {
		return endpoint{}, unix.AF_UNSPEC
	}
	family := binary.NativeEndian.Uint16(b)
	switch {
	case family == unix.AF_INET && len(b) >= 8:
		addr := netip.AddrFrom4([4]byte(b[4:8]))
		return endpoint{addr: netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[2:]))}, family
	case family == unix.AF_INET6 && len(b) >= 24:
		addr := netip.AddrFrom16([16]byte(b[8:24])).Unmap()
		return endpoint{addr: netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[2:]))}, family
	case family == unix.AF_UNIX:
		path, _, _ := bytes.Cut(b[2:], []byte{0})
		return endpoint{path: alias(path)}, family // abstract names start with NUL: no path
	default:
		return endpoint{}, family
	}
}

// isSet reports whether an end has an address: the kernel writes zeroes where there is none.
func isSet(a netip.AddrPort) bool {
	return a.IsValid() && (a.Port() != 0 || !a.Addr().IsUnspecified())
}

// appendAddr appends "address:port", without the brackets that Go puts around IPv6 addresses. An end that
// is not known is the unspecified address of its kind.
func appendAddr(dst []byte, a netip.AddrPort, kind pipeline.FDKind) []byte {
	addr := a.Addr()
	if !addr.IsValid() {
		addr = netip.IPv4Unspecified()
		if kind == pipeline.FDIPv6 {
			addr = netip.IPv6Unspecified()
		}
	}
	dst = addr.AppendTo(dst)
	return strconv.AppendUint(append(dst, ':'), uint64(a.Port()), 10)
}
