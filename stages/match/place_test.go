package match

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// atlas is an address database.
type atlas map[string]pipeline.Place

func (a atlas) Place(addr netip.Addr) *pipeline.Place {
	if p, ok := a[addr.String()]; ok {
		return &p
	}
	return nil
}

var world = atlas{
	"203.0.113.9":  {Country: "CN", City: "Shanghai", ASN: 4134, ASOrg: "CHINANET"},
	"198.51.100.1": {Country: "US"},
}

// placed are the rules of file, compiled as where there is an address database.
func placed(t *testing.T, file string) *rules.Set {
	t.Helper()
	cfg := rules.DefaultConfig()
	cfg.Places = true
	set, err := rules.Parse(cfg, []rules.Source{text(file)})
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

// A window compares the countries of a user's connections: what it is shown, where it changed, is the country.
func TestWindowsByCountry(t *testing.T) {
	set := placed(t, `
- rule: Moved
  desc: d
  condition: evt.type = accept4
  window: {by: [user.name], within: 1h, changed: {field: geo.country}, new: {field: geo.asn}, distinct: {field: geo.country, over: 1}}
  output: "%user.name from %geo.country (%geo.asn)"
  priority: WARNING
- rule: By country
  desc: d
  condition: evt.type = accept4 and geo.country exists
  window: {by: [geo.country], within: 1h, count: {over: 1}}
  output: "%geo.country %geo.city"
  priority: WARNING
`)
	m, err := New(Config{Windows: &scripted{}}, set)
	if err != nil {
		t.Fatal(err)
	}
	type shown struct{ Rule, Key, Changed, New, Distinct string }
	var got []shown
	for _, ip := range []string{"203.0.113.9", "198.51.100.1", "192.0.2.1"} {
		ev := shadowRead()
		ev.Type, ev.Places = pipeline.EventAccept4, world
		ev.FD = pipeline.FD{Kind: pipeline.FDIPv4, Num: 4, Remote: netip.AddrPortFrom(netip.MustParseAddr(ip), 1234)}
		m.Match(ev, func(a pipeline.Alert) {
			o := a.Unjudged.Observation
			_, key, _ := strings.Cut(o.Key, "\x00")
			got = append(got, shown{a.Rule, key, o.Changed, o.New, o.Distinct})
		})
	}
	var counted []string
	for i := range got {
		if got[i].Rule == "By country" {
			counted = append(counted, got[i].Key)
		}
		got[i].Key = ""
	}
	want := []shown{
		{"Moved", "", "CN", "4134", "CN"}, {"By country", "", "", "", ""},
		{"Moved", "", "US", "", "US"}, {"By country", "", "", "", ""},
		{"Moved", "", "", "", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("shown to windows (-want +got):\n%s", diff)
	}
	if len(counted) == 2 && counted[0] == counted[1] && counted[0] != "" {
		t.Errorf("two countries have one key %q", counted[0])
	}
}

func TestStructuredEventsAndPlaces(t *testing.T) {
	set := placed(t, `
- rule: Abroad
  desc: d
  source: json
  condition: event.type == "login" && geo(event.ip).country not in ["CN", "HK"] && geo(event.ip) != nil
  output: "%event.user from %geo(event.ip).country"
  priority: WARNING
  dedupe: {by: [event.user, geo(event.ip).country]}
- rule: Moved
  desc: d
  source: json
  condition: event.type == "login"
  window: {by: [event.user], within: 1h, changed: {field: geo(event.ip).country}}
  output: "%event.user from %geo(event.ip).country"
  priority: WARNING
- rule: Any
  desc: d
  source: json
  condition: event.type == "login"
  output: "login"
  priority: WARNING
`)
	p := NewPayload(Config{Places: world}, set)
	got, err := p.Match(posted(`{"type":"login","user":"li","ip":"198.51.100.1:4711"}`))
	if err != nil || len(got) != 3 {
		t.Fatalf("%d alerts, %v, want 3", len(got), err)
	}
	place := &pipeline.Place{Country: "US", Address: "198.51.100.1"}
	if a := got[0]; a.Output != "li from US" || cmp.Diff(place, a.Place) != "" || a.OutputFields["geo(event.ip).country"] != "US" || a.Labels["geo_event_ip__country"] != "US" {
		t.Errorf("alert = %+v, place %+v, want one of the United States", a, a.Place)
	}
	if a := got[1]; a.Unjudged.Observation.Changed != "US" || cmp.Diff(place, a.Place) != "" {
		t.Errorf("unjudged = %+v, place %+v: want the window to see the country", a.Unjudged, a.Place)
	}
	if got[2].Place != nil {
		t.Errorf("a rule that asks for no place has %+v", got[2].Place)
	}
	for body, want := range map[string]int{
		`{"type":"login","user":"li","ip":"203.0.113.9"}`: 2, // at home
		`{"type":"login","user":"li","ip":"10.0.0.1"}`:    2, // nowhere
		`{"type":"login","user":"li"}`:                    2,
	} {
		if got, err := p.Match(posted(body)); err != nil || len(got) != want {
			t.Errorf("%s: %d alerts, %v, want %d", body, len(got), err, want)
		}
	}
	if got, err := NewPayload(Config{}, set).Match(posted(`{"type":"login","ip":"198.51.100.1"}`)); err != nil || len(got) != 2 {
		t.Errorf("without a database: %d alerts, %v, want 2", len(got), err)
	}
}
