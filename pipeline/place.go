package pipeline

import "net/netip"

// Place is where an address is, as far as a database knows.
type Place struct {
	Country string `json:"country,omitempty"` // ISO 3166-1 alpha-2: "CN"
	City    string `json:"city,omitempty"`    // its English name
	ASN     uint32 `json:"asn,omitempty"`     // number of the autonomous system; 0 unknown
	ASOrg   string `json:"as_org,omitempty"`  // who runs that
}

// Places knows where addresses are. It is only asked when a rule or an output wants to know; it is safe for
// concurrent use.
type Places interface {
	// Place is where an address is; nil: not known.
	Place(addr netip.Addr) *Place
}
