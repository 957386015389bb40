package rules

import (
	"fmt"
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// expander turns the text of a condition into a tree: lists are put in as text, macros as sub-trees.
type expander struct {
	collected *collector
	lists     []substitution
	parsed    map[string]*parsedMacro
	usedMacro map[string]bool
}

// substitution is a list as it goes into a condition.
type substitution struct {
	name, text string
	used       bool
}

type parsedMacro struct {
	node syntax.Node
	err  error
	busy bool // being resolved: meeting it again is a loop
}

func newExpander(c *collector) *expander {
	x := &expander{collected: c, parsed: map[string]*parsedMacro{}, usedMacro: map[string]bool{}}
	used := map[string]bool{}
	for _, l := range c.lists.inOrder() {
		var items []string
		for _, item := range l.items {
			// An item may name another list; its items are taken as they are written.
			if other, ok := c.lists.byName[item]; ok && other.first < l.last {
				used[item] = true
				items = append(items, other.items...)
				continue
			}
			items = append(items, item)
		}
		for i, item := range items {
			items[i] = quoteItem(item)
		}
		x.lists = append(x.lists, substitution{name: l.name, text: strings.Join(items, ", ")})
	}
	for i := range x.lists {
		x.lists[i].used = used[x.lists[i].name]
	}
	return x
}

// quoteItem quotes an item with a blank, unless it has quotes of its own.
func quoteItem(item string) string {
	if !strings.Contains(item, " ") || item[0] == '"' || item[0] == '\'' {
		return item
	}
	return `"` + item + `"`
}

// condition parses t and puts every macro in.
func (x *expander) condition(t syntax.Text) (syntax.Node, error) {
	return x.expand(t, func(*macro) bool { return true })
}

func (x *expander) expand(t syntax.Text, visible func(*macro) bool) (syntax.Node, error) {
	for i := range x.lists {
		l := &x.lists[i]
		with := t.ReplaceName(l.name, l.text)
		l.used = l.used || with.String() != t.String()
		t = with
	}
	n, err := syntax.Parse(t)
	if err != nil {
		return nil, err
	}
	return syntax.Resolve(n, func(ref *syntax.Macro) (syntax.Node, error) {
		m, ok := x.collected.macros.byName[ref.Name]
		if !ok || !visible(m) {
			return nil, x.undefined(ref, ok)
		}
		x.usedMacro[ref.Name] = true
		return x.macro(m, ref)
	})
}

func (x *expander) undefined(ref *syntax.Macro, later bool) error {
	e := &syntax.Error{At: ref.At, Msg: fmt.Sprintf("undefined macro %q used in filter", ref.Name)}
	if later {
		e.Hint = "it is defined later; a macro sees only those before it"
	} else {
		e.Hint = syntax.DidYouMean(ref.Name, x.collected.macros.names)
	}
	return e
}

// macro gives a macro's tree, the same one every time.
func (x *expander) macro(m *macro, ref *syntax.Macro) (syntax.Node, error) {
	p := x.parsed[m.name]
	if p == nil {
		p = &parsedMacro{busy: true}
		x.parsed[m.name] = p
		p.node, p.err = x.expand(m.condition, func(other *macro) bool { return other.first < m.last })
		p.node = ownRoot(p.node)
		p.busy = false
	}
	switch {
	case p.busy:
		return nil, syntax.Errorf(ref.At, "macro %q refers to itself", m.name)
	case p.err != nil:
		return nil, p.err
	default:
		return p.node, nil
	}
}

// reportUnused names lists and macros no rule needs, after parsing the macros nobody asked for so that
// their errors show too.
func (x *expander) reportUnused() {
	p := &x.collected.problems
	for _, m := range x.collected.macros.inOrder() {
		if !x.usedMacro[m.name] {
			p.add(Warning, UnusedMacro, m.name, m.at, fmt.Sprintf("macro %q is not used", m.name), "")
		}
		if x.parsed[m.name] != nil {
			continue
		}
		if _, err := x.macro(m, &syntax.Macro{At: m.at, Name: m.name}); err != nil {
			p.err(Error, ErrCompileCondition, m.name, m.at, err)
		}
	}
	for i, l := range x.collected.lists.inOrder() {
		if !x.lists[i].used {
			p.add(Warning, UnusedList, l.name, l.at, fmt.Sprintf("list %q is not used", l.name), "")
		}
	}
}
