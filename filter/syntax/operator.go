package syntax

import (
	"slices"
	"strings"
)

// operators in the order in which a prefix decides. Words are followed by a blank, except those that
// take a list.
var operators = []Op{
	Exists, LessEq, Less, GreaterEq, Greater, Eq, NotEq, Glob, IGlob, Contains, IContains, BContains,
	BStartsWith, StartsWith, EndsWith, Regex, Intersects, In, PMatch,
}

var modifiers = []Modifier{OneOf, AnyOf, AllOf}

// ParseOperator reads an operator with its modifier, as in "startswith anyof", and nothing else.
func ParseOperator(s string) (Op, Modifier, bool) {
	word, modifier, _ := strings.Cut(strings.TrimSpace(s), " ")
	op := Op(word)
	if op == "==" {
		op = Eq
	}
	m := Modifier(strings.TrimSpace(modifier))
	switch {
	case !slices.Contains(operators, op):
		return "", "", false
	case m == "":
		return op, m, true
	default:
		return op, m, slices.Contains(modifiers, m) && op != Exists && !op.IsList() && !op.isNumeric()
	}
}

// Operators are the names of all operators.
func Operators() []string {
	var names []string
	for _, op := range operators {
		names = append(names, string(op))
	}
	return names
}

func (p *parser) operator() (Op, bool) {
	for _, op := range operators {
		rest, ok := strings.CutPrefix(p.s[p.i:], string(op))
		if !ok {
			continue
		}
		if op == Eq {
			rest = strings.TrimPrefix(rest, "=")
		}
		if !op.isSymbol() && !op.IsList() && op != Exists && (rest == "" || !isSpace(rest[0])) {
			continue
		}
		p.i = len(p.s) - len(rest)
		return op, true
	}
	return "", false
}

func (p *parser) modifier() Modifier {
	for _, m := range modifiers {
		rest, ok := strings.CutPrefix(p.s[p.i:], string(m))
		if ok && rest != "" && isSpace(rest[0]) {
			p.i += len(m)
			p.skipSpace()
			return m
		}
	}
	return ""
}
