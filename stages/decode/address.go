package decode

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// endpoint is one end of a socket: an address, or a unix socket's path.
type endpoint struct {
	addr netip.AddrPort
	path []byte // sun_path, with what follows its NUL
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
		return endpoint{path: b[2:]}, family
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
