// Package route decides who hears of an alert, and together with which others. A tree of matchers, in
// Alertmanager's YAML and with its meaning, picks routes; a route's alerts gather in groups, and a
// group goes out as one notification per integration of the receiver. Groups and what waits in them are
// in a Store, so that a kill loses nothing; this package keeps no state of its own.
//
// It does not render, send or retry: a notification is done here once its publisher has it durably.
package route

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// Receiver is where a route leads.
type Receiver struct {
	Name         string
	Integrations []string // their topics: each gets a notification of its own
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

	MuteTimeIntervals   []string // names; not inherited
	ActiveTimeIntervals []string // likewise
	Labels              map[string]string

	id       string // stands for the route in group keys
	matchers labels.Matchers
	children *matcher.Index // of Routes; nil where there are few
}

// Tree is a routing tree with its receivers. It does not change and is safe for concurrent use.
type Tree struct {
	Root      *Route
	receivers map[string]Receiver
}

// Validate returns every mistake of the tree as *ConfigErrors; known are the receivers' names.
func Validate(cfg *Config, known []string) error {
	if cfg == nil {
		return &ConfigError{Err: errors.New("there is no route: it says who hears of what")}
	}
	names := map[string]bool{}
	for _, name := range known {
		names[name] = true
	}
	return errors.Join(cfg.check("", true, names)...)
}

// NewTree compiles a tree.
func NewTree(cfg *Config, receivers []Receiver) (*Tree, error) {
	t := &Tree{receivers: map[string]Receiver{}}
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
	t.Root = compile(cfg, defaults, "0")
	return t, nil
}

// compile makes a Route of a checked Config.
func compile(c *Config, parent *Route, place string) *Route {
	r := *parent // what is not set below is inherited
	r.Continue = c.Continue
	r.MuteTimeIntervals, r.ActiveTimeIntervals = c.MuteTimeIntervals, c.ActiveTimeIntervals
	r.Labels = maps.Clone(parent.Labels)
	if len(c.Labels) > 0 && r.Labels == nil {
		r.Labels = map[string]string{}
	}
	maps.Copy(r.Labels, c.Labels)
	r.matchers, _, _ = c.matchers() // checked by Validate
	r.Routes, r.children = nil, nil
	r.id = place
	if c.Name != "" {
		r.id = "=" + c.Name
	}
	if c.Receiver != "" {
		r.Receiver = c.Receiver
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
		r.Routes = append(r.Routes, compile(child, &r, place+"."+strconv.Itoa(i)))
	}
	r.indexChildren()
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
	var b strings.Builder
	b.WriteString(strconv.Quote(r.Receiver))
	b.WriteByte('/')
	b.WriteString(r.id)
	b.WriteString(":{")
	for i, name := range slices.Sorted(maps.Keys(group)) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Quote(name))
		b.WriteByte('=')
		b.WriteString(strconv.Quote(group[name]))
	}
	b.WriteByte('}')
	return b.String()
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
