package geoip

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestLocate(t *testing.T) {
	d := use(write(t, t.TempDir()+"/city.mmdb", database(t, 6, record{"203.0.113.0/24": func() mmdbtype.Map {
		m := cityOf("CN", "Shanghai")
		for k, v := range asOf(4134, "CHINANET") {
			m[k] = v
		}
		return m
	}()})))
	full := pipeline.Place{Country: "CN", City: "Shanghai", ASN: 4134, ASOrg: "CHINANET", Address: "203.0.113.9"}
	for name, c := range map[string]struct {
		fields pipeline.Fields
		want   *pipeline.Place
	}{
		"the remote end":                         {pipeline.Fields{"fd.rip": "203.0.113.9"}, &full},
		"the server of Falco's":                  {pipeline.Fields{"fd.sip": "203.0.113.9", "fd.cip": "10.0.0.5"}, &full},
		"the client of Falco's":                  {pipeline.Fields{"fd.sip": "10.0.0.5", "fd.cip": "203.0.113.9"}, &full},
		"the client, for the server is this one": {pipeline.Fields{"fd.sip": "203.0.113.7", "fd.lip": "203.0.113.7", "fd.cip": "203.0.113.9"}, &full},
		"a posted event's":                       {pipeline.Fields{"event.ip": "203.0.113.9"}, &full},
		"a posted event's with a port":           {pipeline.Fields{"event.remote_addr": "203.0.113.9:4711"}, &full},
		"a private one":                          {pipeline.Fields{"fd.rip": "10.0.0.1"}, nil},
		"no text":                                {pipeline.Fields{"fd.rip": 7}, nil},
		"no address":                             {pipeline.Fields{"fd.rip": "<NA>"}, nil},
		"nothing":                                {nil, nil},
	} {
		a := pipeline.Alert{OutputFields: c.fields}
		d.Locate(&a)
		if diff := cmp.Diff(c.want, a.Place); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	shared := map[string]string{"rule": "r"}
	a := pipeline.Alert{OutputFields: pipeline.Fields{"fd.rip": "203.0.113.9", "geo.city": nil}, Labels: shared, Annotations: map[string]string{"geo_asn": "mine"}}
	a.SetIdentity(map[string]string{"object": "x"})
	before := a.Fingerprint
	shared = a.Labels
	for range 2 {
		d.Locate(&a)
	}
	want := pipeline.Fields{"fd.rip": "203.0.113.9", "geo.country": "CN", "geo.city": "Shanghai", "geo.asn": int64(4134), "geo.as_org": "CHINANET"}
	if diff := cmp.Diff(want, a.OutputFields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	wantTexts := map[string]string{"geo_country": "CN", "geo_city": "Shanghai", "geo_asn": "mine", "geo_as_org": "CHINANET"}
	if diff := cmp.Diff(wantTexts, a.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if a.Labels["geo_country"] != "CN" || shared["geo_country"] != "" || a.Fingerprint != before {
		t.Errorf("labels %v, of before %v, fingerprint %v of %v: want the country in labels of its own, and the same fingerprint",
			a.Labels, shared, a.Fingerprint, before)
	}
}
