package filter

import (
	"cmp"
	"slices"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// ordered is a condition whose parts stand in the order in which asking them is expected to cost least,
// with what it costs and how often it holds, both by guess. Parts have no effects, so their order only
// changes the cost.
type ordered struct {
	node syntax.Node
	cost float64 // comparisons of short strings
	odds float64 // share of events for which it holds
}

// order sorts every "and" and "or" below n. The best order of independent parts of an "and" is by cost over
// the chance to be done with it (Smith's rule), of an "or" likewise.
//
// Macros are shared by rules: each is sorted once.
func (p *Program) order(n syntax.Node) ordered {
	if o, ok := p.byNode[n]; ok {
		return o
	}
	var o ordered
	switch n := n.(type) {
	case *syntax.Not:
		kid := p.order(n.Kid)
		o = ordered{&syntax.Not{At: n.At, Kid: kid.node}, kid.cost, 1 - kid.odds}
	case *syntax.And:
		kids, cost, odds := p.orderKids(allOf(n, nil), func(o ordered) float64 { return 1 - o.odds })
		o = ordered{&syntax.And{At: n.At, Kids: kids}, cost, odds}
	case *syntax.Or:
		kids, cost, odds := p.orderKids(anyOf(n, nil), func(o ordered) float64 { return o.odds })
		o = ordered{&syntax.Or{At: n.At, Kids: kids}, cost, 1 - odds}
	default:
		c := n.(*syntax.Check)
		pred := &p.predicates[p.byCheck[c]]
		o = ordered{n, checkCost(c, pred), checkOdds(c, pred)}
	}
	p.byNode[n] = o
	return o
}

// allOf appends the parts of an "and", those of an "and" within it included: macros nest them.
func allOf(n syntax.Node, parts []syntax.Node) []syntax.Node {
	and, ok := n.(*syntax.And)
	if !ok {
		return append(parts, n)
	}
	for _, kid := range and.Kids {
		parts = allOf(kid, parts)
	}
	return parts
}

// anyOf does for "or" what allOf does for "and".
func anyOf(n syntax.Node, parts []syntax.Node) []syntax.Node {
	or, ok := n.(*syntax.Or)
	if !ok {
		return append(parts, n)
	}
	for _, kid := range or.Kids {
		parts = anyOf(kid, parts)
	}
	return parts
}

// orderKids sorts by cost over done, the chance that a part decides; rest is the chance that none does.
func (p *Program) orderKids(kids []syntax.Node, done func(ordered) float64) (nodes []syntax.Node, cost, rest float64) {
	parts := make([]ordered, len(kids))
	for i, k := range kids {
		parts[i] = p.order(k)
	}
	const never = 1e-6
	slices.SortStableFunc(parts, func(a, b ordered) int {
		return cmp.Compare(a.cost/max(done(a), never), b.cost/max(done(b), never))
	})
	rest = 1
	for _, o := range parts {
		nodes = append(nodes, o.node)
		cost += rest * o.cost
		rest *= 1 - done(o)
	}
	return nodes, cost, rest
}

// checkCost guesses what a comparison costs.
func checkCost(c *syntax.Check, pred *predicate) float64 {
	if pred.types != nil || pred.test == nil {
		return 0
	}
	cost := 1.0
	for _, f := range pred.fields {
		switch {
		case f.IsAny():
			cost *= 8 // a walk up the ancestors
		case f.Def.DotArg || f.Def.Type == field.Buffer:
			cost += 4 // mostly put together for the comparison
		case f.Str != nil:
			cost++
		}
	}
	if c.Left.Kind != syntax.FieldOperand {
		cost += 4 // a transformer
	}
	switch c.Op {
	case syntax.Regex:
		cost *= 20
	case syntax.Glob, syntax.IGlob, syntax.PMatch, syntax.Contains, syntax.IContains, syntax.BContains:
		cost += 3 * float64(max(len(c.Values), 1))
	default:
		if !c.Op.IsList() {
			cost += 0.1 * float64(len(c.Values))
		}
	}
	return cost
}

// checkOdds guesses for what share of events a comparison holds.
func checkOdds(c *syntax.Check, pred *predicate) float64 {
	switch {
	case pred.types != nil:
		return 0.5
	case pred.test == nil:
		return 0
	case c.Op == syntax.NotEq:
		return 0.9
	case c.Op == syntax.Exists:
		return 0.7
	case len(pred.fields) != 1 || pred.fields[0].Def.Type == field.Bool:
		return 0.4
	}
	odds := 0.0
	for _, v := range c.Values {
		f, ok := factOf(c.Op, pred.fields[0], v)
		if !ok {
			return 0.3
		}
		odds += f.odds()
	}
	return min(odds, 0.9)
}
