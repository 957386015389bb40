package field

import (
	"net/netip"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

// atlas knows one address, and counts questions.
type atlas struct{ asked int }

func (a *atlas) Place(addr netip.Addr) *pipeline.Place {
	a.asked++
	if addr != netip.MustParseAddr("203.0.113.9") {
		return nil
	}
	return &pipeline.Place{Country: "CN", City: "Shanghai", ASN: 4_200_000_001, ASOrg: "CHINANET"}
}

func TestPlaces(t *testing.T) {
	known := netip.MustParseAddrPort("203.0.113.9:4711")
	for name, c := range map[string]struct {
		ev   pipeline.Event
		want map[string]any
	}{
		"the far end of a connection": {pipeline.Event{Places: &atlas{}, FD: pipeline.FD{Kind: pipeline.FDIPv4, Remote: known}},
			map[string]any{"geo.country": "CN", "geo.city": "Shanghai", "geo.asn": int64(4_200_000_001), "geo.as_org": "CHINANET"}},
		"an address nobody knows": {pipeline.Event{Places: &atlas{}, FD: pipeline.FD{Remote: netip.MustParseAddrPort("8.8.8.8:1")}}, nil},
		"no connection":           {pipeline.Event{Places: &atlas{}}, nil},
		"nobody who knows":        {pipeline.Event{FD: pipeline.FD{Remote: known}}, nil},
	} {
		var v View
		v.Reset(&c.ev)
		for _, field := range []string{"geo.country", "geo.city", "geo.asn", "geo.as_org"} {
			if got := lookup(t, field).Value(&v); got != c.want[field] {
				t.Errorf("%s: %s = %v, want %v", name, field, got, c.want[field])
			}
		}
	}
	a := &atlas{}
	var v View
	v.Reset(&pipeline.Event{Places: a, FD: pipeline.FD{Remote: known}})
	lookup(t, "fd.rip").Value(&v)
	if a.asked != 0 {
		t.Error("somebody asked where an address is that no field wanted to know of")
	}
}
