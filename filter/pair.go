package filter

import (
	"net/netip"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// compareFields compiles a comparison of two operands. Both must be of one type, and both lists or none.
func compareFields(c *syntax.Check, left, right field.Ref) (func(*field.View) bool, error) {
	for _, side := range []field.Ref{left, right} {
		if side.Def.Plain || side.Def.Type == field.Net {
			return nil, &syntax.Error{At: c.At, Msg: side.Text + " cannot be compared with another field", Hint: "it can with constants"}
		}
	}
	switch {
	case c.Op == syntax.PMatch || c.Op == syntax.Regex:
		return nil, syntax.Errorf(c.At, "operator %q takes constants only", c.Op)
	case left.Def.Type != right.Def.Type || left.Def.IsList != right.Def.IsList:
		return nil, syntax.Errorf(c.At, "%s is a %s and %s a %s: only fields of one type can be compared",
			left.Text, kindOf(left), right.Text, kindOf(right))
	case left.Null() || right.Null():
		return nil, nil
	}
	return pairTest(c.Op, left, right), nil
}

// pairTest is for operators that checkOperator let through.
func pairTest(op syntax.Op, left, right field.Ref) func(*field.View) bool {
	if op.IsList() && !left.Def.IsList {
		op = syntax.Eq // a single value is in another if it is the same
	}
	switch {
	case left.Def.IsList:
		return both(left.List, right.List, func(a, b []string) bool { return listHolds(op, a, b) })
	case left.Str != nil:
		return both(left.Str, right.Str, stringPair(op))
	case left.Int != nil:
		unsigned := left.Def.Type.IsUnsigned()
		return both(left.Int, right.Int, func(a, b int64) bool { return compareInts(op, unsigned, a, b) })
	case left.Bool != nil:
		return both(left.Bool, right.Bool, func(a, b bool) bool { return (a == b) == (op == syntax.Eq) })
	default:
		return both(left.Addr, right.Addr, func(a, b netip.Addr) bool { return (a.Unmap() == b.Unmap()) == (op == syntax.Eq) })
	}
}

// both applies a test to two values; it fails when one is missing.
func both[T any](left, right func(*field.View) (T, bool), test func(a, b T) bool) func(*field.View) bool {
	return func(v *field.View) bool {
		a, ok := left(v)
		if !ok {
			return false
		}
		b, ok := right(v)
		return ok && test(a, b)
	}
}

// listHolds tests a list's elements against those of another: all of them for in, one for intersects.
// Nothing is in an empty list, and an empty list is in any other.
func listHolds(op syntax.Op, list, set []string) bool {
	if len(set) == 0 {
		return false
	}
	for _, s := range list {
		in := false
		for _, want := range set {
			in = in || s == want
		}
		if in != (op == syntax.In) {
			return op == syntax.Intersects
		}
	}
	return op == syntax.In
}
