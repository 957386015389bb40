package ruletest

import (
	"net/netip"
	"strconv"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Places are the address database of a test.
type Places map[netip.Addr]*pipeline.Place

// Place implements pipeline.Places.
func (p Places) Place(addr netip.Addr) *pipeline.Place { return p[addr] }

// places reads address: {country, city, asn, as_org}.
func (r *reader) places(e entry) Places {
	all := Places{}
	addresses, err := r.mapping(e.value, e.name)
	r.keep(err)
	for _, a := range addresses {
		addr := pipeline.ParseAddr(a.name)
		if !addr.IsValid() {
			r.fail(a.at, "places: %q is no address", a.name)
		}
		members, err := r.mapping(a.value, a.name)
		r.keep(err)
		p := &pipeline.Place{}
		for _, m := range members {
			switch m.name {
			case "country":
				p.Country = r.text(m)
			case "city":
				p.City = r.text(m)
			case "as_org":
				p.ASOrg = r.text(m)
			case "asn":
				n, err := strconv.ParseUint(r.text(m), 10, 32)
				if err != nil || n == 0 {
					r.fail(r.pos(m.value), "asn: a number, as in 4134")
				}
				p.ASN = uint32(n)
			default:
				r.unknown(m, "country", "city", "asn", "as_org")
			}
		}
		all[addr] = p
	}
	return all
}
