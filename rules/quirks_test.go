package rules

import (
	"strings"
	"testing"
)

// TestQuirks holds the rows of the table "Quirks" in docs/falco-compatibility.md: what a file amounts to
// where Falco's reading surprises. want is the condition of the rule r, or the problem that is told.
func TestQuirks(t *testing.T) {
	exception := func(values string) string {
		return rule("r", "a_ and proc.pid = 1", "exceptions:", "- {name: e, fields: [proc.name], comps: [in], values: "+values+"}") +
			"- macro: a_\n  condition: evt.type = open\n"
	}
	for sentence, c := range map[string]struct{ files, want string }{
		"a list is replaced inside quotes":      {"- list: l\n  items: [x]\n" + rule("r", `proc.cmdline = "a l b"`), `proc.cmdline = "a x b"`},
		"a list wins over a macro of its name":  {"- list: m\n  items: [\"proc.pid = 2\"]\n- macro: m\n  condition: proc.pid = 1\n" + rule("r", "evt.type = open and m"), `expected a field, a macro, "not" or "(", found "\"proc.pid"`},
		"a list outside parentheses is text":    {"- list: l\n  items: [x]\n" + rule("r", "proc.name = l"), "proc.name = x"},
		"a list of two outside parentheses":     {"- list: l\n  items: [x, y]\n" + rule("r", "proc.name = l"), `unexpected "," after a complete expression`},
		"an empty list swallows a comma":        {"- list: l\n  items: []\n" + rule("r", "proc.name in (a, l, b) or proc.name in (l, a) or proc.name in (l)"), "proc.name in (a, b) or proc.name in (a) or proc.name in ()"},
		"only a blank makes an item quoted":     {"- list: l\n  items: [\"a b\", \"'c d'\", \"e\"]\n" + rule("r", "proc.name in (l)"), `proc.name in ("a b", "c d", e)`},
		"other characters of an item are bare":  {"- list: l\n  items: [\"a(b\"]\n" + rule("r", "proc.name in (l)"), `expected "," or ")", found "(b)"`},
		"a list's name reaches one list down":   {"- list: c\n  items: [x]\n- list: b\n  items: [c]\n- list: a\n  items: [b]\n" + rule("r", "proc.name in (a)"), "proc.name in (c)"},
		"later lists reach further":             {"- list: a\n  items: [b]\n- list: b\n  items: [c]\n- list: c\n  items: [x]\n" + rule("r", "proc.name in (a)"), "proc.name in (x)"},
		"a list defined again keeps its place":  {"- list: k\n  items: [x]\n- list: l\n  items: [k]\n- list: k\n  items: [y]\n" + rule("r", "proc.name in (l)"), "proc.name in (y)"},
		"lists that name each other":            {"- list: a\n  items: [b]\n- list: b\n  items: [a]\n" + rule("r", "proc.name in (a)"), "proc.name in (b)"},
		"a macro's append is text":              {"- macro: m\n  condition: proc.pid = 1 or proc.pid = 2\n- macro: m\n  condition: and proc.ppid = 3\n  append: true\n" + rule("r", "m"), "proc.pid = 1 or proc.pid = 2 and proc.ppid = 3"},
		"a macro defined again keeps its place": {"- macro: m\n  condition: proc.pid = 1\n- macro: n\n  condition: m\n- macro: m\n  condition: proc.pid = 2\n" + rule("r", "n"), "proc.pid = 2"},
		"a version that is a number":            {"- required_engine_version: 57\n" + rule("r", "proc.pid = 1"), "proc.pid = 1"},
		"a scalar is text":                      {"- list: l\n  items: [0x10, yes, 1.50, ~x]\n" + rule("r", "proc.name in (l)"), "proc.name in (0x10, yes, 1.50, ~x)"},
		"an exception's list is a list":         {exception("[[[a, b c]]]"), `(evt.type = open and proc.pid = 1) and not proc.name in (a, "b c")`},
		"an exception's text may be a list":     {exception(`[["(a,b)"]]`), `(evt.type = open and proc.pid = 1) and not proc.name in (a, b)`},
		"a quote after a backslash":             {rule("r", `proc.cmdline contains "x\\"`), `no closing " for this quote`},
		"a backslash before a blank":            {rule("r", `proc.args contains "\ "`), `proc.args contains \`},
		"an unknown escape":                     {rule("r", `proc.args contains "\d"`), `unknown escape "\d"`},
		"a name where a list should be":         {rule("r", "proc.name in shells"), "proc.name in (shells)"},
		"two nots":                              {rule("r", "not not proc.pid = 1"), "proc.pid = 1"},
		"a key twice":                           {rule("r", "proc.pid = 1", "desc: e"), `mapping key "desc" already defined`},
		"all mistakes of a file":                {rule("a", "x.y = 1") + rule("r", "proc.nmae = 1"), `nonexistent field "proc.nmae"`},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := parse(t, c.files)
			var said []string
			for _, p := range s.Problems {
				said = append(said, p.String())
			}
			r := s.Rule("r")
			if r != nil && r.Condition.String() == c.want {
				return
			}
			if !strings.Contains(strings.Join(said, "\n"), c.want) {
				t.Errorf("rule %+v, problems:\n%s\nwant %s", r, strings.Join(said, "\n"), c.want)
			}
		})
	}
}

func TestExceptionsAreText(t *testing.T) {
	c := newCollector(DefaultConfig())
	c.file(Source{Name: "a.yaml", Data: []byte(rule("r", "COND", "exceptions:", "- {name: e, fields: [proc.name, fd.name], comps: [=, startswith], values: [[x, /a], [y, /b]]}"))})
	d := c.rules.byName["r"]
	condition, _ := required(d.item, "condition")
	want := "(COND) and not (( proc.name = x and  fd.name startswith /a) or ( proc.name = y and  fd.name startswith /b))"
	if got := guarded(condition, d.exceptions).String(); got != want {
		t.Errorf("guarded = %s\nwant      %s", got, want)
	}
}

func TestSwitchesAreSpelledAsFalcoDoes(t *testing.T) {
	for spelling, want := range map[string]string{
		"true": "on", "True": "on", "TRUE": "on", "yes": "on", "Y": "on", "on": "on", `"true"`: "on",
		"false": "off", "No": "off", "n": "off", "OFF": "off",
		"yEs": "error", "1": "error", "~": "error", "[]": "error",
	} {
		s := parse(t, rule("r", open, "enabled: "+spelling))
		got := "error"
		if r := s.Rule("r"); s.Err() == nil && r.Runs() {
			got = "on"
		} else if s.Err() == nil {
			got = "off"
		}
		if got != want {
			t.Errorf("enabled: %s is %s, want %s", spelling, got, want)
		}
	}
}

func TestEachFileStandsOnWhatIsBeforeIt(t *testing.T) {
	m := func(condition string) string { return "- macro: m\n  condition: " + condition + "\n" }
	for sentence, c := range map[string]struct {
		files []string
		want  string
	}{
		"a macro of an earlier file":                     {[]string{m(open), rule("r", "m")}, ""},
		"a macro of a later file":                        {[]string{rule("r", "m"), m(open)}, "a.yaml:2:14"},
		"what a later file breaks and mends":             {[]string{m(open) + "- macro: n\n  condition: m\n" + rule("r", "n"), m("evt.type = opne"), m(open)}, `b.yaml:2:25: error: LOAD_ERR_COMPILE_CONDITION: r: unknown event type "opne"`},
		"a list of a later file makes a rule wrong":      {[]string{"- list: l\n  items: [1]\n" + rule("r", open+" and proc.pid in (l)"), "- list: l\n  items: [x]\n  override: {items: replace}\n", "- list: l\n  items: [2]\n  override: {items: replace}\n"}, `a.yaml:4:47: error: LOAD_ERR_COMPILE_CONDITION: r: proc.pid is a number`},
		"a list in a list that a later file makes wrong": {[]string{"- list: k\n  items: [1]\n- list: l\n  items: [k]\n" + rule("r", open+" and proc.pid in (l)"), "- list: k\n  items: [x]\n  override: {items: replace}\n", "- list: k\n  items: [2]\n  override: {items: replace}\n"}, `a.yaml:6:47: error: LOAD_ERR_COMPILE_CONDITION: r: proc.pid is a number`},
		"an unused macro that a later file mends":        {[]string{"- macro: n\n  condition: x and\n", "- macro: n\n  condition: evt.type = open\n  override: {condition: replace}\n"}, "a.yaml:2:16: error: LOAD_ERR_COMPILE_CONDITION: n: "},
		"an unused macro of an earlier file":             {[]string{"- macro: n\n  condition: x and\n", rule("r", open)}, "a.yaml:2:16: error: LOAD_ERR_COMPILE_CONDITION: n: "},
	} {
		t.Run(sentence, func(t *testing.T) {
			err := parse(t, c.files...).Err()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("Err = %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestGrowthIsBounded(t *testing.T) {
	doubled := func(kind, body string) string {
		var b strings.Builder
		for i := range 40 {
			b.WriteString(strings.NewReplacer("KIND", kind, "NAME", "m"+string(rune('0'+i/10))+string(rune('0'+i%10)),
				"NEXT", "m"+string(rune('0'+(i+1)/10))+string(rune('0'+(i+1)%10)), "PREV", "m"+string(rune('0'+(i+9)/10-1))+string(rune('0'+(i+9)%10))).Replace(body))
		}
		return b.String()
	}
	lists := doubled("list", "- list: NAME\n  items: [NEXT, NEXT]\n") + rule("r", "proc.name in (m00)")
	if err := parse(t, lists).Err(); err == nil || !strings.Contains(err.Error(), "once its lists are inserted") {
		t.Errorf("lists that double: Err = %v, want one about their length", err)
	}
	macros := "- macro: m00\n  condition: proc.pid = 1\n" + strings.Join(strings.SplitAfter(doubled("macro", "- macro: NEXT\n  condition: NAME or NAME\n"), "\n"), "") + rule("r", "m40")
	if err := parse(t, macros).Err(); err == nil || !strings.Contains(err.Error(), "once its macros are inserted") {
		t.Errorf("macros that double: Err = %v, want one about their number", err)
	}
}

func TestAliases(t *testing.T) {
	for condition, want := range map[string]string{
		"execve and containerized":                                    "evt.type = execve and container.id != host",
		"not container.privileged or proc.is_exe_writable and openat": "not container.privileged = true or proc.is_exe_writable = true and evt.type = openat",
		`connect and proc.name in ("sh", 'bash')`:                     "evt.type = connect and proc.name in (sh, bash)",
		"open and proc.name == sh":                                    "evt.type = open and proc.name = sh",
	} {
		s := parse(t, rule("r", condition))
		if s.Err() != nil || s.Rules[0].Condition.String() != want {
			t.Errorf("%s: %+v, %v\nwant %s", condition, s.Rules, s.Err(), want)
		}
	}
	if s := parse(t, "- macro: execve\n  condition: evt.type = execveat\n"+rule("r", "execve")); s.Rules[0].Condition.String() != "evt.type = execveat" {
		t.Errorf("a macro named execve gives way to the event: %s", s.Rules[0].Condition)
	}
	for name, want := range map[string]string{"HIGH": "Error", "Medium": "Warning", "low": "Notice"} {
		if s := parse(t, strings.Replace(rule("r", open), "INFO", name, 1)); s.Rules[0].Priority.String() != want {
			t.Errorf("priority %s is %s, want %s", name, s.Rules[0].Priority, want)
		}
	}
}

// TestStockRulesTogether loads the three files as one set, as Falco reads them and strictly.
func TestStockRulesTogether(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Strict, cfg.Matching = true, MatchFirst
	var sources []Source
	for _, name := range stockFiles {
		sources = append(sources, shared(t, name))
	}
	s, err := Parse(cfg, sources)
	if err != nil || s.Err() != nil || len(s.Rules) != 93 {
		t.Fatalf("%d rules, %v, %v", len(s.Rules), err, s.Err())
	}
	want := `"Network Tool Executed During NPM Package Install"`
	var shadowed []string
	for _, p := range s.Problems {
		if p.Code == LintShadowed {
			shadowed = append(shadowed, `"`+p.Item+`"`)
		}
	}
	if got := strings.Join(shadowed, ", "); got != want {
		t.Errorf("shadowed: %s, want %s: it asks for a network tool in a container, which an earlier rule does", got, want)
	}
}

func TestRulesOfOtherSourcesShadowNothing(t *testing.T) {
	s := parse(t, rule("a", open)+rule("b", open))
	s.Rules[1].Source = SourceJSON
	p := problems{}
	if reportShadowed(&p, s.Rules); len(p.list) != 0 {
		t.Errorf("problems: %v, want none", p.list)
	}
	s.Rules[1].Source = sourceSyscall
	if reportShadowed(&p, s.Rules); len(p.list) != 1 {
		t.Errorf("problems: %v, want one", p.list)
	}
}
