package filter

import (
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Program holds the predicates and the code of a set of conditions. Build it with Compile, then share
// it freely: evaluating does not change it.
type Program struct {
	predicates []predicate
	byText     map[string]int32 // canonical text of a check → predicate
	byCheck    map[*syntax.Check]int32
	code       []step
	bySteps    map[step]int32
	byNode     map[syntax.Node]ordered
	hosts      *pipeline.HostNames // nil: names of hosts are not looked up
	names      map[string]bool     // of hosts
	located    bool                // events know where addresses are
	lookup     lookup
}

// step asks one predicate and goes on at another step, or ends.
type step struct {
	predicate int32
	yes, no   int32
}

// Where code ends instead of going on.
const (
	matched   int32 = -1
	unmatched int32 = -2
)

// NewProgram returns an empty Program.
func NewProgram() *Program {
	return &Program{
		byText: map[string]int32{}, byCheck: map[*syntax.Check]int32{}, bySteps: map[step]int32{}, byNode: map[syntax.Node]ordered{},
		names: map[string]bool{}, lookup: field.Lookup,
	}
}

// Predicates is how many distinct comparisons the program has.
func (p *Program) Predicates() int { return len(p.predicates) }

// Condition is a compiled condition: where its code starts for each kind of event.
type Condition struct {
	entry  [pipeline.NumEventTypes]int32
	node   syntax.Node
	fields []field.Ref
	notes  []Note
}

// Note says that part of a condition can never have an answer here, and why.
type Note struct {
	At  syntax.Pos
	Msg string
}

// EventTypes are the kinds of event that can satisfy the condition.
func (c *Condition) EventTypes() []pipeline.EventType {
	var types []pipeline.EventType
	for t := pipeline.EventUnknown + 1; t < pipeline.NumEventTypes; t++ {
		if c.entry[t] != unmatched {
			types = append(types, t)
		}
	}
	return types
}

// Fields are the fields the condition reads, each once.
func (c *Condition) Fields() []field.Ref { return c.fields }

// Notes are the condition's blind spots, each once.
func (c *Condition) Notes() []Note { return c.notes }

// Compile adds a condition, whose macros have been resolved. The error is a *syntax.Error.
func (p *Program) Compile(n syntax.Node) (*Condition, error) {
	c := &Condition{}
	typeChecks, err := p.addPredicates(n, c)
	if err != nil {
		return nil, err
	}
	n = p.order(n).node
	c.node = n
	// Most conditions ask about the type once or twice, so that few of the many types differ.
	byAnswers := map[string]int32{}
	for t := range c.entry {
		answers := make([]byte, len(typeChecks))
		for i, id := range typeChecks {
			if p.predicates[id].mayHold(pipeline.EventType(t)) {
				answers[i] = 1
			}
		}
		entry, ok := byAnswers[string(answers)]
		if !ok {
			entry = p.emit(n, pipeline.EventType(t), matched, unmatched)
			byAnswers[string(answers)] = entry
		}
		c.entry[t] = entry
	}
	return c, nil
}

// addPredicates compiles every check below n and returns those that ask about the event's type.
func (p *Program) addPredicates(n syntax.Node, c *Condition) (typeChecks []int32, err error) {
	seen := map[int32]bool{}
	seenField := map[string]bool{}
	syntax.Walk(n, func(n syntax.Node) {
		check, ok := n.(*syntax.Check)
		if m, isMacro := n.(*syntax.Macro); isMacro && err == nil {
			err = syntax.Errorf(m.At, "undefined macro %q", m.Name)
		}
		if !ok || err != nil {
			return
		}
		var id int32
		if id, err = p.predicate(check); err != nil || seen[id] {
			return
		}
		seen[id] = true
		pred := &p.predicates[id]
		if pred.types != nil || pred.only != nil {
			typeChecks = append(typeChecks, id)
		}
		for _, f := range pred.fields {
			if !seenField[f.Text] {
				seenField[f.Text] = true
				c.fields = append(c.fields, f)
			}
		}
		for _, msg := range pred.notes {
			c.notes = append(c.notes, Note{At: check.At, Msg: msg})
		}
	})
	return typeChecks, err
}

// predicate finds or compiles the predicate of a check.
func (p *Program) predicate(check *syntax.Check) (int32, error) {
	if id, ok := p.byCheck[check]; ok {
		return id, nil
	}
	text := check.String()
	id, ok := p.byText[text]
	if !ok {
		pred, err := p.lookup.predicate(check)
		if err != nil {
			return 0, err
		}
		pred.without(p.switchedOff)
		for _, f := range pred.fields {
			if comparesHosts(check, f) {
				p.addNames(check.Values)
			}
		}
		pred.text = text
		id = int32(len(p.predicates))
		p.predicates = append(p.predicates, pred)
		p.byText[text] = id
	}
	p.byCheck[check] = id
	return id, nil
}

func (p *Program) addNames(values []syntax.Value) {
	for _, v := range values {
		p.names[v.Text] = true
	}
}

// emit writes the code of n for events of type t, back to front: where to go on is known before the
// step that goes there. "and" and "or" are nothing but where a kid's answer leads.
func (p *Program) emit(n syntax.Node, t pipeline.EventType, yes, no int32) int32 {
	switch n := n.(type) {
	case *syntax.And:
		for i := len(n.Kids) - 1; i >= 0; i-- {
			yes = p.emit(n.Kids[i], t, yes, no)
		}
		return yes
	case *syntax.Or:
		for i := len(n.Kids) - 1; i >= 0; i-- {
			no = p.emit(n.Kids[i], t, yes, no)
		}
		return no
	case *syntax.Not:
		return p.emit(n.Kid, t, no, yes)
	}
	id := p.byCheck[n.(*syntax.Check)]
	switch pred := &p.predicates[id]; {
	case pred.types != nil && pred.types[t], yes == no:
		return yes
	case pred.types != nil, pred.test == nil, !pred.mayHold(t):
		return no
	}
	s := step{predicate: id, yes: yes, no: no}
	at, ok := p.bySteps[s]
	if !ok {
		at = int32(len(p.code))
		p.code = append(p.code, s)
		p.bySteps[s] = at
	}
	return at
}
