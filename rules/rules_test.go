package rules

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

func parse(t *testing.T, files ...string) *Set {
	t.Helper()
	var sources []Source
	for i, f := range files {
		sources = append(sources, Source{Name: string(rune('a'+i)) + ".yaml", Data: []byte(f)})
	}
	s, err := Parse(DefaultConfig(), sources)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rule is a complete rule with the given condition, and what else is given.
func rule(name, condition string, more ...string) string {
	text := "- rule: " + name + "\n  condition: " + condition + "\n  output: o\n  desc: d\n  priority: INFO\n"
	for _, m := range more {
		text += "  " + m + "\n"
	}
	return text
}

// serious lists the problems that are more than a note.
func serious(s *Set) string {
	var lines []string
	for _, p := range s.Problems {
		if p.Severity > Info {
			lines = append(lines, p.String())
		}
	}
	return strings.Join(lines, "\n")
}

func TestConditionsAfterExpansion(t *testing.T) {
	for sentence, c := range map[string]struct{ files, want string }{
		"a list is text":              {"- list: l\n  items: [a b, \"c\"]\n" + rule("r", "proc.cmdline in (l, d)"), `proc.cmdline in ("a b", c, d)`},
		"an empty list":               {"- list: l\n  items: []\n" + rule("r", "proc.name in (a, l, b)"), "proc.name in (a, b)"},
		"a list in a list":            {"- list: l\n  items: [a]\n- list: m\n  items: [l, b]\n" + rule("r", "proc.name in (m)"), "proc.name in (a, b)"},
		"a list that comes later":     {rule("r", "proc.name in (l)") + "- list: l\n  items: [a]\n", "proc.name in (a)"},
		"a list defined again":        {"- list: l\n  items: [a]\n- list: l\n  items: [b]\n" + rule("r", "proc.name in (l)"), "proc.name in (b)"},
		"items as they are written":   {"- list: l\n  items: [0x10, yes, 1.50, 'x']\n" + rule("r", "proc.name in (l)"), "proc.name in (0x10, yes, 1.50, x)"},
		"a macro is a sub-tree":       {"- macro: m\n  condition: proc.pid = 1 or proc.pid = 2\n" + rule("r", "m and proc.ppid = 3"), "(proc.pid = 1 or proc.pid = 2) and proc.ppid = 3"},
		"a macro that comes later":    {rule("r", "m") + "- macro: m\n  condition: proc.pid = 1\n", "proc.pid = 1"},
		"a macro defined again":       {"- macro: m\n  condition: proc.pid = 1\n- macro: m\n  condition: proc.pid = 2\n" + rule("r", "m"), "proc.pid = 2"},
		"a macro in a macro":          {"- macro: m\n  condition: proc.pid = 1\n- macro: n\n  condition: not m\n" + rule("r", "n"), "not proc.pid = 1"},
		"a rule defined again":        {rule("r", "proc.pid = 1") + rule("r", "proc.pid = 2"), "proc.pid = 2"},
		"a list appended to":          {"- list: l\n  items: [a]\n- list: l\n  items: [b]\n  append: true\n" + rule("r", "proc.name in (l)"), "proc.name in (a, b)"},
		"a list overridden":           {"- list: l\n  items: [a]\n- list: l\n  items: [b]\n  override: {items: append}\n- list: m\n  items: [c]\n- list: m\n  items: [d]\n  override: {items: replace}\n" + rule("r", "proc.name in (l, m)"), "proc.name in (a, b, d)"},
		"a macro appended to is text": {"- macro: m\n  condition: proc.pid = 1 or proc.pid = 2\n- macro: m\n  condition: and proc.ppid = 3\n  append: true\n" + rule("r", "m"), "proc.pid = 1 or proc.pid = 2 and proc.ppid = 3"},
		"a macro overridden":          {"- macro: m\n  condition: proc.pid = 1\n- macro: m\n  condition: proc.pid = 2\n  override: {condition: replace}\n" + rule("r", "m"), "proc.pid = 2"},
		"an append lets a macro see later ones": {"- macro: m\n  condition: proc.pid = 1\n- macro: n\n  condition: proc.pid = 2\n- macro: m\n  condition: or n\n  override: {condition: append}\n" + rule("r", "m"),
			"proc.pid = 1 or proc.pid = 2"},
		"a rule appended to is text": {rule("r", "proc.pid = 1 or proc.pid = 2") + "- rule: r\n  condition: and proc.ppid = 3\n  append: true\n", "proc.pid = 1 or proc.pid = 2 and proc.ppid = 3"},
		"a rule overridden":          {rule("r", "proc.pid = 1") + "- rule: r\n  condition: proc.pid = 2\n  override: {condition: replace}\n", "proc.pid = 2"},
		"an anchor and its alias":    {"- list: l\n  items: &x [a, b]\n- list: m\n  items: *x\n" + rule("r", "proc.name in (m)"), "proc.name in (a, b)"},
		"exceptions in list form": {rule("r", "proc.pid = 1 or proc.pid = 2", "exceptions:", "- name: e", "  fields: [proc.name, fd.name]", "  comps: [=, startswith]", "  values: [[x, /a], [y, /b]]"),
			"(proc.pid = 1 or proc.pid = 2) and not (proc.name = x and fd.name startswith /a or proc.name = y and fd.name startswith /b)"},
		"exceptions compare with =": {rule("r", "proc.pid = 1", "exceptions:", "- {name: e, fields: [proc.name], values: [[a b]]}"), `proc.pid = 1 and not proc.name = "a b"`},
		"an exception's value may be a list": {rule("r", "proc.pid = 1", "exceptions:", "- {name: e, fields: [proc.name, fd.name], comps: [in, pmatch], values: [[[a, b c], /x]]}"),
			`proc.pid = 1 and not (proc.name in (a, "b c") and fd.name pmatch (/x))`},
		"an exception's value may be a list's name": {"- list: l\n  items: [a, b]\n" + rule("r", "proc.pid = 1", "exceptions:", "- {name: e, fields: [proc.name], comps: [in], values: [[l]]}"),
			"proc.pid = 1 and not proc.name in (a, b)"},
		"exceptions in single form": {rule("r", "proc.pid = 1", "exceptions:", "- {name: e, fields: proc.name, values: [a, b]}", "- {name: f, fields: fd.name, comps: startswith anyof, values: [/a]}"),
			"proc.pid = 1 and not proc.name in (a, b) and not fd.name startswith anyof (/a)"},
		"exceptions without values": {rule("r", "proc.pid = 1", "exceptions:", "- {name: e, fields: proc.name}"), "proc.pid = 1"},
		"no exceptions":             {rule("r", "proc.pid = 1", "exceptions:"), "proc.pid = 1"},
		"values appended to an exception": {rule("r", "proc.pid = 1", "exceptions:", "- {name: e, fields: proc.name, values: [a]}") +
			"- rule: r\n  exceptions: [{name: e, values: [b]}, {name: f, fields: proc.pname, values: [c]}]\n  override: {exceptions: append}\n",
			"proc.pid = 1 and not proc.name in (a, b) and not proc.pname in (c)"},
		"exceptions replaced": {rule("r", "proc.pid = 1", "exceptions:", "- {name: e, fields: proc.name, values: [a]}") +
			"- rule: r\n  exceptions: [{name: f, fields: proc.pname, values: [c]}]\n  override: {exceptions: replace}\n", "proc.pid = 1 and not proc.pname in (c)"},
		"condition and exceptions appended": {rule("r", "proc.pid = 1", "exceptions:", "- {name: e, fields: proc.name, values: [a]}") +
			"- rule: r\n  condition: or proc.pid = 2\n  override: {condition: append}\n", "(proc.pid = 1 or proc.pid = 2) and not proc.name in (a)"},
		"a folded condition":             {"- rule: r\n  condition: >\n    proc.pid = 1\n    and proc.ppid = 2\n  output: o\n  desc: d\n  priority: INFO\n", "proc.pid = 1 and proc.ppid = 2"},
		"several documents and comments": {"# c\n---\n- macro: m\n  condition: proc.pid = 1\n---\n# d\n---\n" + rule("r", "m"), "proc.pid = 1"},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := parse(t, c.files)
			if len(s.Rules) != 1 || s.Err() != nil {
				t.Fatalf("%d rules, problems:\n%s", len(s.Rules), serious(s))
			}
			if got := s.Rules[0].Condition.String(); got != c.want {
				t.Errorf("condition = %s\nwant        %s", got, c.want)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	for sentence, c := range map[string]struct{ files, want string }{
		"an unknown field":            {rule("r", "proc.name = a and proc.nmae = b"), `a.yaml:2:32: error: LOAD_ERR_COMPILE_CONDITION: r: nonexistent field "proc.nmae" (did you mean "proc.name"?)`},
		"in a folded text":            {"- rule: r\n  condition: >\n    proc.pid = 1\n      and proc.nmae = 2\n  output: o\n  desc: d\n  priority: INFO\n", `a.yaml:4:11: error: LOAD_ERR_COMPILE_CONDITION: r: nonexistent field "proc.nmae"`},
		"in a quoted text":            {rule("r", `"proc.name = \"a\" and proc.nmae = b"`), `a.yaml:2:37: error: LOAD_ERR_COMPILE_CONDITION: r: nonexistent field "proc.nmae"`},
		"in a macro":                  {"- macro: m\n  condition: proc.nmae = b\n" + rule("r", "m"), `a.yaml:2:14: error: LOAD_ERR_COMPILE_CONDITION: r: nonexistent field "proc.nmae"`},
		"in an item of a list":        {"- list: l\n  items: [1, x]\n" + rule("r", "proc.pid in (l)"), `a.yaml:4:27: error: LOAD_ERR_COMPILE_CONDITION: r: proc.pid is a number`},
		"a syntax error":              {rule("r", "proc.name bash"), `a.yaml:2:24: error: LOAD_ERR_COMPILE_CONDITION: r: expected an operator after proc.name, found "bash"`},
		"an undefined macro":          {"- macro: spawned\n  condition: evt.type = execve\n" + rule("r", "spawnd"), `a.yaml:4:14: error: LOAD_ERR_VALIDATE: r: undefined macro "spawnd" used in filter (did you mean "spawned"?)`},
		"a macro used too early":      {"- macro: m\n  condition: n\n- macro: n\n  condition: proc.pid = 1\n" + rule("r", "m or n"), "undefined macro \"n\" used in filter (it is defined later; a macro sees only those before it)"},
		"a macro in a loop":           {"- macro: m\n  condition: proc.pid = 1\n- macro: n\n  condition: m\n- macro: m\n  condition: n\n" + rule("r", "m"), `macro "m" refers to itself`},
		"an output field":             {"- rule: r\n  condition: proc.pid = 1\n  output: \"a %proc.nmae\"\n  desc: d\n  priority: INFO\n", `a.yaml:3:15: error: LOAD_ERR_COMPILE_OUTPUT: r: nonexistent field "proc.nmae"`},
		"a missing key":               {"- rule: r\n  condition: proc.pid = 1\n  desc: d\n  priority: INFO\n", "a.yaml:1:3: error: LOAD_ERR_YAML_VALIDATE: r: output is missing"},
		"a priority nobody knows":     {strings.Replace(rule("r", "proc.pid = 1"), "INFO", "LOUD", 1), `a.yaml:5:13: error: LOAD_ERR_YAML_VALIDATE: r: unknown priority "LOUD"`},
		"a misspelt key":              {rule("r", "proc.pid = 1", "tag: [x]"), `a.yaml:6:3: warning: LOAD_UNKNOWN_KEY: unknown key "tag": ignored (did you mean "tags"?)`},
		"something else":              {"- foo: 1\n", "a.yaml:1:3: warning: LOAD_UNKNOWN_ITEM"},
		"not a list":                  {"rule: r\n", "a.yaml:1:5: error: LOAD_ERR_YAML_VALIDATE: expected a list"},
		"an entry that is no mapping": {"- x\n", "a.yaml:1:3: error: LOAD_ERR_YAML_VALIDATE: expected a mapping"},
		"not YAML":                    {"- rule: [\n", "error: LOAD_ERR_YAML_PARSE"},
		"a source nobody has":         {rule("r", "proc.pid = 1", "source: cloud"), `a.yaml:6:3: warning: LOAD_UNKNOWN_SOURCE: r: unknown source "cloud"`},
		"a newer engine":              {"- required_engine_version: 0.99.0\n", "the file wants 0.99.0"},
		"a newer engine as number":    {"- required_engine_version: 99\n", "the file wants 99"},
		"a plugin that is not there":  {"- required_plugin_versions:\n  - name: k8saudit\n    version: 0.7.0\n", `a.yaml:2:11: error: LOAD_ERR_VALIDATE: required_plugin_versions: there is no plugin k8saudit`},
		"not YAML, further down":      {"- list: l\n  items: []\n---\n\n- rule: [\n", "a.yaml:5:9: error: LOAD_ERR_YAML_PARSE: not YAML: "},
		"a list nobody uses":          {"- list: l\n  items: [a]\n", `a.yaml:1:3: warning: LOAD_UNUSED_LIST: list "l" is not used`},
		"a macro nobody uses":         {"- macro: m\n  condition: proc.pid = 1\n", `a.yaml:1:3: warning: LOAD_UNUSED_MACRO: macro "m" is not used`},
		"an unused macro with errors": {"- macro: m\n  condition: proc.pid =\n", "error: LOAD_ERR_COMPILE_CONDITION: m: "},
		"a name a macro cannot have":  {"- macro: m-n\n  condition: proc.pid = 1\n", "LOAD_INVALID_MACRO_NAME"},
		"a rule for every event":      {rule("r", "proc.pid = 1"), "a.yaml:1:3: warning: LOAD_NO_EVTTYPE: r: "},
		"an unknown field to skip":    {rule("r", "proc.nmae = 1", "skip-if-unknown-filter: true"), "a.yaml:2:14: warning: LOAD_UNKNOWN_FILTER: r: nonexistent field"},
		"a field that is always null": {rule("r", "evt.type = connect and fd.sip.name = x"), "a.yaml:2:37: info: BLIND: r: fd.sip.name is always null here"},
		"dedupe by no field":          {rule("r", "proc.pid = 1", "dedupe: {by: [proc.nmae]}"), `a.yaml:6:17: error: LOAD_ERR_YAML_VALIDATE: r: nonexistent field "proc.nmae"`},
		"dedupe with another key":     {rule("r", "proc.pid = 1", "dedupe: {per: 1m}"), `a.yaml:6:12: error: LOAD_ERR_YAML_VALIDATE: r: dedupe: unknown key "per"`},
		"a switch that is none":       {rule("r", "proc.pid = 1", "enabled: maybe"), `a.yaml:6:12: error: LOAD_ERR_YAML_VALIDATE: r: enabled: "maybe" is neither true nor false`},
	} {
		t.Run(sentence, func(t *testing.T) {
			var got []string
			for _, p := range parse(t, c.files).Problems {
				got = append(got, p.String())
			}
			if all := strings.Join(got, "\n"); !strings.Contains(all, c.want) {
				t.Errorf("problems:\n%s\nwant among them:\n%s", all, c.want)
			}
		})
	}
}

func TestProblemShowsItsLine(t *testing.T) {
	s := parse(t, rule("r", "proc.nmae = 1"))
	if got, want := s.Problems[0].Snippet, "  condition: proc.nmae = 1"; got != want {
		t.Errorf("Snippet = %q, want %q", got, want)
	}
}

func TestABlindSpotIsReportedOnce(t *testing.T) {
	s := parse(t, rule("r", "evt.type = connect and (fd.sip.name = x or fd.sip.name = y)"))
	if len(s.Problems) != 1 {
		t.Errorf("problems = %v, want one", s.Problems)
	}
}

func TestOurKeys(t *testing.T) {
	s := parse(t, rule("r", "evt.type = open", "tags: [b, a, b]", "labels: {team: sec}", "annotations: {x: y}", "runbook: https://r",
		"desc_zh: 说明", "dedupe: {by: [container.id, 'proc.aname[1]'], for: 1d}"))
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	r := s.Rules[0]
	if diff := cmp.Diff([]string{"a", "b"}, r.Tags); diff != "" {
		t.Errorf("Tags (-want +got):\n%s", diff)
	}
	if r.Labels["team"] != "sec" || r.Annotations["x"] != "y" || r.Runbook != "https://r" || r.DescZH != "说明" {
		t.Errorf("labels %v, annotations %v, runbook %q, desc_zh %q", r.Labels, r.Annotations, r.Runbook, r.DescZH)
	}
	if len(r.DedupeBy) != 2 || r.DedupeBy[1].Text != "proc.aname[1]" || r.DedupeFor != 24*time.Hour {
		t.Errorf("DedupeBy %v, DedupeFor %v", r.DedupeBy, r.DedupeFor)
	}
}

func TestWhichRulesRun(t *testing.T) {
	files := rule("Read A", "evt.type = open", "tags: [file]") + rule("Read B", "evt.type = open", "enabled: no") +
		rule("Net A", "evt.type = connect", "tags: [network]") + strings.Replace(rule("Loud", "evt.type = open"), "INFO", "ERROR", 1)
	for sentence, c := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"all but those their files disable": {func(*Config) {}, []string{"Read A", "Net A", "Loud"}},
		"disabled by pattern":               {func(c *Config) { c.Disable = []Pattern{{Rule: "Read *"}} }, []string{"Net A", "Loud"}},
		"disabled by tag":                   {func(c *Config) { c.Disable = []Pattern{{Tag: "network"}} }, []string{"Read A", "Loud"}},
		"enabled against their file":        {func(c *Config) { c.Select = []Switch{{Enable: &Pattern{Rule: "Read B"}}} }, []string{"Read A", "Read B", "Net A", "Loud"}},
		"the last word counts": {func(c *Config) {
			c.Disable = []Pattern{{Rule: "Net A"}}
			c.Select = []Switch{{Disable: &Pattern{Rule: "*"}}, {Enable: &Pattern{Tag: "network"}}, {Enable: &Pattern{Rule: "Read *"}}, {Disable: &Pattern{Tag: "file"}}}
		}, []string{"Read B", "Net A"}},
		"enabled but too mild": {func(c *Config) { c.Priority = pipeline.Warning; c.Select = []Switch{{Enable: &Pattern{Rule: "*"}}} }, []string{"Loud"}},
		"too mild":             {func(c *Config) { c.Priority = pipeline.Warning }, []string{"Loud"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			cfg := DefaultConfig()
			c.change(&cfg)
			s, err := Parse(cfg, []Source{{Name: "a.yaml", Data: []byte(files)}})
			if err != nil {
				t.Fatal(err)
			}
			var run []string
			for _, r := range s.Rules {
				if r.Runs() {
					run = append(run, r.Name)
				}
			}
			if diff := cmp.Diff(c.want, run); diff != "" {
				t.Errorf("rules that run (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigIsValidated(t *testing.T) {
	for want, cfg := range map[string]Config{
		"rules.matching":                     {Matching: "some"},
		"rules.disable[0]":                   {Disable: []Pattern{{}}},
		"rules.select[0]: set either enable": {Select: []Switch{{}}},
		"rules.select[1]: set either rule":   {Select: []Switch{{Enable: &Pattern{Tag: "x"}}, {Disable: &Pattern{Tag: "x", Rule: "y"}}}},
	} {
		if _, err := Parse(cfg, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%+v) = %v, want an error about %s", cfg, err, want)
		}
	}
}

func TestMatchName(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{{"a", "a", true}, {"a", "ab", false}, {"a*", "ab", true}, {"*b", "ab", true}, {"a*c*e", "abcde", true}, {"*", "", true}, {"ab*ba", "aba", false}, {"*a*a*", "a", false}} {
		if got := MatchName(c.pattern, c.name); got != c.want {
			t.Errorf("MatchName(%q, %q) = %v, want %v", c.pattern, c.name, got, c.want)
		}
	}
}

func TestLoadReadsFilesFoldersAndGlobs(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"one.yaml": rule("one", "evt.type = open"), "d/b.yml": rule("b", "evt.type = open"), "d/a.yaml": rule("a", "evt.type = open"),
		"d/c.txt": "x", "g1.yaml": rule("g1", "evt.type = open"),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := DefaultConfig()
	cfg.Files = []string{"one.yaml", "d", "g*.yaml"}
	s, err := Load(cfg, dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range s.Rules {
		names = append(names, r.Name)
	}
	if diff := cmp.Diff([]string{"one", "a", "b", "g1"}, names); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	cfg.Files = []string{"missing.yaml"}
	if _, err := Load(cfg, dir); err == nil || !strings.Contains(err.Error(), "missing.yaml") {
		t.Errorf("Load of a missing file = %v, want an error that names it", err)
	}
}

// shared reads a file of test data that lies beside the repository.
func shared(tb testing.TB, name string) Source {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("../../shared", name))
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		tb.Skipf("test data is not there: %v", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return Source{Name: filepath.Base(name), Data: data}
}

func TestContractRules(t *testing.T) {
	s, err := Parse(DefaultConfig(), []Source{shared(t, "contract/rules.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	if got := serious(s); got != "" {
		t.Errorf("problems:\n%s", got)
	}
	if s.Program.Predicates() == 0 || len(s.Rules) != 4 || slices.ContainsFunc(s.Rules, func(r *Rule) bool { return !r.Runs() }) {
		t.Errorf("rules: %+v", s.Rules)
	}
}

var stockFiles = []string{"falco-rules/falco_rules.yaml", "falco-rules/falco-incubating_rules.yaml", "falco-rules/falco-sandbox_rules.yaml"}

// stockFindings are what is wrong with Falco's own files: conditions that can never hold.
var stockFindings = []string{
	`falco_rules.yaml:410:21: warning: LINT_COMM_PATH: Read sensitive file untrusted: proc.name is a name without a path, never "/usr/sbin/spamd" (compare with proc.exepath)`,
	"",
	`falco-sandbox_rules.yaml:418:37: warning: LINT_COMM_LENGTH: azure_scripts_writing_conf: proc.pname holds at most 15 bytes, never "bash /var/lib/waagent/" (cut it to 15 bytes, or compare with proc.pexepath)
falco-sandbox_rules.yaml:839:39: warning: LINT_COMM_LENGTH: etckeeper: proc.aname holds at most 15 bytes, never "30store-metadata" (cut it to 15 bytes, or compare with proc.aexepath)
falco-sandbox_rules.yaml:177:43: warning: LINT_COMM_LENGTH: rpm_procs: proc.name holds at most 15 bytes, never "probe_rpmverifyfile", "probe_rpmverifypackage" (cut it to 15 bytes, or compare with proc.exepath)`,
}

// TestStockRules compiles each of Falco's own files and counts: none of the 93 rules may be refused.
func TestStockRules(t *testing.T) {
	for i, want := range []int{25, 31, 37} {
		s, err := Parse(DefaultConfig(), []Source{shared(t, stockFiles[i])})
		if err != nil {
			t.Fatal(err)
		}
		if got := serious(s); got != stockFindings[i] || len(s.Rules) != want {
			t.Errorf("%s: %d rules, want %d; problems:\n%s", stockFiles[i], len(s.Rules), want, got)
		}
		for _, r := range s.Rules {
			types := r.Code.EventTypes()
			if len(types) > 12 {
				t.Errorf("%s: asked about %d types of event: %v", r.Name, len(types), types)
			}
		}
	}
}

// BenchmarkLoad reads and compiles the three stock files.
func BenchmarkLoad(b *testing.B) {
	var sources []Source
	for _, name := range stockFiles {
		sources = append(sources, shared(b, name))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(DefaultConfig(), sources); err != nil {
			b.Fatal(err)
		}
	}
}
