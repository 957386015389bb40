package rules

import (
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// guarded is the condition with what the exceptions take out of it.
func guarded(condition syntax.Text, exceptions []*exception) syntax.Text {
	if len(exceptions) == 0 {
		return condition
	}
	g := &glue{at: condition.Pos(0)}
	g.add("(")
	g.b.Add(condition.Trim())
	g.add(")")
	for _, e := range exceptions {
		if len(e.values) == 0 {
			continue
		}
		g.at = e.name.Pos(0)
		g.add(" and not ")
		if e.single {
			g.flat(e)
		} else {
			g.tuples(e)
		}
	}
	return g.b.Text()
}

// glue writes conditions of exceptions. What comes from a file keeps its place; what joins it has the
// exception's.
type glue struct {
	b  syntax.Builder
	at syntax.Pos
}

func (g *glue) add(s string) { g.b.Add(syntax.FixedText(s, g.at)) }

// flat writes (field comp (v1, v2)).
func (g *glue) flat(e *exception) {
	g.add("(")
	g.b.Add(e.fields[0])
	g.add(" ")
	g.b.Add(e.comps[0])
	g.add(" (")
	g.values(e.values)
	g.add("))")
}

// tuples writes (( f1 c1 v1 and  f2 c2 v2) or ( …)).
func (g *glue) tuples(e *exception) {
	g.add("(")
	for i, tuple := range e.values {
		if i > 0 {
			g.add(" or ")
		}
		g.add("(")
		for j, v := range tuple.list {
			if j > 0 {
				g.add(" and ")
			}
			g.add(" ")
			g.b.Add(e.fields[j])
			g.add(" ")
			g.b.Add(e.comps[j])
			g.add(" ")
			op, modifier, _ := syntax.ParseOperator(e.comps[j].String())
			switch {
			case v.isList:
				g.add("(")
				g.values(v.list)
				g.add(")")
			case (op.IsList() || modifier != "") && !strings.HasPrefix(v.text.String(), "("):
				g.add("(")
				g.quoted(v.text)
				g.add(")")
			case strings.HasPrefix(v.text.String(), "("):
				g.b.Add(v.text)
			default:
				g.quoted(v.text)
			}
		}
		g.add(")")
	}
	g.add(")")
}

func (g *glue) values(values []entry) {
	for i, v := range values {
		if i > 0 {
			g.add(", ")
		}
		if v.isList {
			g.add("(")
			g.values(v.list)
			g.add(")")
			continue
		}
		g.quoted(v.text)
	}
}

// quoted writes a value, in quotes when it holds a blank and has none of its own.
func (g *glue) quoted(t syntax.Text) {
	if !needsQuotes(t.String()) {
		g.b.Add(t)
		return
	}
	g.add(`"`)
	g.b.Add(t)
	g.add(`"`)
}
