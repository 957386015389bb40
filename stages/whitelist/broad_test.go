package whitelist

import (
	"errors"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/rules"
)

func TestWhatIsBroad(t *testing.T) {
	for _, c := range []struct {
		rules, match string
		broad        bool
	}{
		{`"*"`, "{proc.name: [backup]}", false},
		{`"*"`, "{evt.type: [open]}", true},
		{`"*"`, "{evt.type: [open], proc.name: [backup]}", false},
		{`["R", "**"]`, "evt.type = open", true},
		{`"R*"`, "evt.type = open", false},
		{`"tag:x"`, "evt.type = open", false},
		{`"*"`, "evt.hostname = web-1", false},
		{`"*"`, "evt.arg.flags contains O_CREAT", false},
		{`"*"`, "not proc.name = x", true},
		{`"*"`, "proc.name != x", true},
		{`"*"`, "not proc.name != x", false},
		{`"*"`, "proc.name = x or evt.type = open", true},
		{`"*"`, "proc.name = x or fd.name startswith /etc/", false},
		{`"*"`, "not (proc.name != x and fd.name != y)", false},
		{`"*"`, "not (proc.name != x and fd.name = y)", true},
		{`"*"`, "proc.name exists", true},
		{`"*"`, "proc.pid > 0", true},
		{`"*"`, "fd.name startswith /", true},
		{`"*"`, `{fd.name: ["*"]}`, true},
		{`"*"`, `{fd.rip: [0.0.0.0/0]}`, true},
		{`"*"`, `{fd.rip: [10.0.0.0/8]}`, false},
		{`"*"`, "{container.id: [host]}", true},
		{`"*"`, "{event.user.name: [backup]}", false},
		{`"*"`, `{event.user.name: ["*"]}`, true},
		{`"*"`, "tolower(proc.name) = x", false},
	} {
		text := strings.Replace(entry(c.match), "[R]", c.rules, 1)
		l, problems := parse(text)
		if got := l.entries[0].Broad() != ""; got != c.broad {
			t.Errorf("rules %s, match %s: broad = %v, want %v; %v", c.rules, c.match, got, c.broad, problems)
		}
		if refused := rules.Err(problems) != nil; refused != c.broad {
			t.Errorf("rules %s, match %s: refused = %v, want %v: %v", c.rules, c.match, refused, c.broad, problems)
		}
		if _, ok := l.Bypass("R", backup()); ok && c.broad {
			t.Errorf("rules %s, match %s: applies although it is refused", c.rules, c.match)
		}
	}
}

// A pattern can cover every rule that there is without being a star.
func TestPatternsThatCoverEveryRule(t *testing.T) {
	set := ruleSet(t, "Read one", "Read two")
	for pattern, want := range map[string]bool{`["Read *"]`: true, `["Read one", "tag:even"]`: true, `["Read one"]`: false} {
		text := strings.Replace(entry("evt.type = open"), "[R]", pattern, 1)
		l, _ := Parse(Config{}, []rules.Source{{Name: "w.yaml", Data: []byte(text)}}, set, now)
		if got := l.entries[0].Broad() != ""; got != want {
			t.Errorf("rules: %s: broad = %v, want %v", pattern, got, want)
		}
	}
}

// ruleSet has rules about opens; every second one has the tag even, the others odd.
func ruleSet(tb testing.TB, names ...string) *rules.Set {
	tb.Helper()
	var text strings.Builder
	for i, name := range names {
		text.WriteString("- {rule: " + name + ", condition: \"evt.type in (open, openat)\", output: o, desc: d, priority: INFO, tags: [" + []string{"odd", "even"}[i%2] + "]}\n")
	}
	set, err := rules.Parse(rules.DefaultConfig(), []rules.Source{{Name: "r.yaml", Data: []byte(text.String())}})
	if err = errors.Join(err, set.Err()); err != nil {
		tb.Fatal(err)
	}
	return set
}

func TestPolicies(t *testing.T) {
	noReason := strings.Replace(entry("{proc.name: backup}"), "  reason: because\n", "", 1)
	broad := strings.Replace(entry("evt.type = openat"), "[R]", `"*"`, 1)
	expired := entry("{proc.name: backup}", "expires: 2026-01-01")
	for _, c := range []struct {
		cfg      Config
		text     string
		severity rules.Severity // 0: nothing is said
		applies  bool
	}{
		{Config{}, noReason, rules.Error, false},
		{Config{MissingReason: Warn}, noReason, rules.Warning, true},
		{Config{}, broad, rules.Error, false},
		{Config{Broad: Warn}, broad, rules.Warning, true},
		{Config{Broad: Allow}, broad, 0, true},
		{Config{}, expired, rules.Warning, false},
		{Config{Expired: Refuse}, expired, rules.Error, false},
		{Config{Expired: Ignore}, expired, 0, false},
	} {
		l, problems := Parse(c.cfg, []rules.Source{{Name: "w.yaml", Data: []byte(c.text)}}, nil, now)
		var severity rules.Severity
		if len(problems) > 0 {
			severity = problems[0].Severity
		}
		if severity != c.severity || len(problems) > 1 {
			t.Errorf("%+v: problems = %v, want severity %v for\n%s", c.cfg, problems, c.severity, c.text)
		}
		if _, applies := l.Bypass("R", backup()); applies != c.applies {
			t.Errorf("%+v: applies = %v, want %v:\n%s", c.cfg, applies, c.applies, c.text)
		}
	}
	for want, cfg := range map[string]Config{
		`whitelist.missing_reason: "allow" is none of [refuse warn]`: {MissingReason: Allow},
		`whitelist.broad: "off" is none of [refuse warn allow]`:      {Broad: "off"},
		`whitelist.expired: "allow" is none of [refuse warn ignore]`: {Expired: Allow},
	} {
		if err := cfg.Validate(); err == nil || err.Error() != want {
			t.Errorf("Validate = %v, want %s", err, want)
		}
	}
}
