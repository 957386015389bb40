package notifiers

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// Networks say to which addresses nothing is sent, whatever name led there. An address is asked for when the connection is
// made, after all names are resolved. Through a proxy it is the proxy's.
type Networks struct {
	// Private, false: nothing is sent to private, loopback and shared addresses. Default true: most receivers are inside.
	Private *bool          `yaml:"private_networks"`
	Allow   []netip.Prefix `yaml:"allow_networks"` // to these everything is sent
}

// metadata are the addresses where clouds tell a machine its credentials, beside the link-local ones.
var metadata = []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("192.0.0.192")}

// shared is what providers use behind their own NAT (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// ErrNetwork says that an address is not one to send to.
var ErrNetwork = errors.New("nothing is sent there")

// check is for an address to which a connection is about to be made.
func (n Networks) check(addr netip.Addr) error {
	addr = addr.Unmap()
	if slices.ContainsFunc(n.Allow, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return nil
	}
	switch {
	case addr.IsLinkLocalUnicast(), slices.Contains(metadata, addr):
		return fmt.Errorf("%s is link-local or a cloud's metadata: %w; http_config.allow_networks allows it", addr, ErrNetwork)
	case addr.IsMulticast(), addr == netip.IPv4Unspecified(), addr == netip.IPv6Unspecified():
		return fmt.Errorf("%s is nobody's address: %w", addr, ErrNetwork)
	case n.Private != nil && !*n.Private && (addr.IsPrivate() || addr.IsLoopback() || shared.Contains(addr)):
		return fmt.Errorf("%s is private: %w with private_networks: false; http_config.allow_networks allows it", addr, ErrNetwork)
	}
	return nil
}

// dialer makes connections to allowed addresses.
func (n Networks) dialer() *net.Dialer {
	return &net.Dialer{Timeout: connectTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%q is no address: %w", address, err)
		}
		return n.check(to.Addr())
	}}
}
