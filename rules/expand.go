package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// expander turns the text of a condition into a tree: lists are put in as text, macros as sub-trees.
// It is good for what has been collected when it is made.
type expander struct {
	collected *collector
	problems  *problems
	lists     []substitution
	parsed    map[string]*parsedMacro
	usedMacro map[string]bool
	strict    bool
	partial   bool   // more files come
	item      string // whose condition is being read
}

// substitution is a list as it goes into a condition.
type substitution struct {
	name, text string
	used       bool
	odd        bool // its name holds delimiters: it is not one of a text's words
}

type parsedMacro struct {
	node   syntax.Node
	checks int // how many there are in it, macros inserted
	err    error
	busy   bool // being resolved: meeting it again is a loop
}

// Bounds of what a condition may grow to, far above what anybody writes: macros and lists that name each
// other grow without bound.
const (
	maxChecks = 10_000
	maxText   = 1 << 20
)

func newExpander(c *collector, p *problems) *expander {
	x := &expander{collected: c, problems: p, strict: c.cfg.Strict, parsed: map[string]*parsedMacro{}, usedMacro: map[string]bool{}}
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
			if needsQuotes(item) {
				items[i] = `"` + item + `"`
			}
		}
		x.lists = append(x.lists, substitution{name: l.name, text: strings.Join(items, ", "), odd: isOdd(l.name)})
	}
	for i := range x.lists {
		x.lists[i].used = used[x.lists[i].name]
	}
	return x
}

// isOdd reports a name that is not a word of its own.
func isOdd(name string) bool { return len(syntax.Words(name)) != 1 || syntax.Words(name)[0] != name }

// needsQuotes reports an item with a blank that has no quotes of its own.
func needsQuotes(item string) bool {
	return strings.Contains(item, " ") && item[0] != '"' && item[0] != '\''
}

// condition parses a rule's condition and puts every macro in.
func (x *expander) condition(rule string, t syntax.Text) (syntax.Node, error) {
	n, _, err := x.expand(rule, t, func(*macro) bool { return true })
	return n, err
}

// expand parses t and also counts the checks in it.
func (x *expander) expand(item string, t syntax.Text, visible func(*macro) bool) (n syntax.Node, checks int, err error) {
	if t, err = x.substitute(t); err != nil {
		return nil, 0, err
	}
	x.item = item
	n, err = syntax.ParseWith(t, syntax.Options{Alone: x.alone, BareList: x.bareWord})
	if err != nil {
		return nil, 0, err
	}
	linter{item: item, problems: x.problems}.condition(n)
	syntax.Walk(n, func(n syntax.Node) {
		if _, ok := n.(*syntax.Check); ok {
			checks++
		}
	})
	at := n.Pos()
	n, err = syntax.Resolve(n, func(ref *syntax.Macro) (syntax.Node, error) {
		x.item = item
		m, ok := x.collected.macros.byName[ref.Name]
		if !ok || !visible(m) {
			return x.unresolved(ref, ok)
		}
		x.usedMacro[ref.Name] = true
		p := x.macro(m, ref)
		checks += p.checks
		if checks > maxChecks {
			return nil, syntax.Errorf(at, "more than %d checks once its macros are inserted", maxChecks)
		}
		return p.node, p.err
	})
	return n, checks, err
}

// substitute puts the lists into a text, one after the other: one may bring in the name of the next.
func (x *expander) substitute(t syntax.Text) (syntax.Text, error) {
	words := wordSet(t.String())
	for i := range x.lists {
		l := &x.lists[i]
		if !l.odd && !words[l.name] {
			continue
		}
		with := t.ReplaceName(l.name, l.text)
		if len(with.String()) > maxText {
			return t, syntax.Errorf(t.Pos(0), "longer than %d bytes once its lists are inserted", maxText)
		}
		if !l.odd || with.String() != t.String() {
			l.used = true
			for _, w := range syntax.Words(l.text) {
				words[w] = true
			}
		}
		t = with
	}
	return t, nil
}

func wordSet(s string) map[string]bool {
	words := map[string]bool{}
	for _, w := range syntax.Words(s) {
		words[w] = true
	}
	return words
}

// unresolved is what stands for a name that no macro in sight has.
func (x *expander) unresolved(ref *syntax.Macro, later bool) (syntax.Node, error) {
	hint := "it is defined later; a macro sees only those before it"
	if !later {
		if n := x.alias(ref); n != nil {
			return n, nil
		}
		hint = syntax.DidYouMean(ref.Name, append(slices.Clone(x.collected.macros.names), x.collected.lists.names...))
		if hint == "" && x.partial {
			hint = "a file can use only what it and the files before it define"
		}
	}
	return nil, semantic(ref.At, hint, "undefined macro %q used in filter", ref.Name)
}

// bareWord warns about a word after a list operator that is no list's name.
func (x *expander) bareWord(v syntax.Value) {
	if _, isMacro := x.collected.macros.byName[v.Text]; isMacro {
		return
	}
	x.problems.add(Warning, LintBareWord, x.item, v.At, fmt.Sprintf("%s: there is no list %q: compared with the word itself", x.item, v.Text),
		syntax.DidYouMean(v.Text, x.collected.lists.names))
}

// macro gives a macro's tree, the same one every time.
func (x *expander) macro(m *macro, ref *syntax.Macro) parsedMacro {
	p := x.parsed[m.name]
	if p == nil {
		p = &parsedMacro{busy: true}
		x.parsed[m.name] = p
		p.node, p.checks, p.err = x.expand(m.name, m.condition, func(other *macro) bool { return other.first < m.last })
		p.node = ownRoot(p.node)
		p.busy = false
	}
	if p.busy {
		return parsedMacro{err: semantic(ref.At, "", "macro %q refers to itself", m.name)}
	}
	return *p
}

// parseRest parses the macros nobody asked for, those that wanted reports, so that their errors show too.
func (x *expander) parseRest(wanted func(*macro) bool) {
	for _, m := range x.collected.macros.inOrder() {
		if x.parsed[m.name] != nil || !wanted(m) {
			continue
		}
		if p := x.macro(m, &syntax.Macro{At: m.at, Name: m.name}); p.err != nil {
			x.problems.err(Error, ErrCompileCondition, m.name, m.at, p.err)
		}
	}
}

// reportUnused names lists and macros that no rule, macro or list names.
func (x *expander) reportUnused() {
	x.parseRest(func(*macro) bool { return true })
	for _, m := range x.collected.macros.inOrder() {
		if !x.usedMacro[m.name] {
			x.problems.add(Warning, UnusedMacro, m.name, m.at, fmt.Sprintf("macro %q is not used", m.name), "")
		}
	}
	for i, l := range x.collected.lists.inOrder() {
		if !x.lists[i].used {
			x.problems.add(Warning, UnusedList, l.name, l.at, fmt.Sprintf("list %q is not used", l.name), "")
		}
	}
}
