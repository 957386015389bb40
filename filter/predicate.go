package filter

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// predicate is one compiled comparison.
type predicate struct {
	text   string                 // the check, canonically
	test   func(*field.View) bool // nil: never holds
	types  *typeSet               // the answer by event type, when the check asks about nothing else
	only   *typeSet               // the event types it can hold for; nil: all
	fields []field.Ref
	notes  []string
}

// predicate checks names, types and constants of a comparison and compiles it. A comparison whose
// field is null never holds, whatever the operator.
func (l lookup) predicate(c *syntax.Check) (predicate, error) {
	left, err := l.resolve(c.Left)
	if err != nil {
		return predicate{}, err
	}
	if err := checkOperator(c, left); err != nil {
		return predicate{}, err
	}
	p := predicate{fields: left.fields}
	if c.Right != nil {
		right, err := l.resolve(*c.Right)
		if err != nil {
			return predicate{}, err
		}
		p.fields = append(p.fields, right.fields...)
		p.test, err = compareFields(c, left.ref, right.ref)
		return p.withBlindness(), err
	}
	if c.Left.Kind == syntax.FieldOperand && slices.Contains(field.TypeFields(), c.Left.Name) {
		p.types, p.notes, err = compileTypes(c, left.ref)
		return p, err
	}
	if p.test, err = compare(c, left.ref); err != nil {
		return p, err
	}
	if isNever(c) {
		p.test = nil
	}
	p.only, err = onlyTypes(c, left.ref)
	return p.withBlindness(), err
}

// mayHold reports whether the predicate can hold for events of type t.
func (p *predicate) mayHold(t pipeline.EventType) bool {
	switch {
	case p.types != nil:
		return p.types[t]
	case p.only != nil:
		return p.only[t]
	default:
		return true
	}
}

// withBlindness makes the predicate constant when a field in it is always null.
func (p predicate) withBlindness() predicate {
	for _, f := range p.fields {
		if f.Null() {
			p.test = nil
			p.notes = append(p.notes, fmt.Sprintf("%s is always null here: %s", f.Text, f.Def.Unavailable))
		}
	}
	return p
}

// without makes the predicate constant when it is about what nobody looks up.
func (p *predicate) without(switchedOff func(field.Ref) string) {
	for _, f := range p.fields {
		if why := switchedOff(f); why != "" {
			p.test = nil
			p.notes = append(p.notes, f.Text+" is always null here: "+why)
		}
	}
}

// isNever recognises the way rule files write "never": events are counted from 1.
func isNever(c *syntax.Check) bool {
	return c.Left.Name == "evt.num" && c.Op == syntax.Eq && len(c.Values) == 1 && c.Values[0].Text == "0"
}

// operatorsOf lists what may be asked about values of a type.
func operatorsOf(t field.Type) []syntax.Op {
	ops := []syntax.Op{syntax.Eq, syntax.NotEq, syntax.In, syntax.Intersects, syntax.Exists}
	order := []syntax.Op{syntax.Less, syntax.LessEq, syntax.Greater, syntax.GreaterEq}
	switch {
	case t.IsNumber():
		return append(ops, order...)
	case t == field.String:
		return append(append(ops, order...), syntax.Contains, syntax.IContains, syntax.StartsWith, syntax.EndsWith,
			syntax.Glob, syntax.IGlob, syntax.Regex, syntax.PMatch)
	case t == field.Buffer:
		return append(ops, syntax.Contains, syntax.StartsWith, syntax.EndsWith, syntax.BContains, syntax.BStartsWith)
	default:
		return ops
	}
}

func checkOperator(c *syntax.Check, o operand) error {
	left := o.ref
	ops := operatorsOf(left.Def.Type)
	if left.Def.IsList {
		ops = []syntax.Op{syntax.In, syntax.Intersects, syntax.Exists}
	}
	if slices.Contains(ops, c.Op) {
		return nil
	}
	var names []string
	for _, op := range ops {
		names = append(names, string(op))
	}
	return &syntax.Error{At: c.At, Msg: fmt.Sprintf("operator %q does not apply to %s, a %s", c.Op, left.Text, kindOf(left)),
		Hint: "use one of " + strings.Join(names, " ")}
}

// compare compiles a comparison with constants.
func compare(c *syntax.Check, left field.Ref) (func(*field.View) bool, error) {
	if c.Op == syntax.Exists {
		return exists(left), nil
	}
	switch t := left.Def.Type; {
	case comparesHosts(c, left):
		return compareHost(c, left), nil
	case t.IsNumber():
		return compareNumber(c, left)
	case t == field.Bool:
		return compareBool(c, left)
	case t == field.IP || t == field.Net:
		return compareAddr(c, left)
	default:
		return compareString(c, left)
	}
}

// exists holds when the field has a value, an empty one too.
func exists(f field.Ref) func(*field.View) bool {
	switch {
	case f.Some != nil:
		every := func(string) bool { return true }
		return func(v *field.View) bool { return f.Some(v, every) }
	case f.IsAny():
		return func(v *field.View) bool {
			some := false
			field.Ancestors(v.Ev, func(*pipeline.Process) bool {
				some = true
				return false
			})
			return some
		}
	case f.Str != nil:
		return func(v *field.View) bool { _, ok := f.Str(v); return ok }
	case f.Int != nil:
		return func(v *field.View) bool { _, ok := f.Int(v); return ok }
	case f.Bool != nil:
		return func(v *field.View) bool { _, ok := f.Bool(v); return ok }
	case f.Addr != nil:
		return func(v *field.View) bool { _, ok := f.Addr(v); return ok }
	case f.Ends != nil:
		return func(v *field.View) bool { _, _, ok := f.Ends(v); return ok }
	default:
		return func(v *field.View) bool { _, ok := f.List(v); return ok }
	}
}

func compareBool(c *syntax.Check, left field.Ref) (func(*field.View) bool, error) {
	var tests []func(bool) bool
	for _, v := range c.Values {
		want := v.Text == "true"
		if !want && v.Text != "false" {
			return nil, &syntax.Error{At: v.At, Msg: fmt.Sprintf("%s is a bool, %q is not", left.Text, v.Text), Hint: "write true or false"}
		}
		tests = append(tests, func(b bool) bool { return (b == want) != (c.Op == syntax.NotEq) })
	}
	test := combine(c.Modifier, tests)
	accept := [2]bool{test(false), test(true)}
	return func(v *field.View) bool {
		b, ok := left.Bool(v)
		return ok && (b && accept[1] || !b && accept[0])
	}, nil
}

// combine turns tests of single constants into one: any of them, or what the modifier says.
func combine[T any](m syntax.Modifier, tests []func(T) bool) func(T) bool {
	if len(tests) == 1 {
		return tests[0]
	}
	return func(value T) bool {
		n := 0
		for _, test := range tests {
			if test(value) {
				n++
			}
		}
		return enough(m, n, len(tests))
	}
}

// enough reports whether n of all constants are what the modifier asks for; of an empty list never.
func enough(m syntax.Modifier, n, all int) bool {
	switch m {
	case syntax.OneOf:
		return n == 1
	case syntax.AllOf:
		return n == all && n > 0
	default:
		return n > 0
	}
}

// fieldError turns a registry's complaint into one with a place and a hint.
func fieldError(o syntax.Operand, err error) error {
	e := &syntax.Error{At: o.At, Msg: err.Error()}
	if e.Unknown = errors.Is(err, field.ErrUnknown); e.Unknown {
		e.Hint = syntax.DidYouMean(o.Name, field.Names())
	}
	return e
}
