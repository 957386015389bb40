package geoip

import (
	"maps"
	"net/netip"
	"strconv"

	"github.com/tocsin-security/tocsin/pipeline"
)

// addressFields are where the far end's address may stand, of which the first that is a public one counts.
// Alerts of our own have fd.rip. Falco's may have the two ends as server and client only: the far one is that
// which is no address of ours. Posted events have it under one of these names, if the rule shows it.
var addressFields = []string{
	"fd.rip", "fd.sip", "fd.cip",
	"event.ip", "event.remote_ip", "event.source_ip", "event.src_ip", "event.client_ip", "event.remote_addr",
	"event.source.ip", "event.client.ip",
}

// Locate shows in an alert where its remote address is, unless it says so already: Place, the label
// geo_country, and geo.country, geo.city, geo.asn and geo.as_org among its fields and, as far as they are
// known, its annotations. The maps that the alert came with are not changed: others may hold them.
func (d *Databases) Locate(a *pipeline.Alert) {
	if a.Place == nil {
		addr := remote(a.OutputFields)
		found := d.Place(addr)
		if found == nil {
			return
		}
		place := *found
		place.Address = addr.String()
		a.Place = &place
	}
	p := a.Place
	a.OutputFields, a.Labels, a.Annotations = own(a.OutputFields), own(a.Labels), own(a.Annotations)
	set := func(name string, value any, text string) {
		if text == "" {
			return
		}
		if a.OutputFields[name] == nil {
			a.OutputFields[name] = value
		}
		if label := pipeline.LabelName(name); a.Annotations[label] == "" {
			a.Annotations[label] = text
		}
	}
	set("geo.country", p.Country, p.Country)
	set("geo.city", p.City, p.City)
	set("geo.as_org", p.ASOrg, p.ASOrg)
	if p.ASN != 0 {
		set("geo.asn", int64(p.ASN), strconv.FormatUint(uint64(p.ASN), 10))
	}
	if a.Labels["geo_country"] == "" {
		a.SetLabel("geo_country", p.Country)
	}
}

func own[M ~map[string]V, V any](m M) M {
	if m == nil {
		return M{}
	}
	return maps.Clone(m)
}

// remote is the address of the far end; the zero one when no field has it.
func remote(fields pipeline.Fields) netip.Addr {
	for _, name := range addressFields {
		text, ok := fields[name].(string)
		if !ok || text == "" || fields["fd.lip"] == text {
			continue
		}
		if addr := pipeline.ParseAddr(text); Public(addr) {
			return addr
		}
	}
	return netip.Addr{}
}
