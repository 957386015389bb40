package pipeline

import "net/netip"

// Place is where an address is, as far as a database knows.
type Place struct {
	Country string `json:"country,omitempty"` // ISO 3166-1 alpha-2: "CN"
	City    string `json:"city,omitempty"`    // its English name
	ASN     uint32 `json:"asn,omitempty"`     // number of the autonomous system; 0 unknown
	ASOrg   string `json:"as_org,omitempty"`  // who runs that
	Address string `json:"address,omitempty"` // that is there; only in an alert
}

// ParseAddr reads an address as events have it: with a port or without, an IPv4 address in IPv6 as itself. It is
// the zero one for what is no address.
func ParseAddr(text string) netip.Addr {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}
		}
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone("")
}

// Places knows where addresses are. It is only asked when a rule or an output wants to know; it is safe for
// concurrent use.
type Places interface {
	// Place is where an address is; nil: not known.
	Place(addr netip.Addr) *Place
}
