package rules

import (
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/pipeline"
)

// parseSources is parse with a source login that has a schema.
func parseSources(t *testing.T, file string) *Set {
	t.Helper()
	schema, err := payload.NewSchema(map[string]any{"type": "string", "user": map[string]any{"name": "string", "age": "int"}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Sources = map[string]*payload.Schema{"login": schema, "proxy": nil}
	cfg.Priority = pipeline.Informational
	cfg.Disable = []Pattern{{Tag: "off"}}
	s, err := Parse(cfg, []Source{{Name: "a.yaml", Data: []byte(file)}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPayloadRulesThatRun(t *testing.T) {
	for sentence, c := range map[string]struct {
		file    string
		skipped string
	}{
		"source json":                              {rule("r", `event.type == "x"`, "source: json"), ""},
		"a source with a schema":                   {rule("r", `event.user.age > 18`, "source: login", "dedupe: {by: [event.user.name], for: 1h}"), ""},
		"a source without one":                     {rule("r", `event.anything.at.all > 18`, "source: proxy"), ""},
		"a folded condition":                       {"- rule: r\n  source: json\n  condition: >\n    event.a == 1\n    && event.b == 2\n  output: o\n  desc: d\n  priority: INFO\n", ""},
		"disabled in its file":                     {rule("r", `event.a == 1`, "source: json", "enabled: false"), "disabled in its file"},
		"disabled by its tag":                      {rule("r", `event.a == 1`, "source: json", "tags: [off]"), "disabled by the configuration"},
		"too mild":                                 {strings.Replace(rule("r", `event.a == 1`, "source: json"), "INFO", "DEBUG", 1), "less severe than the configured priority"},
		"with a window":                            {rule("r", `event.a == 1`, "source: json", "window: {by: event.b, within: 1m, count: {over: 1}}"), ""},
		"of a source nobody has":                   {rule("r", `this is no condition`, "source: logins"), "unknown source logins"},
		"of a source nobody has, with an identity": {rule("r", `this is no condition`, "source: logins", "dedupe: {by: [event.user, 'geo(event.ip).country'], for: 1h}"), "unknown source logins"},
	} {
		s := parseSources(t, c.file)
		if len(s.Rules) != 1 || s.Err() != nil || s.Rules[0].Skipped != c.skipped {
			t.Errorf("%s: rules %+v, problems:\n%s", sentence, s.Rules, serious(s))
			continue
		}
		if r := s.Rules[0]; r.Runs() && (r.Payload == nil || r.Payload.Condition == nil || r.Payload.Output == nil || r.Code != nil) {
			t.Errorf("%s: payload %+v", sentence, r.Payload)
		}
	}
}

func TestPayloadProblems(t *testing.T) {
	for sentence, c := range map[string]struct{ file, want string }{
		"a member the schema lacks":       {rule("r", `event.user.agee > 18`, "source: login"), `a.yaml:2:25: error: LOAD_ERR_COMPILE_CONDITION: r: the schema has no member "agee" here (did you mean "age"?)`},
		"in a folded text":                {"- rule: r\n  source: json\n  condition: >\n    event.a == 1\n      && evnt.b == 2\n  output: o\n  desc: d\n  priority: INFO\n", `a.yaml:5:10: error: LOAD_ERR_COMPILE_CONDITION: r: unknown name evnt`},
		"one equals sign":                 {rule("r", `event.type = "x"`, "source: json"), `a.yaml:2:25: error: LOAD_ERR_COMPILE_CONDITION: r: unexpected token Operator("=") (a comparison is ==)`},
		"a type that cannot be":           {rule("r", `event.user.age > "18"`, "source: login"), `mismatched types int and string`},
		"an output of another source":     {strings.Replace(rule("r", `event.a == 1`, "source: json"), "output: o", `output: "a %proc.name"`, 1), `a.yaml:3:15: error: LOAD_ERR_COMPILE_OUTPUT: r: no member of the event: "proc"`},
		"an output the schema lacks":      {strings.Replace(rule("r", `event.type == "x"`, "source: login"), "output: o", `output: "a %event.typ"`, 1), `LOAD_ERR_COMPILE_OUTPUT: r: the schema has no member "typ" here (did you mean "type"?)`},
		"dedupe by what the schema lacks": {rule("r", `event.type == "x"`, "source: login", "dedupe: {by: [event.user.nmae]}"), `a.yaml:7:27: error: LOAD_ERR_YAML_VALIDATE: r: the schema has no member "nmae" here (did you mean "name"?)`},
		"dedupe by a kernel field":        {rule("r", `event.a == 1`, "source: json", "dedupe: {by: [proc.name]}"), `a.yaml:7:17: error: LOAD_ERR_YAML_VALIDATE: r: no member of the event: "proc"`},
		"a source nobody has":             {rule("r", `x`, "source: logn"), `a.yaml:6:3: warning: LOAD_UNKNOWN_SOURCE: r: unknown source "logn": the rule is skipped (did you mean "login"?)`},
		"a member to skip":                {rule("r", `event.typ == "x"`, "source: login", "skip-if-unknown-filter: true"), `a.yaml:2:20: warning: LOAD_UNKNOWN_FILTER: r: the schema has no member`},
		"an error in a disabled rule":     {rule("r", `event.a = 1`, "source: json", "enabled: false"), `LOAD_ERR_COMPILE_CONDITION`},
	} {
		var got []string
		for _, p := range parseSources(t, c.file).Problems {
			got = append(got, p.String())
		}
		if all := strings.Join(got, "\n"); !strings.Contains(all, c.want) {
			t.Errorf("%s: problems:\n%s\nwant among them:\n%s", sentence, all, c.want)
		}
	}
}
