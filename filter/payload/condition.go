package payload

import (
	"errors"
	"fmt"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// maxNodes bounds a condition: thousands of values in a list are some, more belong elsewhere.
const maxNodes = 10_000

// maxSteps bounds one evaluation, to about half a second. A walk over the longest list that the bus
// takes fits, with a handful of comparisons for each element, so that nobody can hide something behind
// filler; two such lists against each other do not.
const maxSteps = 2_000_000

// ErrTooLong says that a condition took too many steps on an event, and was given up.
var ErrTooLong = errors.New("the condition took too many steps on this event")

// Condition is a compiled condition. Match must be called from one goroutine at a time.
type Condition struct {
	program *vm.Program
	machine vm.VM
	meter   *meter
	member  string // see Requires
	value   string
	asks    bool   // it asks where addresses are
	places  []Path // those of the addresses that stand in the event
}

// Compile reads a condition and checks its types against schema. The error is a *syntax.Error.
func Compile(t syntax.Text, schema *Schema) (*Condition, error) {
	t = t.Trim()
	checked, err := expr.Compile(t.String(), expr.Env(types.Map{root: schema.exprType()}), geoType, expr.AsBool(),
		expr.Optimize(false), expr.MaxNodes(maxNodes))
	if err != nil {
		return nil, located(t, schema, err)
	}
	node := checked.Node()
	if err := inspect(t, node); err != nil {
		return nil, err
	}
	c := &Condition{meter: &meter{}}
	c.member, c.value = requirement(node)
	walk(node, c.notePlaces)
	options := []expr.Option{
		expr.Env(types.Map{root: types.Any}), expr.Optimize(false), expr.MaxNodes(0), expr.Patch(nullSafe{}),
	}
	if c.program, err = expr.Compile(t.String(), append(options, c.meter.functions()...)...); err != nil {
		return nil, located(t, schema, err)
	}
	return c, nil
}

// Match evaluates the condition. An error means that there is no answer.
func (c *Condition) Match(e Event) (bool, error) {
	c.meter.left, c.meter.geo = maxSteps, e.geo
	out, err := c.machine.Run(c.program, e.env)
	if c.meter.left < 0 {
		return false, ErrTooLong
	}
	if f, ok := errors.AsType[*file.Error](err); ok {
		if f.Message == "memory budget exceeded" { // expr's own bound: a million elements in lists that it makes
			return false, ErrTooLong
		}
		return false, fmt.Errorf("evaluate the condition: %s", f.Message) // without the text it quotes
	}
	if err != nil {
		return false, fmt.Errorf("evaluate the condition: %w", err)
	}
	yes, _ := out.(bool)
	return yes, nil
}

// Requires names a top-level member that must be this text for the condition to hold; member is "" when
// there is none.
func (c *Condition) Requires() (member, value string) { return c.member, c.value }

// Get is a top-level member's text, or "".
func (e Event) Get(name string) string {
	s, _ := member(e.env[root], name).(string)
	return s
}
