package rules

import (
	"fmt"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Config is the rules block of the configuration.
type Config struct {
	Files    []string          `yaml:"files"`    // files, folders or globs, read in this order
	Matching string            `yaml:"matching"` // MatchAll (default) or MatchFirst
	Priority pipeline.Priority `yaml:"priority"` // less severe rules do not run; default debug: all run
	Disable  []Disable         `yaml:"disable"`  // rules that do not run, whatever their file says

	AppendOutput []AppendOutput `yaml:"append_output"` // what outputs get in addition

	// ResolveNames has the names of hosts that rules compare with (fd.sip.name) looked up in the background,
	// which is traffic to the name server; default false: such fields are null.
	ResolveNames bool `yaml:"resolve_names"`

	// Given compiles the rules for events that are made of their fields, as tests have them: see field.Given.
	Given bool `yaml:"-"`
}

// Ways of matching: every rule that holds fires, or only the first one in the order of the files.
const (
	MatchAll   = "all"
	MatchFirst = "first"
)

// Disable names rules by a pattern in which * stands for any text, or by a tag. One of the two is set.
type Disable struct {
	Rule string `yaml:"rule"`
	Tag  string `yaml:"tag"`
}

// DefaultConfig runs every rule and lets all that hold fire.
func DefaultConfig() Config { return Config{Matching: MatchAll, Priority: pipeline.Debug} }

// Validate names the first setting that cannot be.
func (c Config) Validate() error {
	if c.Matching != "" && c.Matching != MatchAll && c.Matching != MatchFirst {
		return fmt.Errorf("rules.matching: %q is neither %q nor %q", c.Matching, MatchAll, MatchFirst)
	}
	for i, d := range c.Disable {
		if (d.Rule == "") == (d.Tag == "") {
			return fmt.Errorf("rules.disable[%d]: set either rule or tag", i)
		}
	}
	for i, a := range c.AppendOutput {
		if err := a.validate(fmt.Sprintf("rules.append_output[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}
