package filter

import (
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Evaluator asks the conditions of one Program about one event after the other, without allocating.
// It belongs to one goroutine.
type Evaluator struct {
	program *Program
	tests   []func(*field.View) bool // the program's predicates, close together
	view    field.View
	// answers[i] is what predicate i said: valid when its upper bits are the epoch, true when bit 0 is
	// set. Counting the epoch up forgets all answers at once.
	answers []uint32
	epoch   uint32
	// found and merged are Candidates' memory.
	found, merged []int32
}

// NewEvaluator returns an Evaluator for what has been compiled into p so far.
func NewEvaluator(p *Program) *Evaluator {
	e := &Evaluator{program: p, answers: make([]uint32, len(p.predicates)), view: field.View{Hosts: p.hosts}}
	for i := range p.predicates {
		e.tests = append(e.tests, p.predicates[i].test)
	}
	return e
}

// Reset turns to the next event.
func (e *Evaluator) Reset(ev *pipeline.Event) {
	e.view.Reset(ev)
	e.epoch += 2
	if e.epoch == 0 { // wrapped: old answers would look new
		clear(e.answers)
		e.epoch = 2
	}
}

// View is the event being looked at, for outputs.
func (e *Evaluator) View() *field.View { return &e.view }

// Match reports whether the event satisfies c.
func (e *Evaluator) Match(c *Condition) bool {
	at := c.entry[e.view.Ev.Type]
	for at >= 0 {
		s := &e.program.code[at]
		if e.ask(s.predicate) {
			at = s.yes
		} else {
			at = s.no
		}
	}
	return at == matched
}

func (e *Evaluator) ask(id int32) bool {
	if a := e.answers[id]; a&^1 == e.epoch {
		return a&1 != 0
	}
	answer := e.epoch
	yes := e.tests[id](&e.view)
	if yes {
		answer |= 1
	}
	e.answers[id] = answer
	return yes
}
