package payload

import (
	"strings"
	"testing"
)

// where knows one address.
func where(address string) map[string]any {
	if address != "203.0.113.9" {
		return nil
	}
	return map[string]any{"country": "CN", "asn": 4134, "as_org": "CHINANET"} // no city
}

func TestPlacesInConditions(t *testing.T) {
	e := decode(t, `{"ip":"203.0.113.9","other":"8.8.8.8","list":["10.0.0.1","203.0.113.9"],"n":7,"none":null}`)
	for condition, want := range map[string]bool{
		`geo(event.ip).country == "CN"`:                                         true,
		`geo(event.ip).country in ["CN", "US"]`:                                 true,
		`geo(event.ip).asn == 4134 && geo(event.ip).as_org contains "NET"`:      true,
		`geo(event.ip)?.country == "CN"`:                                        true,
		`geo(event.ip).country not in ["US"]`:                                   true,
		`geo(event.ip).city == nil`:                                             true,
		`geo(event.ip).city != "Shanghai"`:                                      false, // nothing never matches
		`geo(event.other).country == "CN"`:                                      false,
		`geo(event.other).country != "CN"`:                                      false,
		`geo(event.other) == nil`:                                               true,
		`geo(event.other).country not in ["US"]`:                                true,
		`geo(event.n).country == "CN"`:                                          false,
		`geo(event.none) == nil && geo(event.missing.deep).country == nil`:      true,
		`any(event.list, geo(#).country == "CN")`:                               true,
		`(geo(event.other).country ?? "?") == "?"`:                              true,
		`let p = geo(event.ip); p.country == "CN"`:                              true,
		`geo(event.ip).country == geo(event.list[1]).country`:                   true,
		`geo("203.0.113.9").country == "CN" && geo(event.ip).asn in 4000..5000`: true,
	} {
		c := compile(t, condition, nil)
		if got, err := c.Match(e.Located(where)); err != nil || got != want {
			t.Errorf("%s = %v, %v, want %v", condition, got, err, want)
		}
		if asks, _ := c.AsksPlaces(); !asks {
			t.Errorf("%s does not say that it asks for places", condition)
		}
		if _, err := c.Match(e); err != nil {
			t.Errorf("%s, without anybody who knows places: %v", condition, err)
		}
	}
	if asks, _ := compile(t, `len(event.ip) > 1`, nil).AsksPlaces(); asks {
		t.Error("a condition about no place says that it asks for one")
	}
	_, of := compile(t, `geo(event.list[1]).country == "CN" || any(event.list, geo(#).asn == 1)`, nil).AsksPlaces()
	if len(of) != 1 || of[0].Value(e) != "203.0.113.9" {
		t.Errorf("the condition asks for the places of %v, want that of the second element", of)
	}
}

func TestPlacesAreTypeChecked(t *testing.T) {
	schema, err := NewSchema(map[string]any{"ip": "string", "n": "int"})
	if err != nil {
		t.Fatal(err)
	}
	for condition, want := range map[string]string{
		`geo(event.ip).contry == "CN"`:   "contry",
		`geo(event.ip).asn == "AS4134"`:  "mismatched types",
		`geo(event.n).country == "CN"`:   "cannot use int as argument (type string) to call geo",
		`geo().country == "CN"`:          "not enough arguments to call geo",
		`geo(event.ip, 1).country == ""`: "too many arguments to call geo",
		`geo(event.pi).country == "CN"`:  `the schema has no member "pi"`,
		`goe(event.ip).country == "CN"`:  "goe",
		`event.ip("x") == 1`:             "",
	} {
		_, err := Compile(text(condition), schema)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", condition, err, want)
		}
	}
}

func TestPlacesInPathsAndOutputs(t *testing.T) {
	e := decode(t, `{"ip":"203.0.113.9","a":{"b c":"203.0.113.9"}}`).Located(where)
	for path, want := range map[string]any{
		`geo(event.ip).country`:      "CN",
		`geo(event.ip).asn`:          4134,
		`geo(event.ip).city`:         nil,
		`geo(event.a["b c"]).as_org`: "CHINANET",
		`geo(event.missing).country`: nil,
		`geo(event.a).country`:       nil,
	} {
		p, err := ParsePath(text(path), nil)
		if asks, _ := p.AsksPlaces(); err != nil || p.Text != path || !asks {
			t.Errorf("ParsePath(%s) = %+v, %v", path, p, err)
		}
		if got := p.Value(e); got != want {
			t.Errorf("%s = %v, want %v", path, got, want)
		}
		if got := p.In(e.Members()); got != nil {
			t.Errorf("%s of members alone, which know no place, = %v", path, got)
		}
	}
	for path, want := range map[string]string{
		`geo(event.ip)`:               "expected ).",
		`geo(event.ip`:                "expected ).",
		`geo(event.ip).`:              `no member ""`,
		`geo(event.ip).town`:          "country, city, asn, as_org",
		`geo(ip).country`:             "no member of the event",
		`geo(geo(event.ip).city).asn`: "expected ).",
		`geo(event.ip).country.x`:     "does not belong",
	} {
		if p, err := ParsePath(text(path), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParsePath(%s) = %+v, %v, want %q", path, p, err, want)
		}
	}
	o, err := ParseOutput(text("login from %geo(event.ip).country, %geo(event.ip).city. (%event.ip)"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := o.Text(e), "login from CN, <NA>. (203.0.113.9)"; got != want {
		t.Errorf("output = %q, want %q", got, want)
	}
}
