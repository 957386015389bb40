package review

import (
	"slices"
	"strconv"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// oracle asks the engine itself whether a value satisfies a comparison, through events made of fields.
type oracle struct {
	judges map[string]*judge // by the comparison's text
}

// judge is one comparison, compiled alone.
type judge struct {
	condition *filter.Condition // nil: it cannot be
	evaluator *filter.Evaluator
	eventType pipeline.EventType // one for which it may hold
	known     map[string]answer
}

type answer struct{ holds, known bool }

func newOracle() *oracle { return &oracle{judges: map[string]*judge{}} }

// holds reports whether a field that has the value alone satisfies a's comparison; known is false when that
// cannot be asked: the field has no such value, or it is the event's type, which an event made of fields has
// apart from them.
func (o *oracle) holds(a *atom, value string) (holds, known bool) {
	if a.field == nil || isType(a.check.Left) {
		return false, false
	}
	j, ok := o.judges[a.text]
	if !ok {
		j = newJudge(a.check)
		o.judges[a.text] = j
	}
	if got, ok := j.known[value]; ok {
		return got.holds, got.known
	}
	got := j.ask(a, value)
	j.known[value] = got
	return got.holds, got.known
}

func newJudge(c *syntax.Check) *judge {
	j := &judge{known: map[string]answer{}}
	program := filter.NewGivenProgram()
	condition, err := program.Compile(c)
	if err != nil { // it was compiled before, so it is not what this is about
		return j
	}
	types := kernelTypes(condition)
	if len(types) == 0 {
		return j
	}
	j.condition, j.evaluator, j.eventType = condition, filter.NewEvaluator(program), types[0]
	return j
}

func (j *judge) ask(a *atom, value string) answer {
	fields := field.Given{}
	if j.condition == nil || !give(fields, a.check.Left, a.field.Def.Type, value) {
		return answer{}
	}
	j.evaluator.Reset(&pipeline.Event{Type: j.eventType, Proc: fields.Process(), Extra: fields})
	return answer{j.evaluator.Match(j.condition), true}
}

// give puts a value, as conditions write it, into an event made of fields, and reports whether the field can
// have it.
func give(fields field.Given, o syntax.Operand, t field.Type, text string) bool {
	var value any = text
	switch {
	case t.IsNumber():
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return false
		}
		value = n
	case t == field.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return false
		}
		value = b
	}
	return fields.Set(o, value) == nil
}

// kernelTypes are the kinds of the kernel's events that can satisfy a condition.
func kernelTypes(c *filter.Condition) []pipeline.EventType {
	var types []pipeline.EventType
	for _, t := range c.EventTypes() {
		if t != pipeline.EventJSON {
			types = append(types, t)
		}
	}
	return types
}

func isType(o syntax.Operand) bool { return slices.Contains(field.TypeFields(), o.Name) }
