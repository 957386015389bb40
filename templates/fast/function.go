package fast

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/alertmanager/template"
)

// function is a call of a function; nil: it is not known here.
func (c *compiler) function(name string, arguments []expression, piped bool) expression {
	if f, ours := c.functions[name]; ours {
		return called(f, arguments)
	}
	if name == "and" || name == "or" {
		if piped || len(arguments) == 0 { // text/template takes the piped value first
			return nil
		}
		return shortCircuit(arguments, name == "or")
	}
	b := builtins[name]
	if b.f == nil || len(arguments) < b.least || len(arguments) > b.most {
		return nil
	}
	return applied(arguments, b.f)
}

// applied is f over the values of its arguments.
func applied(arguments []expression, f func([]value) (value, bool)) expression {
	return func(r *run, dot value) (value, bool) {
		from := len(r.stack)
		for _, a := range arguments {
			v, ok := a(r, dot)
			if !ok {
				return v, false
			}
			r.stack = append(r.stack, v)
		}
		v, ok := f(r.stack[from:])
		r.stack = r.stack[:from]
		return v, ok
	}
}

// shortCircuit is the first value that is empty (and) or not (or), else the last.
func shortCircuit(arguments []expression, or bool) expression {
	return func(r *run, dot value) (v value, ok bool) {
		for _, a := range arguments {
			if v, ok = a(r, dot); !ok {
				return v, false
			}
			holds, ok := v.truth()
			if !ok {
				return v, false
			}
			if holds == or {
				return v, true
			}
		}
		return v, true
	}
}

// builtin is one of text/template's functions, and how many arguments it takes here.
type builtin struct {
	least, most int
	f           func([]value) (value, bool)
}

var builtins = map[string]builtin{
	"not":    {1, 1, not},
	"len":    {1, 1, length},
	"eq":     {2, math.MaxInt, equal},
	"ne":     {2, 2, ordered(func(c int) bool { return c != 0 })},
	"lt":     {2, 2, ordered(func(c int) bool { return c < 0 })},
	"le":     {2, 2, ordered(func(c int) bool { return c <= 0 })},
	"gt":     {2, 2, ordered(func(c int) bool { return c > 0 })},
	"ge":     {2, 2, ordered(func(c int) bool { return c >= 0 })},
	"index":  {2, 2, index},
	"slice":  {2, 2, slice},
	"printf": {1, math.MaxInt, printf},
}

func not(v []value) (value, bool) {
	holds, ok := v[0].truth()
	return value{other: !holds}, ok
}

func length(v []value) (value, bool) {
	n, ok := v[0].length()
	return value{other: n}, ok
}

// equal is whether the first is one of the others.
func equal(v []value) (value, bool) {
	same := false
	for _, other := range v[1:] {
		one, ok := compare(v[0], other)
		if !ok {
			return value{}, false
		}
		same = same || one == 0
	}
	return value{other: same}, true
}

// ordered is whether the order of two holds.
func ordered(holds func(order int) bool) func([]value) (value, bool) {
	return func(v []value) (value, bool) {
		c, ok := compare(v[0], v[1])
		return value{other: holds(c)}, ok
	}
}

// compare is about two texts or two numbers.
func compare(a, b value) (c int, ok bool) {
	if a.other == nil && b.other == nil {
		return cmp.Compare(a.s, b.s), true
	}
	x, isInt := a.other.(int)
	y, isIntToo := b.other.(int)
	return cmp.Compare(x, y), isInt && isIntToo
}

func index(v []value) (value, bool) {
	if kv, is := v[0].other.(template.KV); is {
		return value{s: kv[v[1].s]}, v[1].other == nil
	}
	i, is := v[1].other.(int)
	if !is {
		return value{}, false
	}
	return v[0].at(i)
}

func slice(v []value) (value, bool) {
	from, is := v[1].other.(int)
	n, ok := v[0].length()
	if !is || !ok || from < 0 || from > n {
		return value{}, false
	}
	return v[0].from(from)
}

func printf(v []value) (value, bool) {
	if v[0].other != nil {
		return value{}, false
	}
	rest := make([]any, 0, len(v)-1)
	for _, a := range v[1:] {
		rest = append(rest, a.plain())
	}
	return value{s: fmt.Sprintf(v[0].s, rest...)}, true
}

// called is a call of a function of a FuncMap; nil: of a signature that is not known here.
func called(f any, arguments []expression) expression {
	count, call := 0, (func([]value) (value, bool))(nil)
	switch f := f.(type) {
	case func(string) string:
		count, call = 1, func(v []value) (value, bool) { return value{s: f(v[0].s)}, texts(v) }
	case func(string) bool:
		count, call = 1, func(v []value) (value, bool) { return value{other: f(v[0].s)}, texts(v) }
	case func(string, string) string:
		count, call = 2, func(v []value) (value, bool) { return value{s: f(v[0].s, v[1].s)}, texts(v) }
	case func(string, string) (bool, error):
		count, call = 2, func(v []value) (value, bool) {
			holds, err := f(v[0].s, v[1].s)
			return value{other: holds}, err == nil && texts(v)
		}
	case func(string, string, string) string:
		count, call = 3, func(v []value) (value, bool) { return value{s: f(v[0].s, v[1].s, v[2].s)}, texts(v) }
	case func(int, string) string:
		count, call = 2, func(v []value) (value, bool) {
			n, is := v[0].other.(int)
			return value{s: f(n, v[1].s)}, is && texts(v[1:])
		}
	case func(any) (string, error):
		count, call = 1, func(v []value) (value, bool) {
			s, err := f(v[0].plain())
			return value{s: s}, err == nil
		}
	case func(any, any) (string, error):
		count, call = 2, func(v []value) (value, bool) {
			s, err := f(v[0].plain(), v[1].plain())
			return value{s: s}, err == nil
		}
	case func(string, time.Time) string:
		count, call = 2, func(v []value) (value, bool) {
			t, is := v[1].other.(time.Time)
			return value{s: f(v[0].s, t)}, is && texts(v[:1])
		}
	case func(string, []string) string:
		count, call = 2, func(v []value) (value, bool) {
			list, is := v[1].other.([]string)
			return value{s: f(v[0].s, list)}, is && texts(v[:1])
		}
	case func(...string) []string:
		count, call = len(arguments), func(v []value) (value, bool) {
			list := make([]string, 0, len(v))
			for _, one := range v {
				list = append(list, one.s)
			}
			return value{other: f(list...)}, texts(v)
		}
	}
	if call == nil || count != len(arguments) {
		return nil
	}
	return applied(arguments, call)
}

// texts reports whether all are texts.
func texts(values []value) bool {
	for _, v := range values {
		if v.other != nil {
			return false
		}
	}
	return true
}
