package match

import (
	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/pipeline"
)

// locator answers rules for structured events, in their terms.
func locator(places pipeline.Places) payload.Locator {
	if places == nil {
		return nil
	}
	return func(address string) map[string]any {
		p := places.Place(pipeline.ParseAddr(address))
		if p == nil {
			return nil
		}
		members := map[string]any{}
		for name, value := range map[string]string{"country": p.Country, "city": p.City, "as_org": p.ASOrg} {
			if value != "" {
				members[name] = value
			}
		}
		if p.ASN != 0 {
			members["asn"] = int(p.ASN)
		}
		return members
	}
}

// locate gives an alert the place of the first address that the rule asks about and that has one.
func (r *payloadRule) locate(a *pipeline.Alert, e payload.Event, places pipeline.Places) {
	if places == nil {
		return
	}
	for _, p := range r.asked {
		text, _ := p.Value(e).(string)
		addr := pipeline.ParseAddr(text)
		if found := places.Place(addr); found != nil {
			place := *found
			place.Address = addr.String()
			a.Place = &place
			return
		}
	}
}
