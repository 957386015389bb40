package filter

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

func TestHostNames(t *testing.T) {
	var hosts pipeline.HostNames
	hosts.Set(map[string][]netip.Addr{"a.example": {netip.MustParseAddr("192.0.2.1")}, "b.example": {netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}})
	one, three := socket(pipeline.FDIPv6, "10.0.0.1:1", "[::ffff:192.0.2.1]:443"), socket(pipeline.FDIPv4, "10.0.0.1:1", "192.0.2.3:443")
	for sentence, c := range map[string]verdict{
		"an address of the host":             {"fd.sip.name = a.example", one, true},
		"an address of two hosts":            {"fd.sip.name = b.example", one, true},
		"an address of no host":              {"fd.sip.name = a.example", three, false},
		"unequal":                            {"fd.sip.name != a.example", three, true},
		"unequal to its own":                 {"fd.sip.name != a.example", one, false},
		"in a list":                          {"fd.rip.name in (x.example, b.example)", one, true},
		"all of them":                        {"fd.sip.name = allof (a.example, b.example)", one, true},
		"a host that was not found":          {"fd.sip.name = x.example", one, false},
		"the client's":                       {"fd.cip.name = a.example", one, false},
		"no socket":                          {"fd.sip.name != a.example", named("x"), false},
		"its name":                           {"fd.sip.name startswith a.", one, true},
		"no name":                            {"fd.sip.name exists", three, false},
		"an address, negated, is not a host": {"not fd.sip.name in (a.example)", three, true},
	} {
		t.Run(sentence, func(t *testing.T) {
			p := NewProgram()
			p.ResolveNames(&hosts)
			condition := compile(t, p, c.condition)
			e := NewEvaluator(p)
			e.Reset(c.ev)
			if got := e.Match(condition); got != c.want {
				t.Errorf("%s = %v, want %v", c.condition, got, c.want)
			}
		})
	}
}

func TestNamesAreTheOnesToLookUp(t *testing.T) {
	p := NewProgram()
	p.ResolveNames(&pipeline.HostNames{})
	compile(t, p, "fd.sip.name in (b.example, a.example) or not fd.rip.name = c.example or fd.sip.name contains d or proc.name = e")
	if diff := cmp.Diff([]string{"a.example", "b.example", "c.example"}, p.Names()); diff != "" {
		t.Errorf("Names (-want +got):\n%s", diff)
	}
}

func TestWithoutLookUpNamesAreBlind(t *testing.T) {
	p := NewProgram()
	c := compile(t, p, "evt.type = connect and not fd.sip.name = a.example")
	notes := c.Notes()
	if len(notes) != 1 || !strings.Contains(notes[0].Msg, "rules.resolve_names is off") {
		t.Errorf("notes of the condition = %v, want one that names the switch", notes)
	}
	o, err := ParseOutput(syntax.NewText("to %fd.rip.name", syntax.Pos{Line: 1, Col: 1}))
	if err != nil {
		t.Fatal(err)
	}
	if notes := p.OutputNotes(o); len(notes) != 1 || notes[0].At.Col != 4 {
		t.Errorf("notes of the output = %v, want one at the field", notes)
	}
	p.ResolveNames(&pipeline.HostNames{})
	if notes := p.OutputNotes(o); len(notes) != 0 {
		t.Errorf("notes with names looked up = %v, want none", notes)
	}
	var v field.View
	v.Reset(socket(pipeline.FDIPv4, "10.0.0.1:1", "192.0.2.1:1"))
	if got := string(o.Append(nil, &v)); got != "to <NA>" {
		t.Errorf("output = %q, want a null", got)
	}
}
