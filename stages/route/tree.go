// Package route decides who hears of an alert, and together with which others. A tree of matchers, in
// Alertmanager's YAML and with its meaning, picks routes; a route's alerts gather in groups, and a
// group goes out as one notification per integration of the receiver, unless a silence, a time interval, another
// alert (package inhibit) or somebody who takes care of it keeps it back. Groups and what waits in them are
// in a store (Groups), so that a kill loses nothing and any process can send what another took in; this package
// keeps no state of its own.
//
// There are two kinds of alerts. An event is told once, and done with. A stateful alert (pipeline.Stateful) is a
// member of its group until it is resolved and everybody who was told of it was told that.
//
// It does not render, send or retry: a notification is done here once its publisher has it durably.
package route

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// Receiver is where a route leads.
type Receiver struct {
	Name         string
	Integrations []Integration // each gets a notification of its own
}

// Integration is one channel of a receiver.
type Integration struct {
	Topic        string // its address's, whatever its place in the receiver
	SendResolved bool   // it wants to hear when alerts are resolved
}

// Route is a node of the tree with what it inherited.
type Route struct {
	Receiver       string
	GroupBy        []string // sorted
	GroupByAll     bool
	GroupWait      time.Duration
	GroupInterval  time.Duration
	RepeatInterval time.Duration
	Continue       bool
	Routes         []*Route

	MuteTimeIntervals   []string          // in any of these the route tells nothing; not inherited
	ActiveTimeIntervals []string          // only in these does it, if there are some; not inherited
	Labels              map[string]string // for templates; those of its parents, and its own
	Escalate            string            // the escalation of what nobody acknowledges; "": none

	ID       string   // stands for the route in group keys: its name, or its place in the tree
	Path     []string // the routes from the root down to this one, by their matchers
	matchers labels.Matchers
	children *matcher.Index // of Routes; nil where there are few
	steps    []*Route       // of Escalate
	role     role
	endWait  time.Duration // of a step: for the end of an alert
}

// Tree is a routing tree with its receivers. It does not change and is safe for concurrent use.
type Tree struct {
	Root      *Route
	receivers map[string]Receiver
	byID      map[string]*Route

	escalations map[string]Escalation
}

// Validate returns every mistake of the tree as *ConfigErrors; known are the receivers' names.
func Validate(cfg *Config, known []string) error {
	if cfg == nil {
		return &ConfigError{Err: errors.New("there is no route: it says who hears of what")}
	}
	seen := map[string]string{}
	return errors.Join(cfg.mistakes("", func(path string, c *Config, bad mistake) {
		c.check(path, known, bad)
		c.checkName(path, seen, bad)
	})...)
}

// NewTree compiles a tree. An escalation that a route names and that is not among those given is none.
func NewTree(cfg *Config, receivers []Receiver, escalations ...Escalation) (*Tree, error) {
	t := &Tree{receivers: map[string]Receiver{}, byID: map[string]*Route{}, escalations: map[string]Escalation{}}
	for _, e := range escalations {
		t.escalations[e.Name] = e
	}
	for _, r := range receivers {
		t.receivers[r.Name] = r
	}
	if err := Validate(cfg, slices.Collect(maps.Keys(t.receivers))); err != nil {
		return nil, err
	}
	defaults := &Route{
		GroupWait:      DefaultGroupWait,
		GroupInterval:  DefaultGroupInterval,
		RepeatInterval: DefaultRepeatInterval,
	}
	t.Root = t.compile(cfg, defaults, "0")
	return t, nil
}

// compile makes a Route of a checked Config.
func (t *Tree) compile(c *Config, parent *Route, place string) *Route {
	r := *parent // what is not set below is inherited
	r.Continue = c.Continue
	r.matchers, _, _ = c.matchers() // checked by Validate
	r.Routes, r.children, r.steps = nil, nil, nil
	r.ID = place
	if c.Name != "" {
		r.ID = "=" + c.Name
	}
	r.Path = append(slices.Clip(parent.Path), r.matchers.String())
	r.MuteTimeIntervals, r.ActiveTimeIntervals = c.MuteTimeIntervals, c.ActiveTimeIntervals
	if len(c.Labels) > 0 {
		r.Labels = maps.Clone(parent.Labels)
		if r.Labels == nil {
			r.Labels = map[string]string{}
		}
		maps.Copy(r.Labels, c.Labels)
	}
	if c.Receiver != "" {
		r.Receiver = c.Receiver
	}
	switch c.Escalate {
	case "":
	case NoEscalation:
		r.Escalate = ""
	default:
		r.Escalate = c.Escalate
	}
	if c.GroupBy != nil {
		r.GroupByAll = slices.Contains(c.GroupBy, AllLabels)
		r.GroupBy = slices.Sorted(slices.Values(c.GroupBy))
	}
	for _, d := range []struct {
		set *pipeline.Duration
		to  *time.Duration
	}{{c.GroupWait, &r.GroupWait}, {c.GroupInterval, &r.GroupInterval}, {c.RepeatInterval, &r.RepeatInterval}} {
		if d.set != nil {
			*d.to = time.Duration(*d.set)
		}
	}
	for i, child := range c.Routes {
		r.Routes = append(r.Routes, t.compile(child, &r, place+"."+strconv.Itoa(i)))
	}
	r.indexChildren()
	r.steps = t.stepsOf(&r)
	t.byID[r.ID] = &r
	return &r
}

// groupLabels are the labels of set that make a group; those the alert lacks are left out.
func (r *Route) groupLabels(set map[string]string) map[string]string {
	if r.GroupByAll {
		return set
	}
	group := make(map[string]string, len(r.GroupBy))
	for _, name := range r.GroupBy {
		if v, ok := set[name]; ok {
			group[name] = v
		}
	}
	return group
}

// groupKey names a group: receiver, route, group labels. The route counts by its name, or else its
// place in the tree, never by its matchers: editing those must not announce everything again. Values
// come from outside and are quoted, so that no two label sets make one key.
func (r *Route) groupKey(group map[string]string) string {
	names := slices.AppendSeq(make([]string, 0, 16), maps.Keys(group))
	slices.Sort(names)
	b := appendQuote(make([]byte, 0, 512), r.Receiver)
	b = append(append(append(b, '/'), r.ID...), ":{"...)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendQuote(b, name), '=')
		b = appendQuote(b, group[name])
	}
	return string(append(b, '}'))
}

// appendQuote is strconv.AppendQuote, which looks at each letter for long; most texts have nothing to escape.
func appendQuote(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return strconv.AppendQuote(b, s)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// receiver returns the receiver of a stored group. A reload may have removed it while alerts waited;
// they go to the root's then, for somebody must hear of them.
func (t *Tree) receiver(name string) (r Receiver, found bool) {
	r, found = t.receivers[name]
	if !found {
		r = t.receivers[t.Root.Receiver]
	}
	return r, found
}

// route returns the route of a stored group. A reload may have removed it; the root's times are then as good as any.
func (t *Tree) route(id string) *Route {
	switch r := t.byID[id]; {
	case r != nil:
		return r
	case isStep(id):
		forgotten := *t.Root
		forgotten.role = gone
		return &forgotten
	default:
		return t.Root
	}
}
