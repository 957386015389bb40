package payload

import (
	"math"
	"regexp"
	"strings"

	"github.com/expr-lang/expr"
)

// meter counts the steps of one evaluation down, and has what functions ask beside their arguments.
type meter struct {
	left int
	geo  Locator // nil: nothing is known of places
}

// operator is one of our functions. It sees nil and every type.
type operator func(m *meter, args []any) any

// spend charges for work in proportion to the length of something.
func (m *meter) spend(length int) { m.left -= length / stepBytes }

// stepBytes is how much of a text one step looks at.
const stepBytes = 64

// functions are the operators, counted by m.
func (m *meter) functions() []expr.Option {
	var options []expr.Option
	add := func(name string, op operator) {
		options = append(options, expr.Function(name, func(args ...any) (any, error) {
			if m.left--; m.left < 0 {
				return nil, ErrTooLong
			}
			return op(m, args), nil
		}))
	}
	for name, op := range operators {
		add(name, op)
	}
	for name, op := range functions {
		add("$"+name, op)
	}
	add(geoFunction, locate)
	return options
}

var operators = map[string]operator{
	"$get":   func(_ *meter, a []any) any { return member(a[0], a[1]) },
	"$test":  func(_ *meter, a []any) any { return a[0] == true },
	"$step":  func(_ *meter, a []any) any { return a[0] },
	"$list":  func(_ *meter, a []any) any { l, _ := a[0].([]any); return l },
	"$isNil": func(_ *meter, a []any) any { return a[0] == nil },
	"$eq":    func(m *meter, a []any) any { return equal(m, a[0], a[1]) },
	"$ne":    func(m *meter, a []any) any { return a[0] != nil && a[1] != nil && !equal(m, a[0], a[1]) },
	"$lt":    func(m *meter, a []any) any { order, ok := compare(m, a[0], a[1]); return ok && order < 0 },
	"$le":    func(m *meter, a []any) any { order, ok := compare(m, a[0], a[1]); return ok && order <= 0 },
	"$gt":    func(m *meter, a []any) any { order, ok := compare(m, a[0], a[1]); return ok && order > 0 },
	"$ge":    func(m *meter, a []any) any { order, ok := compare(m, a[0], a[1]); return ok && order >= 0 },
	"$in":    in,

	"$contains":   onTexts(strings.Contains),
	"$startsWith": onTexts(strings.HasPrefix),
	"$endsWith":   onTexts(strings.HasSuffix),
	"$matches": func(m *meter, a []any) any {
		s, ok := a[0].(string)
		m.spend(len(s) * 4) // a regular expression looks harder
		return ok && a[1].(*regexp.Regexp).MatchString(s)
	},

	"$add": func(m *meter, a []any) any {
		if left, ok := a[0].(string); ok {
			right, ok := a[1].(string)
			if !ok || len(left)+len(right) > maxText {
				return nil
			}
			m.spend(len(left) + len(right))
			return left + right
		}
		return arithmetic(a, func(x, y int) (int, bool) { return x + y, (x+y > x) == (y > 0) }, func(x, y float64) float64 { return x + y })
	},
	"$sub": func(_ *meter, a []any) any {
		return arithmetic(a, func(x, y int) (int, bool) { return x - y, (x-y < x) == (y > 0) }, func(x, y float64) float64 { return x - y })
	},
	"$mul": func(_ *meter, a []any) any {
		return arithmetic(a, multiply, func(x, y float64) float64 { return x * y })
	},
	"$div": func(_ *meter, a []any) any {
		return arithmetic(a, noInts, func(x, y float64) float64 { return x / y })
	},
	"$pow": func(_ *meter, a []any) any { return arithmetic(a, noInts, math.Pow) },
	"$mod": func(_ *meter, a []any) any {
		x, ok1 := a[0].(int)
		y, ok2 := a[1].(int)
		if !ok1 || !ok2 || y == 0 {
			return nil
		}
		return x % y
	},
	"$range": span,
	"$slice": slice,
}

// maxText bounds a text that an expression puts together.
const maxText = 1 << 16

func onTexts(f func(s, part string) bool) operator {
	return func(m *meter, a []any) any {
		s, ok1 := a[0].(string)
		part, ok2 := a[1].(string)
		m.spend(len(s))
		return ok1 && ok2 && f(s, part)
	}
}

func noInts(int, int) (int, bool) { return 0, false }

func multiply(x, y int) (int, bool) {
	if x == 0 || y == 0 {
		return 0, true
	}
	p := x * y
	return p, p/y == x && (x != -1 || y != math.MinInt) && (y != -1 || x != math.MinInt)
}

// arithmetic stays with integers while they fit; nil without two numbers, and for what is no number.
func arithmetic(a []any, ints func(x, y int) (int, bool), floats func(x, y float64) float64) any {
	x, ok1 := a[0].(int)
	y, ok2 := a[1].(int)
	if ok1 && ok2 {
		if n, fits := ints(x, y); fits {
			return n
		}
	}
	fx, ok1 := float(a[0])
	fy, ok2 := float(a[1])
	f := floats(fx, fy)
	if !ok1 || !ok2 || math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return f
}

// span is the integers from the first to the last; nil when they are too many to be meant.
func span(m *meter, a []any) any {
	const most = 10_000
	first, ok1 := a[0].(int)
	last, ok2 := a[1].(int)
	if !ok1 || !ok2 || last < first || uint(last-first) >= most {
		return nil
	}
	all := make([]any, 0, last-first+1)
	for i := first; i <= last; i++ {
		all = append(all, i)
	}
	m.left -= len(all)
	return all
}

// slice is a part of a list or of a text; ends count from the end when negative and never reach beyond.
func slice(_ *meter, a []any) any {
	list, isList := a[0].([]any)
	text, isText := a[0].(string)
	length := len(list) + len(text)
	end := func(v any, otherwise int) int {
		i, ok := v.(int)
		switch {
		case !ok:
			return otherwise
		case i < 0:
			i += length
		}
		return min(max(i, 0), length)
	}
	from, to := end(a[1], 0), end(a[2], length)
	from = min(from, to)
	switch {
	case isList:
		return list[from:to]
	case isText:
		return text[from:to]
	default:
		return nil
	}
}
