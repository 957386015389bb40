package explain

import (
	"fmt"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// Run is what a Meter saw of the rule as a whole.
type Run struct {
	Events     uint64 `json:"events"`       // all
	OfItsTypes uint64 `json:"of_its_types"` // those that the condition can hold for
	Candidate  uint64 `json:"candidate"`    // of them, those for which the index named the rule
	InVain     uint64 `json:"in_vain"`      // of those, the condition did not hold
	Held       uint64 `json:"held"`
}

// Measured is what a Meter saw of a part: every event of the rule's types is put to it from the first
// comparison on, whatever the index says and other rules have asked already.
type Measured struct {
	Reached uint64  `json:"reached"` // how often it was asked
	True    uint64  `json:"true"`
	Ns      float64 `json:"ns"` // what asking it takes, on average

	total float64 // ns, as estimated from those that were timed
	timed uint64
}

// Timing a comparison disturbs what it measures, so it is done for few events, many times over each.
const (
	timeFirst = 64 // of the times a comparison is asked
	timeEvery = 64 // of the others
	timeRuns  = 16
)

// Meter evaluates a rule part by part beside the normal evaluation. It belongs to one goroutine.
type Meter struct {
	plan      *plan
	root      *filter.Tree
	parts     map[*filter.Tree]*Measured
	evaluator *filter.Evaluator
	types     [pipeline.NumEventTypes]bool
	view      field.View
	timing    field.View
	run       Run
	differs   error
}

// NewMeter measures the rule that e is about, and fills in e as it goes: call Finish to see it.
func NewMeter(set *rules.Set, r *rules.Rule, e *Explanation) (*Meter, error) {
	p := planOf(set, r)
	if p == nil || e.Condition == nil {
		return nil, fmt.Errorf("rule %q has no condition on fields of events: there is nothing to measure", r.Name)
	}
	m := &Meter{plan: p, root: e.Condition.tree, parts: map[*filter.Tree]*Measured{}, evaluator: filter.NewEvaluator(p.program)}
	for _, t := range p.code.EventTypes() {
		m.types[t] = true
	}
	e.Measured = &m.run
	m.attach(e.Condition)
	return m, nil
}

func (m *Meter) attach(p *Part) {
	p.Measured = &Measured{}
	m.parts[p.tree] = p.Measured
	for _, k := range p.Kids {
		m.attach(k)
	}
}

// Observe looks at one event.
func (m *Meter) Observe(ev *pipeline.Event) {
	m.run.Events++
	if !m.types[ev.Type] {
		return
	}
	m.run.OfItsTypes++
	m.evaluator.Reset(ev)
	candidate := m.plan.names(m.evaluator.Candidates(m.plan.index))
	holds := m.evaluator.Match(m.plan.code)
	m.count(holds, candidate)
	m.view.Reset(ev)
	if m.root.Eval(&m.view, func(part *filter.Tree, holds bool) { m.seen(part, holds, ev) }) != holds && m.differs == nil {
		m.differs = fmt.Errorf("event %d: the parts of the condition say %t, the engine %t", ev.Num, !holds, holds)
	}
}

func (m *Meter) count(holds, candidate bool) {
	switch {
	case holds && !candidate && m.differs == nil:
		m.differs = fmt.Errorf("the condition holds for an event for which the index does not name the rule")
	case holds:
		m.run.Held++
	case candidate:
		m.run.InVain++
	}
	if candidate {
		m.run.Candidate++
	}
}

func (m *Meter) seen(part *filter.Tree, holds bool, ev *pipeline.Event) {
	p := m.parts[part]
	p.Reached++
	if holds {
		p.True++
	}
	if part.Kind == filter.CheckTree && (p.Reached <= timeFirst || p.Reached%timeEvery == 0) {
		m.timing.Reset(ev)
		p.total += part.Cost(&m.timing, timeRuns)
		p.timed++
	}
}

// Finish works the averages out. The error says that the engine and its parts disagree: a bug.
func (m *Meter) Finish() error {
	m.finish(m.root)
	return m.differs
}

// finish returns what a part took altogether: that of a group is what its parts took.
func (m *Meter) finish(t *filter.Tree) (total float64) {
	p := m.parts[t]
	if t.Kind == filter.CheckTree {
		if p.timed > 0 {
			p.Ns = p.total / float64(p.timed)
		}
		return p.Ns * float64(p.Reached)
	}
	for _, k := range t.Kids {
		total += m.finish(k)
	}
	if p.Reached > 0 {
		p.Ns = total / float64(p.Reached)
	}
	return total
}
