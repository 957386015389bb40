package whitelist

import (
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/rules"
)

func TestRulesByNameAndTag(t *testing.T) {
	set := ruleSet(t, "Read one", "Read two") // odd, even
	for _, c := range []struct {
		rules    string
		one, two bool
	}{
		{`[Read one]`, true, false},
		{`Read two`, false, true},
		{`["Read *"]`, true, true},
		{`["tag:even"]`, false, true},
		{`[{tag: odd}]`, true, false},
		{`{tag: odd}`, true, false},
		{`[{rule: "* two"}]`, false, true},
		{`[tag:odd, Read two]`, true, true},
		{`"*"`, true, true},
		{`["tag:od"]`, false, false},
	} {
		text := strings.Replace(entry("{proc.name: backup}"), "[R]", c.rules, 1)
		l, problems := Parse(Config{}, []rules.Source{{Name: "w.yaml", Data: []byte(text)}}, set, now)
		if err := rules.Err(problems); err != nil {
			t.Errorf("rules: %s: %v", c.rules, err)
		}
		_, one := l.Bypass("Read one", backup())
		_, two := l.Bypass("Read two", backup())
		if one != c.one || two != c.two {
			t.Errorf("rules: %s covers the one with tag odd: %v, the one with tag even: %v; want %v, %v", c.rules, one, two, c.one, c.two)
		}
	}
	for text, want := range map[string]string{
		`[]`:                           "rules is empty: the entry is for nothing",
		`[""]`:                         "rules: a name is empty",
		`["tag:"]`:                     "rules: a name is empty",
		`[{tag: odd, rule: Read one}]`: "w.yaml:3:11: error: WHITELIST_INVALID: entry \"e\": rules: set either rule or tag",
		`[{tags: odd}]`:                `unknown field "tags"`,
		`["tag:evn"]`:                  `warning: WHITELIST_UNKNOWN_RULE: entry "e": there is no rule with the tag "evn" (did you mean "even"?)`,
	} {
		_, problems := Parse(Config{}, []rules.Source{{Name: "w.yaml", Data: []byte(strings.Replace(entry("{proc.name: x}"), "[R]", text, 1))}}, set, now)
		if len(problems) != 1 || !strings.Contains(problems[0].String(), want) {
			t.Errorf("rules: %s: problems = %v, want %s", text, problems, want)
		}
	}
}
