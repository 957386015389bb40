package rules

import (
	"slices"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// touched is what a file has defined or changed.
type touched struct {
	names map[string]bool // lists and macros
	rules map[string]bool
	odd   bool // a list whose name is not a word: anything may hold it
}

func (t *touched) name(name string) {
	t.names[name] = true
	t.odd = t.odd || isOdd(name)
}

// compileSoFar compiles what a file that is not the last one changed, and whatever that reaches, and
// keeps the errors: a file that needs a later one is wrong, even when all files together are not.
func (c *collector) compileSoFar() {
	p := problems{docs: c.docs}
	x := newExpander(c, &p)
	x.partial = true
	program := filter.NewProgram()
	b := builder{cfg: c.cfg, problems: &p, expander: x, program: program, scratch: program}
	reached := c.reached()
	for _, d := range c.rules.inOrder() {
		if c.touched.odd || c.touched.rules[d.name] || d.mentions(reached) {
			b.rule(d)
		}
	}
	x.parseRest(func(m *macro) bool { return c.touched.odd || reached[m.name] })
	for _, problem := range p.list {
		if problem.Severity == Error {
			c.problems.keep(problem)
		}
	}
}

// reached is what the file touched, and the lists and macros that name any of it.
func (c *collector) reached() map[string]bool {
	names := c.touched.names
	for grown := true; grown; {
		grown = false
		reach := func(name string, words []string) {
			if !names[name] && slices.ContainsFunc(words, func(w string) bool { return names[w] }) {
				names[name], grown = true, true
			}
		}
		for _, l := range c.lists.inOrder() {
			reach(l.name, l.items)
		}
		for _, m := range c.macros.inOrder() {
			reach(m.name, m.words())
		}
	}
	return names
}

func (m *macro) words() []string {
	if m.inText == nil {
		m.inText = syntax.Words(m.condition.String())
	}
	return m.inText
}

// mentions reports whether any of the names is a word of the rule's condition, or of one of its steps'.
func (d *definition) mentions(names map[string]bool) bool {
	if d.inText == nil {
		condition, _ := required(d.item, "condition") // settled when the rule was collected
		d.inText = append(syntax.Words(guarded(condition, d.exceptions).String()), d.stepWords()...)
	}
	return slices.ContainsFunc(d.inText, func(w string) bool { return names[w] })
}
