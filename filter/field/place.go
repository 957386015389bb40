package field

import "github.com/tocsin-security/tocsin/pipeline"

// placeFields say where the far end of a connection is. Their texts live as long as anybody has them: nothing
// is put together.
func placeFields() []Def {
	return []Def{
		located(str("geo.country", "not Falco's. Country of the remote address: two letters (ISO 3166-1)", func(v *View) (string, bool) {
			p := placeOf(v.Ev)
			return p.Country, p.Country != ""
		})),
		located(str("geo.city", "not Falco's. City of the remote address, by its English name", func(v *View) (string, bool) {
			p := placeOf(v.Ev)
			return p.City, p.City != ""
		})),
		located(number("geo.asn", Uint, "not Falco's. Number of the autonomous system that the remote address belongs to", func(v *View) (int64, bool) {
			p := placeOf(v.Ev)
			return int64(p.ASN), p.ASN != 0
		})),
		located(str("geo.as_org", "not Falco's. Who runs that autonomous system", func(v *View) (string, bool) {
			p := placeOf(v.Ev)
			return p.ASOrg, p.ASOrg != ""
		})),
	}
}

func located(d Def) Def {
	d.Located = true
	return d
}

// nowhere is the place of everything that has none.
var nowhere pipeline.Place

func placeOf(ev *pipeline.Event) *pipeline.Place {
	if ev.Places == nil || !ev.FD.Remote.IsValid() {
		return &nowhere
	}
	if p := ev.Places.Place(ev.FD.Remote.Addr()); p != nil {
		return p
	}
	return &nowhere
}
