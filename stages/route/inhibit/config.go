package inhibit

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// Config is one entry of inhibit_rules, in Alertmanager's YAML: while an alert fires that matches the source side,
// those that match the target side and agree with it on the labels of equal are not told.
type Config struct {
	Name string `yaml:"name"` // for people; default: the rule's number

	SourceMatchers []string `yaml:"source_matchers"` // all have to hold
	TargetMatchers []string `yaml:"target_matchers"`
	// Equal are labels on which source and target have to agree. A missing label is an empty one, so one that
	// neither has is no condition.
	Equal []string `yaml:"equal"`
	// Wait is ours: alerts of the target side gather at least so long before their group's first notification, so
	// that the source may come after them. Default 0s.
	Wait pipeline.Duration `yaml:"wait"`

	// Alertmanager's older spelling of the matchers.
	SourceMatch   map[string]string `yaml:"source_match"`
	SourceMatchRE map[string]string `yaml:"source_match_re"`
	TargetMatch   map[string]string `yaml:"target_match"`
	TargetMatchRE map[string]string `yaml:"target_match_re"`
}

// ConfigError is a mistake in the rules. Path leads to it from the list, as a YAML path without the leading
// "$.inhibit_rules": "[1].source_matchers[0]".
type ConfigError struct {
	Path string
	Err  error
}

func (e *ConfigError) Error() string { return fmt.Sprintf("inhibit_rules%s: %v", e.Path, e.Err) }

// Unwrap returns the mistake itself.
func (e *ConfigError) Unwrap() error { return e.Err }

// Validate returns every mistake as *ConfigErrors.
func Validate(cfg []Config) error {
	var errs []error
	named := map[string]int{}
	for i := range cfg {
		at := "[" + strconv.Itoa(i) + "]"
		c := &cfg[i]
		errs = append(errs, c.check(at)...)
		if first, twice := named[c.Name]; twice && c.Name != "" {
			errs = append(errs, &ConfigError{at + ".name", fmt.Errorf("%q is the name of inhibit_rules[%d] already", c.Name, first)})
		}
		named[c.Name] = i
	}
	return errors.Join(errs...)
}

func (c *Config) check(path string) (errs []error) {
	bad := func(at string, err error) { errs = append(errs, &ConfigError{path + at, err}) }
	for _, s := range c.sides() {
		ms, at, err := s.compile()
		switch {
		case err != nil:
			bad(at, err)
		case len(ms) == 0:
			bad("", fmt.Errorf("%s_matchers is missing or empty: it would hold for every alert", s.name))
		}
	}
	for i, label := range c.Equal {
		at := ".equal[" + strconv.Itoa(i) + "]"
		switch {
		case label == "":
			bad(at, errors.New("a label name may not be empty"))
		case slices.Index(c.Equal, label) < i:
			bad(at, fmt.Errorf("%q is there twice", label))
		}
	}
	return errs
}

// side is what one side of a rule asks for.
type side struct {
	name      string // source or target
	matchers  []string
	equal, re map[string]string
}

func (c *Config) sides() [2]side {
	return [2]side{
		{"source", c.SourceMatchers, c.SourceMatch, c.SourceMatchRE},
		{"target", c.TargetMatchers, c.TargetMatch, c.TargetMatchRE},
	}
}

// compile returns the side's matchers, or the place of the first one that is none.
func (s side) compile() (labels.Matchers, string, error) {
	return matcher.Keys(s.name+"_", s.matchers, s.equal, s.re)
}
