package owner

import (
	"maps"
	"sync/atomic"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// Owners are compiled entries. It does not change, but for its counters, and is safe for concurrent use.
type Owners struct {
	entries []entry
	index   *matcher.Index
	all     bool

	owned, unowned atomic.Uint64
}

type entry struct {
	*Config
	matchers labels.Matchers
}

// New compiles entries. The error is Validate's.
func New(matching Matching, entries []Config) (*Owners, error) {
	if err := Validate(matching, entries); err != nil {
		return nil, err
	}
	o := &Owners{all: matching == All}
	all := make([]labels.Matchers, len(entries))
	for i := range entries {
		all[i] = entries[i].matchers()
		o.entries = append(o.entries, entry{&entries[i], all[i]})
	}
	o.index = matcher.NewIndex(all)
	return o, nil
}

// Apply gives an alert what the entries for it say: labels and annotations; and Owner, whom its labels name then.
// What it has already stays. The maps that it came with are not changed: others may hold them.
func (o *Owners) Apply(a *pipeline.Alert) {
	if len(o.entries) > 0 {
		owned := o.ask(a)
		if a.Completes == nil { // else it was counted
			o.count(owned)
		}
	}
	if team, onCall := a.Labels[teamLabel], a.Labels[onCallLabel]; team != "" || onCall != "" {
		a.Owner = &pipeline.Owner{Team: team, OnCall: onCall}
	}
}

// ask applies the entries for an alert, and reports whether there is one.
func (o *Owners) ask(a *pipeline.Alert) (owned bool) {
	set := a.Labels // matchers see the alert as it came, not what other entries gave it
	found := o.index.Find(set, make(matcher.Found, 0, 8))
	for i, ok := found.Next(); ok; i, ok = found.Next() {
		e := &o.entries[i]
		if !matcher.Match(e.matchers, set) {
			continue
		}
		if !owned {
			a.Labels, a.Annotations = own(a.Labels), own(a.Annotations)
			owned = true
		}
		e.give(a)
		if !o.all && !e.Continue {
			break
		}
	}
	return owned
}

func (o *Owners) count(owned bool) {
	if owned {
		o.owned.Add(1)
	} else {
		o.unowned.Add(1)
	}
}

// give adds to an alert what it has not.
func (e *entry) give(a *pipeline.Alert) {
	// Who is on call for one team is not asked about another one's alert.
	team := a.Labels[teamLabel]
	if e.OnCall != "" && (team == "" || e.Team == "" || team == e.Team) {
		add(a.Labels, onCallLabel, e.OnCall)
	}
	add(a.Labels, teamLabel, e.Team)
	for name, value := range e.Labels {
		add(a.Labels, name, value)
	}
	add(a.Annotations, runbookAnnotation, e.Runbook)
	for name, value := range e.Annotations {
		add(a.Annotations, name, value)
	}
}

func add(to map[string]string, name, value string) {
	if value != "" && to[name] == "" {
		to[name] = value
	}
}

func own(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}

// Stats counts alerts that passed: those that an entry was for, and the others.
func (o *Owners) Stats() (owned, unowned uint64) { return o.owned.Load(), o.unowned.Load() }
