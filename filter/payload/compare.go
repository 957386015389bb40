package payload

import (
	"cmp"
	"encoding/json"
	"math"
	"strings"
)

// set is a list of constants.
type set struct {
	texts  map[string]bool
	others []any // numbers and bools
}

// in reports whether something is an element of a list or the name of a member of an object.
func in(m *meter, a []any) any {
	switch among := a[1].(type) {
	case *set:
		if s, ok := a[0].(string); ok {
			m.spend(len(s))
			return among.texts[s]
		}
		m.spend(len(among.others) * 8)
		for _, other := range among.others {
			if equal(m, a[0], other) {
				return true
			}
		}
	case []any:
		for _, element := range among {
			if m.left--; m.left < 0 {
				return false // the next step says so
			}
			if equal(m, a[0], element) {
				return true
			}
		}
	case map[string]any:
		name, ok := a[0].(string)
		_, has := among[name]
		return ok && has
	}
	return false
}

// equal compares values of one type; numbers by what they are, whatever they are written as. Nothing
// equals nil.
func equal(m *meter, a, b any) bool {
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		if !ok || len(x) != len(y) {
			return false
		}
		m.spend(len(x))
		return x == y
	case bool:
		y, ok := b.(bool)
		return ok && x == y
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if m.left--; m.left < 0 || !same(m, x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for name := range x {
			other, has := y[name]
			if m.left--; m.left < 0 || !has || !same(m, x[name], other) {
				return false
			}
		}
		return true
	default:
		order, ok := numbers(a, b)
		return ok && order == 0
	}
}

// same is equal for what is inside of lists and objects, where nil is a value.
func same(m *meter, a, b any) bool { return a == nil && b == nil || equal(m, a, b) }

// compare orders two numbers or two texts; ok is false for anything else.
func compare(m *meter, a, b any) (order int, ok bool) {
	if x, isText := a.(string); isText {
		y, isText := b.(string)
		m.spend(min(len(x), len(y)))
		return strings.Compare(x, y), isText
	}
	return numbers(a, b)
}

// numbers compares numbers exactly, an integer with a fraction too: 9007199254740993 is not
// 9007199254740992.0, though as a float64 it would be.
func numbers(a, b any) (order int, ok bool) {
	x, isInt := a.(int)
	y, isInt2 := b.(int)
	if isInt && isInt2 {
		return cmp.Compare(x, y), true
	}
	fx, ok1 := float(a)
	fy, ok2 := float(b)
	if !ok1 || !ok2 {
		return 0, false
	}
	switch {
	case isInt:
		return intWithFloat(x, fy), true
	case isInt2:
		return -intWithFloat(y, fx), true
	default:
		return cmp.Compare(fx, fy), true
	}
}

func intWithFloat(x int, f float64) int {
	switch {
	case f >= math.MaxInt64: // as a float64 that is 2^63, which no int is
		return -1
	case f < math.MinInt64:
		return 1
	}
	if order := cmp.Compare(x, int(f)); order != 0 {
		return order
	}
	return cmp.Compare(0, f-math.Trunc(f))
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, true
	case json.Number:
		f, _ := v.Float64() // beyond what a float64 holds it is an infinity, which compares as it should
		return f, true
	default:
		return 0, false
	}
}
