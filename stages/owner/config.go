package owner

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// Config is an entry of the list of owners: whose alerts those are whose labels match.
type Config struct {
	Matchers    []string          `yaml:"matchers"`    // all have to hold; Alertmanager's: name = "value", !=, =~, !~
	Team        string            `yaml:"team"`        // label team
	OnCall      string            `yaml:"on_call"`     // label on_call: the group that is on call for it
	Runbook     string            `yaml:"runbook"`     // annotation runbook_url
	Labels      map[string]string `yaml:"labels"`      // more labels
	Annotations map[string]string `yaml:"annotations"` // more annotations
	Continue    bool              `yaml:"continue"`    // ask the entries after it too, as if owners_matching were all
}

// Matching says how many entries count.
type Matching string

// Ways of matching. Of several entries that give the same, the first one in the list counts.
const (
	First Matching = "first" // the default
	All   Matching = "all"
)

// Labels that the keys of a Config set.
const (
	teamLabel   = "team"
	onCallLabel = "on_call"
)

// runbookAnnotation is where templates look for the link.
const runbookAnnotation = "runbook_url"

// Validate returns every mistake; each begins with its place below the enrich block, as in
// "owners[1].matchers[0]: ".
func Validate(matching Matching, entries []Config) error {
	var errs []error
	if matching != "" && matching != First && matching != All {
		errs = append(errs, fmt.Errorf("owners_matching: %q is neither %q nor %q", matching, First, All))
	}
	for i := range entries {
		for _, err := range entries[i].check() {
			errs = append(errs, fmt.Errorf("owners[%d]%w", i, err))
		}
	}
	return errors.Join(errs...)
}

// check returns every mistake of an entry, each beginning with its key, or with ": ".
func (c *Config) check() []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.Matchers) == 0 {
		bad(`: matchers is missing or empty; for whatever no entry before it took, write matchers: ['rule =~ ".+"']`)
	}
	for i, text := range c.Matchers {
		ms, err := matcher.Parse(text)
		if err == nil && len(ms) == 0 { // it would hold for every alert
			err = fmt.Errorf("%q is no matcher: it asks for nothing", text)
		}
		if err != nil {
			bad(".matchers[%d]: %w", i, err)
		}
	}
	if c.Team == "" && c.OnCall == "" && c.Runbook == "" && len(c.Labels) == 0 && len(c.Annotations) == 0 {
		bad(": gives nothing: set team, on_call, runbook, labels or annotations")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		switch {
		case strings.TrimSpace(name) == "":
			bad(".labels: a name is empty")
		case name == teamLabel && c.Team != "", name == onCallLabel && c.OnCall != "":
			bad(".labels.%s: the entry has %s already: set only one of them", name, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Annotations)) {
		if name == runbookAnnotation && c.Runbook != "" {
			bad(".annotations.%s: the entry has runbook already: set only one of them", name)
		}
	}
	return errs
}

// matchers are those of a valid entry.
func (c *Config) matchers() labels.Matchers {
	all, _, err := matcher.Keys("", c.Matchers, nil, nil)
	if err != nil {
		panic(err) // Validate saw that it is none
	}
	return all
}
