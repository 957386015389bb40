package whitelist

import (
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/rules"
)

// broad says why an entry is too broad, or is "": it covers every rule, and its condition names nobody and
// nothing. What narrows an entry is that some field has to have a value out of a few; what a field must not be
// leaves everything else.
func broad(patterns []rules.Pattern, narrow bool, set *rules.Set) string {
	if narrow || !coversAll(patterns, set) {
		return ""
	}
	return "it covers every rule, and no field of match narrows it down"
}

// coversAll reports whether there is no rule that the patterns leave out. One rule alone is not all.
func coversAll(patterns []rules.Pattern, set *rules.Set) bool {
	for _, p := range patterns {
		if p.Rule != "" && strings.Trim(p.Rule, "*") == "" {
			return true
		}
	}
	if set == nil || len(set.Rules) < 2 {
		return false
	}
	for _, r := range set.Rules {
		if !covers(patterns, r.Name, r.Tags) {
			return false
		}
	}
	return true
}

func covers(patterns []rules.Pattern, rule string, tags []string) bool {
	return slices.ContainsFunc(patterns, func(p rules.Pattern) bool { return p.Matches(rule, tags) })
}

// narrows reports whether n, or "not n", holds only for what has one of a few values in some field: of what is
// joined by "or" every part has to.
func narrows(n syntax.Node, negated bool) bool {
	of := func(kids []syntax.Node, all bool) bool {
		lacks := slices.ContainsFunc(kids, func(k syntax.Node) bool { return !narrows(k, negated) })
		has := slices.ContainsFunc(kids, func(k syntax.Node) bool { return narrows(k, negated) })
		return has && (!all || !lacks)
	}
	switch n := n.(type) {
	case *syntax.Not:
		return narrows(n.Kid, !negated)
	case *syntax.And:
		return of(n.Kids, negated)
	case *syntax.Or:
		return of(n.Kids, !negated)
	case *syntax.Check:
		return narrowing(n, negated)
	default:
		return false
	}
}

// narrowing reports whether a comparison asks for a few values: of a field that tells things apart, and not
// for what nearly everything has.
func narrowing(c *syntax.Check, negated bool) bool {
	switch c.Op {
	case syntax.NotEq:
		negated = !negated
	case syntax.Exists, syntax.Less, syntax.LessEq, syntax.Greater, syntax.GreaterEq:
		return false
	}
	if negated || c.Right != nil || len(c.Values) == 0 || !tellsApart(c.Left) {
		return false
	}
	return !slices.ContainsFunc(c.Values, func(v syntax.Value) bool { return isAnything(v.Text) })
}

// tellsApart reports whether an operand is a field about somebody or something. Most of what evt.* says, such as
// the kind of the event or its time, is as true of an attack.
func tellsApart(o syntax.Operand) bool {
	if o.Kind == syntax.TransformerOperand {
		return slices.ContainsFunc(o.Args, tellsApart)
	}
	if o.Kind != syntax.FieldOperand {
		return false
	}
	name, isEvent := strings.CutPrefix(o.Name, "evt.")
	return !isEvent || slices.ContainsFunc([]string{"hostname", "arg", "rawarg", "abspath", "info"}, func(p string) bool { return strings.HasPrefix(name, p) })
}

// isAnything reports whether nearly everything is, or has in it, the value: no text, wildcards, the root of all
// paths, every address, all that runs outside containers.
func isAnything(value string) bool {
	return strings.Trim(value, "*?.^$") == "" || slices.Contains([]string{"/", "/*", "/**", "/.*", "0.0.0.0/0", "::/0", "host", "true", "false"}, value)
}
