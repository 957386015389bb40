package rules

import (
	"fmt"
	"slices"

	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Config is the rules block of the configuration.
type Config struct {
	Files    []string          `yaml:"files"`    // files, folders or globs, read in this order
	Matching string            `yaml:"matching"` // MatchAll (default) or MatchFirst
	Priority pipeline.Priority `yaml:"priority"` // less severe rules do not run; default debug: all run
	Strict   bool              `yaml:"strict"`   // refuse what Falco refuses, words that are understood all the same too
	Disable  []Pattern         `yaml:"disable"`  // rules that do not run, whatever their file says
	Select   []Switch          `yaml:"select"`   // then rules switched on and off, the last word counts

	AppendOutput []AppendOutput `yaml:"append_output"` // what outputs get in addition

	// ResolveNames has the names of hosts that rules compare with (fd.sip.name) looked up in the background,
	// which is traffic to the name server; default false: such fields are null.
	ResolveNames bool `yaml:"resolve_names"`

	// Sources are the sources of structured events by name, nil where one has no schema. They are a block
	// of their own in the configuration; json is a source without being named.
	Sources map[string]*payload.Schema `yaml:"-"`

	// Places says that there is an address database; without one, geo.* and geo() are null. It is a block of its
	// own in the configuration.
	Places bool `yaml:"-"`

	// Given compiles the rules for events that are made of their fields, as tests have them: see field.Given.
	Given bool `yaml:"-"`
}

// Ways of matching: every rule that holds fires, or only the first one in the order of the files.
const (
	MatchAll   = "all"
	MatchFirst = "first"
)

// Pattern names rules by a pattern in which * stands for any text, or by a tag. One of the two is set.
type Pattern struct {
	Rule string `yaml:"rule"`
	Tag  string `yaml:"tag"`
}

// Switch turns rules on or off. One of the two is set.
type Switch struct {
	Enable  *Pattern `yaml:"enable"`
	Disable *Pattern `yaml:"disable"`
}

// DefaultConfig runs every rule and lets all that hold fire.
func DefaultConfig() Config { return Config{Matching: MatchAll, Priority: pipeline.Debug} }

// Validate names the first setting that cannot be.
func (c Config) Validate() error {
	if c.Matching != "" && c.Matching != MatchAll && c.Matching != MatchFirst {
		return fmt.Errorf("rules.matching: %q is neither %q nor %q", c.Matching, MatchAll, MatchFirst)
	}
	for i, s := range c.Select {
		if (s.Enable == nil) == (s.Disable == nil) {
			return fmt.Errorf("rules.select[%d]: set either enable or disable", i)
		}
	}
	for _, s := range c.switches() {
		if (s.pattern.Rule == "") == (s.pattern.Tag == "") {
			return fmt.Errorf("%s: set either rule or tag", s.key)
		}
	}
	for i, a := range c.AppendOutput {
		if err := a.validate(fmt.Sprintf("rules.append_output[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

// switching is one line of the configuration that turns rules on or off.
type switching struct {
	key     string
	pattern Pattern
	on      bool
}

// switches are those of disable, then those of select.
func (c Config) switches() []switching {
	var all []switching
	for i, p := range c.Disable {
		all = append(all, switching{key: fmt.Sprintf("rules.disable[%d]", i), pattern: p})
	}
	for i, s := range c.Select {
		one := switching{key: fmt.Sprintf("rules.select[%d]", i), on: s.Enable != nil}
		if one.on {
			one.pattern = *s.Enable
		} else {
			one.pattern = *s.Disable
		}
		all = append(all, one)
	}
	return all
}

// Matches reports whether the pattern is for a rule with that name and those tags.
func (p Pattern) Matches(name string, tags []string) bool {
	if p.Tag != "" {
		return slices.Contains(tags, p.Tag)
	}
	return MatchName(p.Rule, name)
}

// String is the pattern as a whitelist writes it: a name, or tag:network.
func (p Pattern) String() string {
	if p.Tag != "" {
		return "tag:" + p.Tag
	}
	return p.Rule
}

// switchedOff says why a rule does not run that its file enables or not; "" when it does.
func (c Config) switchedOff(r *Rule, enabled bool) string {
	why := ""
	if !enabled {
		why = "disabled in its file"
	}
	for _, s := range c.switches() {
		if !s.pattern.Matches(r.Name, r.Tags) {
			continue
		}
		if why = ""; !s.on {
			why = "disabled by the configuration"
		}
	}
	return why
}

// reportIdle warns about lines of the configuration that no rule matches: a misspelt one turns nothing off.
func (c Config) reportIdle(p *problems, rules []*Rule) {
	var names, tags []string
	for _, r := range rules {
		names, tags = append(names, r.Name), append(tags, r.Tags...)
	}
	for _, s := range c.switches() {
		if slices.ContainsFunc(rules, func(r *Rule) bool { return s.pattern.Matches(r.Name, r.Tags) }) {
			continue
		}
		what, hint := fmt.Sprintf("rule %q", s.pattern.Rule), syntax.DidYouMean(s.pattern.Rule, names)
		if s.pattern.Tag != "" {
			what, hint = fmt.Sprintf("tag %q", s.pattern.Tag), syntax.DidYouMean(s.pattern.Tag, tags)
		}
		p.add(Warning, LintNoSuchRule, "", syntax.Pos{}, fmt.Sprintf("%s: there is no %s", s.key, what), hint)
	}
}
