package match

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// Whitelist says whether an exception covers a rule that is about to fire on an event.
type Whitelist interface {
	Bypass(rule string, ev *pipeline.Event) (entry string, ok bool)
}

// Config is what a Matcher needs to know besides the rules.
type Config struct {
	Host       string    // host name of alerts about events that carry none
	IdentityBy []string  // fields that, with the rule, make two alerts the same; default DefaultIdentity
	Whitelist  Whitelist // nil: no exceptions
}

// DefaultIdentity is what an alert is about: never a time, a process id or a port the kernel chose.
// "object" is the file or the remote address, and is no field of the rule language.
func DefaultIdentity() []string { return []string{"container.id", "proc.exepath", objectIdentity} }

// Matcher holds compiled rules and the memory of one goroutine. Match must be called from one
// goroutine at a time; Stats and EventTypes from any.
type Matcher struct {
	evaluator *filter.Evaluator
	index     *filter.Index // of the rules' conditions
	rules     []*rule
	first     bool
	whitelist Whitelist
	builder   builder
	events    atomic.Uint64
}

// rule is a rule with its counters.
type rule struct {
	*rules.Rule
	identity []field.Ref
	object   bool // the object is part of the identity
	fired    atomic.Uint64
	bypassed atomic.Uint64
}

// New makes a Matcher for the rules of set that run and are for the kernel's events.
func New(cfg Config, set *rules.Set) (*Matcher, error) {
	if set == nil {
		return nil, errors.New("match: no rules given")
	}
	if cfg.IdentityBy == nil {
		cfg.IdentityBy = DefaultIdentity()
	}
	identity, object, err := parseIdentity(cfg.IdentityBy)
	if err != nil {
		return nil, fmt.Errorf("match: identity: %w", err)
	}
	m := &Matcher{
		evaluator: filter.NewEvaluator(set.Program),
		first:     set.First,
		whitelist: cfg.Whitelist,
		builder:   newBuilder(cfg.Host),
	}
	var conditions []*filter.Condition
	for _, r := range set.Rules {
		if !r.Runs() || r.Payload != nil {
			continue
		}
		added := &rule{Rule: r, identity: identity, object: object}
		if len(r.DedupeBy) > 0 || r.DedupeObject {
			added.identity, added.object = r.DedupeBy, r.DedupeObject
		}
		m.rules = append(m.rules, added)
		conditions = append(conditions, r.Code)
	}
	m.index = filter.NewIndex(set.Program, conditions)
	return m, nil
}

// Match calls emit for every rule that holds for ev and is not bypassed, in the order of the rules. The
// Alert owns its memory.
func (m *Matcher) Match(ev *pipeline.Event, emit func(pipeline.Alert)) {
	m.events.Add(1)
	if !m.index.Has(ev.Type) {
		return
	}
	m.evaluator.Reset(ev)
	for _, i := range m.evaluator.Candidates(m.index) {
		r := m.rules[i]
		if !m.evaluator.Match(r.Code) {
			continue
		}
		if m.bypassed(r, ev) {
			continue
		}
		r.fired.Add(1)
		emit(m.builder.alert(r, m.evaluator.View()))
		if m.first {
			return
		}
	}
}

// bypassed asks the whitelist, and counts.
func (m *Matcher) bypassed(r *rule, ev *pipeline.Event) bool {
	if m.whitelist == nil {
		return false
	}
	_, ok := m.whitelist.Bypass(r.Name, ev)
	if ok {
		r.bypassed.Add(1)
	}
	return ok
}

// EventTypes are the kinds of event that some rule can hold for: what the sensor has to deliver.
func (m *Matcher) EventTypes() []pipeline.EventType {
	var types []pipeline.EventType
	for t := range pipeline.NumEventTypes {
		if m.index.Has(t) && t != pipeline.EventJSON {
			types = append(types, t)
		}
	}
	return types
}

// Priorities are, for each kind of event that some rule can hold for, that of the gravest such rule.
func (m *Matcher) Priorities() map[pipeline.EventType]pipeline.Priority {
	gravest := map[pipeline.EventType]pipeline.Priority{}
	for _, r := range m.rules {
		for _, t := range r.Code.EventTypes() {
			if p, ok := gravest[t]; !ok || r.Priority < p {
				gravest[t] = r.Priority
			}
		}
	}
	return gravest
}

// Stats counts what a Matcher did.
type Stats struct {
	Events uint64
	Rules  []RuleStats // in the order of the rules
}

// RuleStats counts what a rule did.
type RuleStats struct {
	Rule     string
	Priority pipeline.Priority
	Fired    uint64 // alerts made
	Bypassed uint64 // held, but the whitelist said no
	Failed   uint64 // could not be answered; only conditions of structured events can fail
}

// Stats reads the counters.
func (m *Matcher) Stats() Stats {
	s := Stats{Events: m.events.Load(), Rules: make([]RuleStats, len(m.rules))}
	for i, r := range m.rules {
		s.Rules[i] = RuleStats{Rule: r.Name, Priority: r.Priority, Fired: r.fired.Load(), Bypassed: r.bypassed.Load()}
	}
	return s
}
