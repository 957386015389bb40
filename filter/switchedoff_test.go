package filter

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// china is where every address is.
type china struct{}

func (china) Place(netip.Addr) *pipeline.Place { return &pipeline.Place{Country: "CN", ASN: 4134} }

func TestPlacesInConditions(t *testing.T) {
	ev := socket(pipeline.FDIPv4, "10.0.0.1:1", "203.0.113.9:443")
	ev.Places = china{}
	nowhere := socket(pipeline.FDIPv4, "10.0.0.1:1", "203.0.113.9:443")
	for sentence, c := range map[string]verdict{
		"a country":                   {"geo.country = CN", ev, true},
		"a list of countries":         {"geo.country in (US, CN)", ev, true},
		"another country":             {"geo.country != US", ev, true},
		"a number":                    {"geo.asn = 4134 and geo.asn < 5000", ev, true},
		"a city nobody knows":         {"geo.city = Shanghai", ev, false},
		"nothing is not unequal":      {"geo.city != Shanghai", ev, false},
		"a country nobody knows":      {"geo.country != CN", nowhere, false},
		"that is asked for":           {"geo.country exists", ev, true},
		"that is asked for in vain":   {"geo.country exists", nowhere, false},
		"compared with another field": {"geo.country = val(geo.city)", ev, false},
	} {
		p := NewProgram()
		p.LocateAddresses()
		condition := compile(t, p, c.condition)
		e := NewEvaluator(p)
		e.Reset(c.ev)
		if got := e.Match(condition); got != c.want || len(condition.Notes()) > 0 {
			t.Errorf("%s: %s = %v, want %v; notes %v, want none", sentence, c.condition, got, c.want, condition.Notes())
		}
	}
}

func TestWithoutADatabasePlacesAreBlind(t *testing.T) {
	p := NewProgram()
	c := compile(t, p, "evt.type = connect and not geo.country = CN")
	if notes := c.Notes(); len(notes) != 1 || !strings.Contains(notes[0].Msg, "geo.country is always null here: there is no address database: enrich.geoip") {
		t.Errorf("notes of the condition = %v, want one that names the setting", notes)
	}
	o, err := ParseOutput(syntax.NewText("to %geo.city", syntax.Pos{Line: 1, Col: 1}))
	if err != nil {
		t.Fatal(err)
	}
	if notes := p.OutputNotes(o); len(notes) != 1 || notes[0].At.Col != 4 {
		t.Errorf("notes of the output = %v, want one at the field", notes)
	}
	like := NewProgram()
	like.LocateAddresses()
	if like = like.Like(); len(like.OutputNotes(o)) != 0 {
		t.Error("a program like one that knows places does not")
	}
}
