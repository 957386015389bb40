package filter

import (
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

func compareString(c *syntax.Check, left field.Ref) (func(*field.View) bool, error) {
	if left.Def.IsList {
		return compareList(c, left), nil
	}
	test, err := stringTest(c)
	if err != nil {
		return nil, err
	}
	if left.Def.Resolved {
		return onPath(left, test, c.Op == syntax.NotEq), nil
	}
	return onString(left, test), nil
}

// compareList asks whether all elements of a list (in), or some (intersects), are among the constants.
func compareList(c *syntax.Check, left field.Ref) func(*field.View) bool {
	var set []string
	for _, v := range c.Values {
		set = append(set, v.Text)
	}
	return func(v *field.View) bool {
		list, ok := left.List(v)
		return ok && listHolds(c.Op, list, set)
	}
}

// onPath applies a test to a path and to its old name: either may pass, but to differ both have to.
func onPath(left field.Ref, test func(string) bool, differs bool) func(*field.View) bool {
	return func(v *field.View) bool {
		path, ok := left.Str(v)
		if !ok {
			return false
		}
		holds := test(path)
		if holds != differs {
			return holds
		}
		if old, ok := field.OldName(v, path); ok {
			return test(old)
		}
		return holds
	}
}

// onString applies a test to the field; to one of many values, until one passes.
func onString(left field.Ref, test func(string) bool) func(*field.View) bool {
	if !left.IsAny() {
		return func(v *field.View) bool {
			s, ok := left.Str(v)
			return ok && test(s)
		}
	}
	if left.Some != nil {
		return func(v *field.View) bool { return left.Some(v, test) }
	}
	return func(v *field.View) bool {
		holds := false
		field.Ancestors(v.Ev, func(p *pipeline.Process) bool {
			s, ok := left.OfProcess(v, p)
			holds = ok && test(s)
			return !holds
		})
		return holds
	}
}

// stringTest compiles the operator and all constants of a check.
func stringTest(c *syntax.Check) (func(string) bool, error) {
	switch {
	case c.Op == syntax.PMatch:
		return newPathSet(c.Values).match, nil
	case c.Op.IsList():
		return newStringSet(c.Values), nil
	}
	var tests []func(string) bool
	for _, v := range c.Values {
		test, err := oneString(c.Op, v)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return combine(c.Modifier, tests), nil
}

// oneString compiles a comparison with one constant.
func oneString(op syntax.Op, v syntax.Value) (func(string) bool, error) {
	want := v.Text
	switch op {
	case syntax.Regex:
		return newRegex(v)
	case syntax.BContains, syntax.BStartsWith:
		raw, err := hex.DecodeString(want)
		if err != nil {
			return nil, syntax.Errorf(v.At, "%q is not an even number of hexadecimal digits", want)
		}
		if op == syntax.BContains {
			return stringOp(syntax.Contains, string(raw)), nil
		}
		return stringOp(syntax.StartsWith, string(raw)), nil
	}
	if test := stringOp(op, want); test != nil {
		return test, nil
	}
	return nil, syntax.Errorf(v.At, "operator %q does not take a single value", op)
}

// stringOp is an operator between two strings, the right one given; nil when it needs compiling.
func stringOp(op syntax.Op, want string) func(string) bool {
	pair := stringPair(op)
	switch {
	case op == syntax.Eq: // the most frequent one, without a second call
		return func(s string) bool { return s == want }
	case op == syntax.StartsWith:
		return func(s string) bool { return strings.HasPrefix(s, want) }
	case pair == nil:
		return nil
	default:
		return func(s string) bool { return pair(s, want) }
	}
}

// stringPair is an operator that needs no preparation of its right side.
func stringPair(op syntax.Op) func(s, want string) bool {
	switch op {
	case syntax.Eq:
		return func(s, want string) bool { return s == want }
	case syntax.NotEq:
		return func(s, want string) bool { return s != want }
	case syntax.Less:
		return func(s, want string) bool { return s < want }
	case syntax.LessEq:
		return func(s, want string) bool { return s <= want }
	case syntax.Greater:
		return func(s, want string) bool { return s > want }
	case syntax.GreaterEq:
		return func(s, want string) bool { return s >= want }
	case syntax.Contains, syntax.BContains:
		return strings.Contains
	case syntax.IContains:
		return containsFold
	case syntax.StartsWith, syntax.BStartsWith:
		return strings.HasPrefix
	case syntax.EndsWith:
		return strings.HasSuffix
	case syntax.Glob:
		return func(s, want string) bool { return field.Glob(want, s) }
	case syntax.IGlob:
		return func(s, want string) bool { return field.GlobFold(want, s) }
	default:
		return nil
	}
}

// containsFold is strings.Contains without regard to the case of ASCII letters, and without
// allocating.
func containsFold(s, want string) bool {
	for i := 0; i+len(want) <= len(s); i++ {
		if equalFold(s[i:i+len(want)], want) {
			return true
		}
	}
	return false
}

func equalFold(a, b string) bool {
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// fewStrings is up to where comparing one by one beats hashing.
const fewStrings = 4

// newStringSet tests membership; an empty set has no members.
func newStringSet(values []syntax.Value) func(string) bool {
	if len(values) <= fewStrings {
		var list []string
		for _, v := range values {
			list = append(list, v.Text)
		}
		return func(s string) bool {
			for _, want := range list {
				if s == want {
					return true
				}
			}
			return false
		}
	}
	set := make(map[string]struct{}, len(values))
	for _, v := range values {
		set[v.Text] = struct{}{}
	}
	return func(s string) bool {
		_, ok := set[s]
		return ok
	}
}

// newRegex compiles a POSIX expression that must match the whole value. The first compilation only
// refuses what POSIX does not have (\d, lazy operators); the second one is anchored, which asks the
// same question as comparing the leftmost-longest match with the whole. (?m) because in POSIX syntax ^
// and $ match at line breaks.
func newRegex(v syntax.Value) (func(string) bool, error) {
	if _, err := regexp.CompilePOSIX(v.Text); err != nil {
		return nil, syntax.Errorf(v.At, "bad regular expression: %v", err)
	}
	re, err := regexp.Compile(`\A(?m:` + v.Text + `)\z`)
	if err != nil {
		return nil, syntax.Errorf(v.At, "bad regular expression: %v", err)
	}
	return re.MatchString, nil
}
