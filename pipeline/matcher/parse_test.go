package matcher_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

func TestModes(t *testing.T) {
	const no = "error"
	for name, c := range map[string]struct {
		text, utf8, classic, fallback string
		doubt                         string // part of it; "": there is none
	}{
		"quoted":                             {`a="b"`, `a="b"`, `a="b"`, `a="b"`, ""},
		"without quotes":                     {`a = b`, `a="b"`, `a="b"`, `a="b"`, ""},
		"white space is free":                {"a\n=~\t \"b|c\" ", `a=~"b|c"`, `a=~"b|c"`, `a=~"b|c"`, ""},
		"every operator":                     {`a="1",b!="2",c=~"3",d!~"4"`, `a="1",b!="2",c=~"3",d!~"4"`, `a="1",b!="2",c=~"3",d!~"4"`, `a="1",b!="2",c=~"3",d!~"4"`, ""},
		"in braces, with a last comma":       {`{a="b", c!="d",}`, `a="b",c!="d"`, `a="b",c!="d"`, `a="b",c!="d"`, ""},
		"one brace":                          {`{a="b"`, no, `a="b"`, `a="b"`, `write a="b"`},
		"no value":                           {`a=`, no, `a=""`, `a=""`, `write a=""`},
		"an empty value":                     {`a=""`, `a=""`, `a=""`, `a=""`, ""},
		"a value with = and spaces":          {`a=b = c`, no, `a="b = c"`, `a="b = c"`, "older syntax"},
		"a comma between quotes":             {`a="b,c"`, `a="b,c"`, `a="b,c"`, `a="b,c"`, ""},
		"a comma without":                    {`a=b,c`, no, no, no, ""},
		"a name with dots":                   {`k8s.ns.name="x"`, `k8s.ns.name="x"`, no, `k8s.ns.name="x"`, ""},
		"a name beyond ASCII":                {`"规则"="终端"`, `规则="终端"`, no, `规则="终端"`, ""},
		"a name with a space":                {`"a b"="x"`, `"a b"="x"`, no, `"a b"="x"`, ""},
		"an empty name":                      {`""="x"`, no, no, no, ""},
		"a backslash that Go has no use for": {`a=~"\d+"`, no, `a=~"\\d+"`, `a=~"\\d+"`, `write a=~"\\d+"`},
		"an escaped backslash":               {`a=~"\\d+"`, `a=~"\\d+"`, `a=~"\\d+"`, `a=~"\\d+"`, ""},
		"escapes of Go":                      {`a="\xf0\x9f\x99\x82"`, `a="🙂"`, `a="\\xf0\\x9f\\x99\\x82"`, `a="\\xf0\\x9f\\x99\\x82"`, "which counts"},
		"a tab: the two differ":              {`a="\t"`, "a=\"\t\"", `a="\\t"`, `a="\\t"`, "newer one"},
		"a bad regular expression":           {`a=~"("`, no, no, no, ""},
		"no operator":                        {`a b`, no, no, no, ""},
		"an operator that is none":           {`a ~ b`, no, no, no, ""},
		"a quote in the middle":              {`a=b"c`, no, no, no, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for mode, want := range map[matcher.Mode]string{matcher.UTF8: c.utf8, matcher.Classic: c.classic, matcher.Fallback: c.fallback} {
				ms, doubt, err := mode.Parse(c.text)
				got := matcher.Text(ms)
				if err != nil {
					got = no
				}
				if got != want {
					t.Errorf("%v: Parse(%q) = %s, %v, want %s", mode, c.text, got, err, want)
				}
				if wantDoubt := mode == matcher.Fallback && c.doubt != ""; (doubt != "") != wantDoubt || !strings.Contains(doubt, c.doubt) && wantDoubt {
					t.Errorf("%v: Parse(%q): doubt %q, want %q", mode, c.text, doubt, c.doubt)
				}
			}
		})
	}
}

func TestTheErrorOfAnItemThatYAMLCutInTwo(t *testing.T) {
	_, err := matcher.Parse("baz") // of [ foo = bar,baz ]
	if err == nil || !strings.Contains(err.Error(), "no operator") || !strings.Contains(err.Error(), "quotes around all of it") {
		t.Errorf("Parse(baz): %v", err)
	}
}

func TestMatching(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		set  map[string]string
		want bool
	}{
		"a missing label is an empty one":          {`a=""`, nil, true},
		"and differs from any other":               {`a!="b"`, nil, true},
		"regular expressions hold for all of it":   {`a=~"crit"`, map[string]string{"a": "critical"}, false},
		"with alternatives too":                    {`a=~"x|crit"`, map[string]string{"a": "critical"}, false},
		"negated as well":                          {`a!~"crit"`, map[string]string{"a": "critical"}, true},
		"an expression that holds for nothing too": {`a=~".*"`, nil, true},
		"all have to hold":                         {`a="1",b="2"`, map[string]string{"a": "1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			ms, err := matcher.Parse(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := matcher.Match(ms, c.set); got != c.want {
				t.Errorf("%s matches %v: %v, want %v", c.text, c.set, got, c.want)
			}
		})
	}
}

func TestParseOne(t *testing.T) {
	for text, want := range map[string]string{
		`a="b"`: `a="b"`, `a=~b`: `a=~"b"`, ` a = "{b}" `: `a="{b}"`, `a=`: `a=""`,
		`a="b",c="d"`: "", `{a="b"}`: "", `a="b"}`: "", ` {a="b"} `: "", ``: "", `a`: "",
	} {
		m, err := matcher.ParseOne(text)
		if (err != nil) != (want == "") || err == nil && m.String() != want {
			t.Errorf("ParseOne(%q) = %v, %v, want %s", text, m, err, want)
		}
	}
}

func TestModeNames(t *testing.T) {
	for _, mode := range []matcher.Mode{matcher.Fallback, matcher.UTF8, matcher.Classic} {
		var got matcher.Mode
		if err := got.UnmarshalText([]byte(mode.String())); err != nil || got != mode {
			t.Errorf("%v reads back as %v, %v", mode, got, err)
		}
	}
	if err := new(matcher.Mode).UnmarshalText([]byte("utf-8")); err == nil || !strings.Contains(err.Error(), "fallback, utf8, classic") {
		t.Errorf("of utf-8: %v", err)
	}
}

// What Text writes is what every mode reads, so that a configuration can be kept in it.
func TestTextIsReadAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[a-z\\"'{},=~ .\n\t终🙂]{0,8}`).Draw(t, "value")
		name := rapid.SampledFrom([]string{"a", "k8s_ns", "_x", "k8s.ns", "规 则"}).Draw(t, "name")
		typ := rapid.SampledFrom([]labels.MatchType{labels.MatchEqual, labels.MatchNotEqual}).Draw(t, "type")
		m, err := labels.NewMatcher(typ, name, value)
		if err != nil {
			t.Fatal(err)
		}
		modes := []matcher.Mode{matcher.Fallback, matcher.UTF8}
		if !strings.ContainsAny(name, ". ") {
			modes = append(modes, matcher.Classic)
		}
		text := matcher.Text(labels.Matchers{m, m})
		for _, mode := range modes {
			ms, doubt, err := mode.Parse(text)
			if err != nil || doubt != "" || len(ms) != 2 || ms[0].Name != name || ms[1].Value != value || ms[0].Type != typ {
				t.Fatalf("%v: Parse(%s) = %v, %q, %v", mode, text, ms, doubt, err)
			}
		}
	})
}
