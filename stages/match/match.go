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

// Whitelist says whether an exception covers a rule that is about to fire on an event. It is safe for concurrent
// use.
type Whitelist interface {
	Bypass(rule string, ev *pipeline.Event) (entry string, ok bool)
	// Wants reports whether the alert of a rule that was just bypassed is to be made for Keep, as a sample.
	Wants(entry, rule string, ev *pipeline.Event) bool
	Keep(entry string, sample pipeline.Alert)
}

// Config is what a Matcher needs to know besides the rules.
type Config struct {
	Host       string    // host name of alerts about events that carry none
	IdentityBy []string  // fields that, with the rule, make two alerts the same; default DefaultIdentity
	Whitelist  Whitelist // nil: no exceptions
	Windows    Windows   // of what lives on this node; nil: all windows are asked later, of the store

	// Places is asked by rules for structured events; nil: nothing is known of places. Events of the kernel bring
	// their own.
	Places pipeline.Places
}

// DefaultIdentity is what an alert is about: never a time, a process id or a port the kernel chose.
// "object" is the file or the remote address, and is no field of the rule language.
func DefaultIdentity() []string { return []string{"container.id", "proc.exepath", objectIdentity} }

// Matcher holds compiled rules and the memory of one goroutine. Match must be called from one
// goroutine at a time; Stats and EventTypes from any.
type Matcher struct {
	evaluator *filter.Evaluator
	index     *filter.Index // of asked
	asked     []asked
	rules     []*rule
	first     bool
	whitelist Whitelist
	counter   counter
	builder   builder
	events    atomic.Uint64
}

// asked is a condition that events are asked for: a rule's, or that of one step of its sequence. Those of a
// rule stand together.
type asked struct {
	*filter.Condition
	rule *rule
	step uint16 // its bit; 0: the rule's own condition
}

// rule is a rule with its counters.
type rule struct {
	*rules.Rule
	identity  []field.Ref
	object    bool   // the object is part of the identity
	keyPrefix string // of its window
	local     bool   // its window is judged here
	observed  atomic.Uint64
	fired     atomic.Uint64
	bypassed  atomic.Uint64
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
	m.counter.windows = cfg.Windows
	for _, r := range set.Rules {
		if !r.Runs() || r.Payload != nil {
			continue
		}
		added := &rule{Rule: r, identity: identity, object: object}
		if r.Window != nil {
			added.keyPrefix, added.local = keyPrefix(r), r.Window.Local && cfg.Windows != nil
		}
		if r.DedupeBy != nil || r.DedupeObject {
			added.identity, added.object = r.DedupeBy, r.DedupeObject
		}
		m.add(added)
	}
	conditions := make([]*filter.Condition, len(m.asked))
	for i, a := range m.asked {
		conditions[i] = a.Condition
	}
	m.index = filter.NewIndex(set.Program, conditions)
	return m, nil
}

// add files a rule under its condition, or a sequence under those of its steps, which have the rule's in them.
func (m *Matcher) add(r *rule) {
	m.rules = append(m.rules, r)
	if r.Window == nil || len(r.Window.Steps) == 0 {
		m.asked = append(m.asked, asked{r.Code, r, 0})
		return
	}
	for i, s := range r.Window.Steps {
		m.asked = append(m.asked, asked{s.Code, r, 1 << i})
	}
}

// Match calls emit for every rule that holds for ev, is not bypassed, and whose window, if it has one, fires
// or is the store's; in the order of the rules. The Alert owns its memory.
func (m *Matcher) Match(ev *pipeline.Event, emit func(pipeline.Alert)) {
	m.events.Add(1)
	if !m.index.Has(ev.Type) {
		return
	}
	m.evaluator.Reset(ev)
	candidates := m.evaluator.Candidates(m.index)
	for n := 0; n < len(candidates); n++ {
		c := &m.asked[candidates[n]]
		if !m.evaluator.Match(c.Condition) {
			continue
		}
		steps := c.step
		for n+1 < len(candidates) && m.asked[candidates[n+1]].rule == c.rule { // further steps of the sequence
			n++
			if next := &m.asked[candidates[n]]; m.evaluator.Match(next.Condition) {
				steps |= next.step
			}
		}
		if m.bypassed(c.rule, ev) {
			continue
		}
		if m.hit(c.rule, steps, emit) && m.first {
			return
		}
	}
}

// hit makes an alert of a rule that holds, when its window lets it, and reports whether it fired.
func (m *Matcher) hit(r *rule, steps uint16, emit func(pipeline.Alert)) (fired bool) {
	v := m.evaluator.View()
	if r.Window == nil {
		r.fired.Add(1)
		emit(m.builder.alert(r, v))
		return true
	}
	r.observed.Add(1)
	seen := m.counter.observe(r, v, steps)
	if !r.local {
		emit(m.builder.unjudged(r, v, seen))
		return false // nobody knows yet
	}
	judged := m.counter.judge(seen)
	if !judged.Fired {
		return false
	}
	r.fired.Add(1)
	a := m.builder.unjudged(r, v, seen)
	a.Show(judged.Sight, judged.Degraded)
	emit(a)
	return true
}

// bypassed asks the whitelist, and counts. Of what it covers a sample is made now and then, for people to see
// what they are not told.
func (m *Matcher) bypassed(r *rule, ev *pipeline.Event) bool {
	if m.whitelist == nil {
		return false
	}
	entry, ok := m.whitelist.Bypass(r.Name, ev)
	if !ok {
		return false
	}
	r.bypassed.Add(1)
	if m.whitelist.Wants(entry, r.Name, ev) {
		m.whitelist.Keep(entry, m.builder.alert(r, m.evaluator.View()))
	}
	return true
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
	for _, a := range m.asked {
		for _, t := range a.EventTypes() {
			if p, ok := gravest[t]; !ok || a.rule.Priority < p {
				gravest[t] = a.rule.Priority
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
	Observed uint64 // held, not bypassed, and shown to the rule's window
	Fired    uint64 // alerts made; what the store's window is asked about is none yet
	Bypassed uint64 // held, but the whitelist said no
	Failed   uint64 // could not be answered; only conditions of structured events can fail
}

// Plus adds what the same rule did in another Matcher.
func (s RuleStats) Plus(o RuleStats) RuleStats {
	s.Observed += o.Observed
	s.Fired += o.Fired
	s.Bypassed += o.Bypassed
	s.Failed += o.Failed
	return s
}

// Stats reads the counters.
func (m *Matcher) Stats() Stats {
	s := Stats{Events: m.events.Load(), Rules: make([]RuleStats, len(m.rules))}
	for i, r := range m.rules {
		s.Rules[i] = RuleStats{Rule: r.Name, Priority: r.Priority, Observed: r.observed.Load(), Fired: r.fired.Load(), Bypassed: r.bypassed.Load()}
	}
	return s
}
