package payload

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// walks are the functions that take a list and an expression for its elements. expr runs them.
var walks = map[string]bool{
	"all": true, "any": true, "none": true, "one": true, "filter": true, "map": true, "count": true, "find": true,
}

// functions are expr's own functions that rules have, made safe: each gives nil for what it cannot take.
// There is none with a clock, and none whose answer depends on anything but its arguments. (geo, which asks the
// address database, is in place.go.)
var functions = map[string]operator{
	"len":   length,
	"lower": onText(strings.ToLower),
	"upper": onText(strings.ToUpper),
	"trim": func(m *meter, a []any) any {
		if len(a) == 1 {
			return onText(strings.TrimSpace)(m, a)
		}
		return twoTexts(strings.Trim)(m, a)
	},
	"trimPrefix": twoTexts(strings.TrimPrefix),
	"trimSuffix": twoTexts(strings.TrimSuffix),
	"split":      split,
	"string": func(m *meter, a []any) any {
		if a[0] == nil {
			return nil
		}
		s := Text(a[0])
		m.spend(len(s) * 4)
		return s
	},
	"int":   toInt,
	"float": toFloat,
	"abs": func(_ *meter, a []any) any {
		if n, ok := a[0].(int); ok && n > math.MinInt {
			return max(n, -n)
		}
		if f, ok := float(a[0]); ok {
			return math.Abs(f)
		}
		return nil
	},
	"first":  func(_ *meter, a []any) any { return member(a[0], 0) },
	"last":   func(_ *meter, a []any) any { return member(a[0], -1) },
	"keys":   func(m *meter, a []any) any { return membersOf(m, a[0], func(name string, _ any) any { return name }) },
	"values": func(m *meter, a []any) any { return membersOf(m, a[0], func(_ string, v any) any { return v }) },
}

// functionNames are all functions of the language.
var functionNames = slices.Sorted(func(yield func(string) bool) {
	for name := range walks {
		if !yield(name) {
			return
		}
	}
	if yield(geoFunction) {
		maps.Keys(functions)(yield)
	}
})

func length(m *meter, a []any) any {
	switch v := a[0].(type) {
	case string:
		m.spend(len(v))
		return utf8.RuneCountInString(v)
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	default:
		return nil
	}
}

func onText(f func(string) string) operator {
	return func(m *meter, a []any) any {
		s, ok := a[0].(string)
		if !ok {
			return nil
		}
		m.spend(len(s) * 4)
		return f(s)
	}
}

func twoTexts(f func(s, part string) string) operator {
	return func(m *meter, a []any) any {
		s, ok1 := a[0].(string)
		part, ok2 := a[1].(string)
		if !ok1 || !ok2 {
			return nil
		}
		m.spend(len(s))
		return f(s, part)
	}
}

func split(m *meter, a []any) any {
	s, ok1 := a[0].(string)
	separator, ok2 := a[1].(string)
	if !ok1 || !ok2 {
		return nil
	}
	most := -1
	if len(a) == 3 {
		n, ok := a[2].(int)
		if !ok {
			return nil
		}
		most = n
	}
	m.spend(len(s))
	var parts []any
	for _, part := range strings.SplitN(s, separator, most) {
		m.left -= 4 // the list grows as it is made
		parts = append(parts, part)
	}
	return parts
}

func toInt(_ *meter, a []any) any {
	switch v := a[0].(type) {
	case int:
		return v
	case string:
		if n, err := strconv.Atoi(v); err == nil {
			return n
		}
	case float64:
		if v >= math.MinInt64 && v < math.MaxInt64 {
			return int(v)
		}
	}
	return nil
}

func toFloat(_ *meter, a []any) any {
	if s, ok := a[0].(string); ok {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return nil
		}
		return f
	}
	if f, ok := float(a[0]); ok {
		return f
	}
	return nil
}

// membersOf lists an object's members in the order of their names.
func membersOf(m *meter, v any, pick func(name string, v any) any) any {
	members, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	m.left -= 4 * len(members)
	all := make([]any, 0, len(members))
	for _, name := range sortedKeys(members) {
		all = append(all, pick(name, members[name]))
	}
	return all
}
