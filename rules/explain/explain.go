package explain

import (
	"slices"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// Explanation is all there is to say about a rule.
type Explanation struct {
	Verdict
	Desc       string            `json:"desc"`
	Priority   pipeline.Priority `json:"-"`
	Severity   string            `json:"priority"`
	Source     string            `json:"source"`
	Tags       []string          `json:"tags,omitempty"`
	Window     *Window           `json:"window,omitempty"`    // nil: every occurrence is an alert
	Condition  *Part             `json:"condition,omitempty"` // nil for a rule that asks for no fields; of a sequence, all steps
	EventTypes []string          `json:"event_types,omitempty"`
	Found      []Found           `json:"found,omitempty"`
	Fields     []Field           `json:"fields,omitempty"`
	Output     []Field           `json:"output_fields,omitempty"`
	Measured   *Run              `json:"measured,omitempty"`
}

// Part is a part of the condition; its kids stand in the order in which they are asked.
type Part struct {
	Kind     string    `json:"kind"` // and, or, not, check
	Text     string    `json:"text"`
	At       string    `json:"at"`                // file:line:col
	Macro    []string  `json:"macro,omitempty"`   // that it comes from, the outermost first
	ByType   bool      `json:"by_type,omitempty"` // answered when the rule is compiled
	Notes    []string  `json:"notes,omitempty"`
	Kids     []*Part   `json:"parts,omitempty"`
	Measured *Measured `json:"measured,omitempty"`

	tree *filter.Tree
}

// Found is how the engine comes to ask the rule, for a number of event types.
type Found struct {
	Events []string `json:"events"`
	Gates  []string `json:"gates,omitempty"` // cheap comparisons asked first, for all rules
	Facts  []string `json:"facts,omitempty"` // one of which has to be so; none: it is always asked
}

// Field is a field that the rule reads.
type Field struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Source      string `json:"source"`
	Unavailable string `json:"unavailable,omitempty"` // why it is always null
}

// Explain explains a rule of set, where only events that seen accepts are reported.
func Explain(set *rules.Set, r *rules.Rule, seen func(pipeline.EventType) bool) *Explanation {
	e := &Explanation{
		Verdict: Judge(set, r, seen), Desc: r.Desc, Priority: r.Priority, Severity: r.Priority.String(), Source: r.Source, Tags: r.Tags,
	}
	if r.Window != nil {
		e.Window = newWindow(r.Window)
	}
	plan := planOf(set, r)
	if plan == nil {
		return e
	}
	e.Condition = newPart(set, r, plan.program.Tree(plan.code))
	e.EventTypes = typeNames(plan.code)
	for i, q := range plan.asked {
		found := plan.found(i)
		if q.step == "" {
			e.Found = found
			continue
		}
		e.Window.Steps = append(e.Window.Steps, &Step{
			Name: q.step, Condition: newPart(set, r, plan.program.Tree(q.code)), EventTypes: typeNames(q.code), Found: found,
		})
	}
	e.Fields = newFields(plan.program, plan.code.Fields())
	if r.Output != nil {
		e.Output = newFields(plan.program, r.Output.Fields())
	}
	return e
}

func typeNames(c *filter.Condition) []string {
	var names []string
	for _, t := range c.EventTypes() {
		if name := t.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// plan is where the engine has the rule.
type plan struct {
	program *filter.Program
	index   *filter.Index
	code    *filter.Condition // of the rule as a whole
	asked   []question        // for which the index names it
	number  int               // of the first of them in the index; the others follow
}

// question is a condition that the engine asks events for: a rule's own, or that of a step of its sequence.
type question struct {
	step string // its name
	code *filter.Condition
}

// questions are those of a rule, in order.
func questions(r *rules.Rule) []question {
	if r.Window == nil || len(r.Window.Steps) == 0 {
		return []question{{code: r.Code}}
	}
	var all []question
	for _, s := range r.Window.Steps {
		all = append(all, question{s.Name, s.Code})
	}
	return all
}

// planOf compiles all rules that run as the engine does; a rule that does not run is alone in its plan. It
// is nil for a rule that has no condition on fields.
func planOf(set *rules.Set, r *rules.Rule) *plan {
	if r.Condition == nil {
		return nil
	}
	if !r.Runs() {
		return planAlone(r)
	}
	p := &plan{program: set.Program, code: r.Code, asked: questions(r)}
	var conditions []*filter.Condition
	for _, other := range set.Rules {
		if !other.Runs() || other.Code == nil {
			continue
		}
		if other == r {
			p.number = len(conditions)
		}
		for _, q := range questions(other) {
			conditions = append(conditions, q.code)
		}
	}
	p.index = filter.NewIndex(p.program, conditions)
	return p
}

// planAlone is nil for a rule that loading has complained about.
func planAlone(r *rules.Rule) *plan {
	p := &plan{program: filter.NewProgram()}
	var err error
	if p.code, err = p.program.Compile(r.Condition); err != nil {
		return nil
	}
	p.asked = []question{{code: p.code}}
	if r.Window != nil && len(r.Window.Steps) > 0 {
		p.asked = nil
		for _, s := range r.Window.Steps {
			q := question{step: s.Name}
			if q.code, err = p.program.Compile(s.Node); err != nil {
				return nil
			}
			p.asked = append(p.asked, q)
		}
	}
	var conditions []*filter.Condition
	for _, q := range p.asked {
		conditions = append(conditions, q.code)
	}
	p.index = filter.NewIndex(p.program, conditions)
	return p
}

// names reports whether candidates of the index have the rule among them.
func (p *plan) names(candidates []int32) bool {
	return slices.ContainsFunc(candidates, func(i int32) bool { return int(i) >= p.number && int(i) < p.number+len(p.asked) })
}

// found groups the event types for which the rule's nth question is found in the same way.
func (p *plan) found(n int) []Found {
	var all []Found
	for _, t := range p.asked[n].code.EventTypes() {
		a, ok := p.index.Access(p.program, p.number+n, t)
		if !ok {
			continue
		}
		i := slices.IndexFunc(all, func(f Found) bool { return slices.Equal(f.Gates, a.Gates) && slices.Equal(f.Facts, a.Facts) })
		if i < 0 {
			i = len(all)
			all = append(all, Found{Gates: a.Gates, Facts: a.Facts})
		}
		if name := t.String(); !slices.Contains(all[i].Events, name) {
			all[i].Events = append(all[i].Events, name)
		}
	}
	return all
}

var kinds = map[filter.TreeKind]string{filter.CheckTree: "check", filter.AllTree: "and", filter.AnyTree: "or", filter.NotTree: "not"}

func newPart(set *rules.Set, r *rules.Rule, t *filter.Tree) *Part {
	p := &Part{
		Kind: kinds[t.Kind], Text: t.Node.String(), At: t.Node.Pos().String(), Macro: set.Origin(r, t.Node),
		ByType: t.ByType(), Notes: t.Notes(), tree: t,
	}
	switch {
	case t.IsSwitch():
		p.Notes = append(p.Notes, "written to hold for no event")
	case t.IsEmpty():
		p.Notes = append(p.Notes, "an empty list")
	}
	for _, k := range t.Kids {
		p.Kids = append(p.Kids, newPart(set, r, k))
	}
	return p
}

func newFields(p *filter.Program, refs []field.Ref) []Field {
	var fields []Field
	for _, f := range refs {
		fields = append(fields, Field{Name: f.Text, Type: f.Def.Type.String(), Source: f.Def.Source, Unavailable: p.Unavailable(f)})
	}
	return fields
}
