package route

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// Defaults of the root route, Alertmanager's.
const (
	DefaultGroupWait      = 30 * time.Second
	DefaultGroupInterval  = 5 * time.Minute
	DefaultRepeatInterval = 4 * time.Hour
)

// AllLabels in group_by makes a group of each alert.
const AllLabels = "..."

// Config is one node of the routing tree, in Alertmanager's YAML. What a child leaves out it takes from
// its parent, except matchers, continue and time intervals.
type Config struct {
	// Name is ours: it stands in group keys instead of the route's place in the tree, so that routes can
	// be reordered without announcing everything again.
	Name     string `yaml:"name"`
	Receiver string `yaml:"receiver"`

	// Matchers must all hold. Match and MatchRE are Alertmanager's older spelling of them.
	Matchers []string          `yaml:"matchers"`
	Match    map[string]string `yaml:"match"`
	MatchRE  map[string]string `yaml:"match_re"`
	Continue bool              `yaml:"continue"` // go on with the next sibling after a match

	// GroupBy are the labels that tell groups apart. nil: the parent's; empty: one group for all.
	GroupBy        []string           `yaml:"group_by"`
	GroupWait      *pipeline.Duration `yaml:"group_wait"`      // gather before the first notification; default 30s, 0s: send at once
	GroupInterval  *pipeline.Duration `yaml:"group_interval"`  // between notifications of a group; default 5m
	RepeatInterval *pipeline.Duration `yaml:"repeat_interval"` // tell stateful alerts again that still fire; default 4h. Events are told once

	// Names of time_intervals. In the first kind the route tells nothing, in the second kind only. They are this
	// route's alone: children do not inherit them.
	MuteTimeIntervals   []string `yaml:"mute_time_intervals"`
	ActiveTimeIntervals []string `yaml:"active_time_intervals"`

	Labels map[string]string `yaml:"labels"` // for templates (.RouteLabels); children inherit them and add theirs

	// Escalate is ours: the name of the escalation of what nobody acknowledges; children inherit it. none: there is none.
	Escalate string `yaml:"escalate"`

	Routes []*Config `yaml:"routes"`
}

// ConfigError is a mistake in the tree. Path leads to it from the root route, as a YAML path without
// the leading "$.route": ".routes[1].matchers[0]".
type ConfigError struct {
	Path string
	Err  error
}

func (e *ConfigError) Error() string { return fmt.Sprintf("route%s: %v", e.Path, e.Err) }

// Unwrap returns the mistake itself.
func (e *ConfigError) Unwrap() error { return e.Err }

// mistake notes one at a place below a node.
type mistake func(at, format string, args ...any)

// mistakes are those that check notes of the node at path and of those below it, as *ConfigErrors.
func (c *Config) mistakes(path string, check func(path string, c *Config, bad mistake)) (errs []error) {
	check(path, c, func(at, format string, args ...any) {
		errs = append(errs, &ConfigError{Path: path + at, Err: fmt.Errorf(format, args...)})
	})
	for i, child := range c.Routes {
		if child != nil {
			errs = append(errs, child.mistakes(path+".routes["+strconv.Itoa(i)+"]", check)...)
		}
	}
	return errs
}

// check notes every mistake of the node by itself; known are the receivers' names.
func (c *Config) check(path string, known []string, bad mistake) {
	if path == "" {
		c.checkRoot(bad)
	}
	if c.Receiver != "" && !slices.Contains(known, c.Receiver) {
		bad(".receiver", "there is no receiver %q under receivers", c.Receiver)
	}
	c.checkGroups(bad)
	c.checkLabels(bad)
	if _, at, err := c.matchers(); err != nil {
		bad(at, "%w", err)
	}
	for i, child := range c.Routes {
		if child == nil {
			bad(".routes["+strconv.Itoa(i)+"]", "an empty route")
		}
	}
}

func (c *Config) checkRoot(bad mistake) {
	if c.Receiver == "" {
		bad("", "the root route needs a receiver: it gets what no other route takes")
	}
	if len(c.Matchers)+len(c.Match)+len(c.MatchRE) > 0 {
		bad("", "the root route matches everything and may not have matchers: put them into a route under routes")
	}
	if len(c.MuteTimeIntervals) > 0 {
		bad(".mute_time_intervals", "the root route is never muted: put this into a route under routes")
	}
	if len(c.ActiveTimeIntervals) > 0 {
		bad(".active_time_intervals", "the root route is always active: put this into a route under routes")
	}
}

func (c *Config) checkGroups(bad mistake) {
	for i, label := range c.GroupBy {
		at := ".group_by[" + strconv.Itoa(i) + "]"
		switch {
		case label == "":
			bad(at, "a label name may not be empty")
		case label == AllLabels && len(c.GroupBy) > 1:
			bad(at, "'...' stands for all labels and goes with no others")
		case slices.Index(c.GroupBy, label) < i:
			bad(at, "%q is there twice", label)
		}
	}
	if c.GroupInterval != nil && *c.GroupInterval == 0 {
		bad(".group_interval", "may not be 0: write how long to gather, as in 10s")
	}
	if c.RepeatInterval != nil && *c.RepeatInterval == 0 {
		bad(".repeat_interval", "may not be 0")
	}
}

func (c *Config) checkLabels(bad mistake) {
	if _, there := c.Labels[""]; there {
		bad(".labels", "a label name may not be empty")
	}
}

// matchers returns the node's matchers, or the place of the first one that is none.
func (c *Config) matchers() (labels.Matchers, string, error) {
	return matcher.Keys("", c.Matchers, c.Match, c.MatchRE)
}

// checkName notes a name that another route has; seen says where a name was first. Their groups would be one.
func (c *Config) checkName(path string, seen map[string]string, bad mistake) {
	if first, twice := seen[c.Name]; twice && c.Name != "" {
		bad(".name", "%q is the name of route%s already", c.Name, first)
	} else {
		seen[c.Name] = path
	}
}

// ValidateIntervals returns, as *ConfigErrors, every name of an interval that routes ask for and known lacks.
func ValidateIntervals(cfg *Config, known []string) error {
	return errors.Join(cfg.mistakes("", func(_ string, c *Config, bad mistake) {
		checkIntervals(".mute_time_intervals", c.MuteTimeIntervals, known, bad)
		checkIntervals(".active_time_intervals", c.ActiveTimeIntervals, known, bad)
	})...)
}

func checkIntervals(key string, names, known []string, bad mistake) {
	for i, name := range names {
		if !slices.Contains(known, name) {
			bad(key+"["+strconv.Itoa(i)+"]", "there is no interval %q under time_intervals", name)
		}
	}
}
