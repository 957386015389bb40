package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// collector gathers what the files define, element by element. Nothing is compiled here: a rule may use
// macros and lists that come later.
type collector struct {
	problems problems
	lists    catalog[*list]
	macros   catalog[*macro]
	rules    catalog[*definition]
	docs     map[string]*Document
	sequence int // counts definitions, for what may refer to what
}

type list struct {
	name  string
	at    syntax.Pos
	items []string
	first int // when it was first defined, and when last: see collector.sequence
	last  int
}

type macro struct {
	name      string
	at        syntax.Pos
	condition syntax.Text
	first     int
	last      int
}

// definition is a rule as its file has it.
type definition struct {
	name string
	item *Item
}

// catalog keeps things by name in the order in which the names first came up.
type catalog[T any] struct {
	names  []string
	byName map[string]T
}

func (c *catalog[T]) put(name string, v T) {
	if c.byName == nil {
		c.byName = map[string]T{}
	}
	if _, ok := c.byName[name]; !ok {
		c.names = append(c.names, name)
	}
	c.byName[name] = v
}

func (c *catalog[T]) inOrder() []T {
	all := make([]T, len(c.names))
	for i, n := range c.names {
		all[i] = c.byName[n]
	}
	return all
}

func newCollector() *collector {
	c := &collector{docs: map[string]*Document{}}
	c.problems.docs = c.docs
	return c
}

// problems collects complaints and finds the line each is about.
type problems struct {
	list []Problem
	docs map[string]*Document
}

func (p *problems) add(severity Severity, code Code, item string, at syntax.Pos, message, hint string) {
	snippet := ""
	if d := p.docs[at.File]; d != nil {
		snippet = d.Line(at.Line)
	}
	p.list = append(p.list, Problem{Severity: severity, Code: code, File: at.File, Line: at.Line, Col: at.Col,
		Item: item, Message: message, Hint: hint, Snippet: snippet})
}

// err adds an error of the parsers; fallback is its place when it has none.
func (p *problems) err(severity Severity, code Code, item string, fallback syntax.Pos, err error) {
	e := syntax.AsError(err)
	if e.At.Line == 0 {
		e.At = fallback
	}
	message := e.Msg
	if item != "" {
		message = item + ": " + message
	}
	p.add(severity, code, item, e.At, message, e.Hint)
}

// Keys of each kind of element: Falco's, then ours.
var knownKeys = map[string][]string{
	"list":  {"list", "items", "append", "override"},
	"macro": {"macro", "condition", "append", "override"},
	"rule": {"rule", "condition", "output", "desc", "priority", "source", "enabled", "tags", "exceptions", "warn_evttypes",
		"skip-if-unknown-filter", "capture", "capture_duration", "append", "override",
		"window", "dedupe", "labels", "annotations", "runbook", "desc_zh"},
	"required_engine_version":  {"required_engine_version"},
	"required_plugin_versions": {"required_plugin_versions"},
}

// kinds in the order in which a key decides what an element is.
var kinds = []string{"required_engine_version", "required_plugin_versions", "list", "macro", "rule"}

func (c *collector) file(src Source) {
	doc, items, err := ParseDocument(src.Name, src.Data)
	c.docs[src.Name] = doc
	if err != nil {
		code := ErrYAMLValidate
		if syntax.AsError(err).Cause != nil {
			code = ErrYAMLParse
		}
		c.problems.err(Error, code, "", syntax.Pos{File: src.Name}, err)
	}
	for i := range items {
		c.element(&items[i])
	}
}

func (c *collector) element(it *Item) {
	kind := slices.IndexFunc(kinds, it.Has)
	if kind < 0 {
		c.problems.add(Warning, UnknownItem, "", it.At, "neither rule, macro nor list: ignored", "")
		return
	}
	for _, k := range it.Keys {
		if known := knownKeys[kinds[kind]]; !slices.Contains(known, k.Name) {
			c.problems.add(Warning, UnknownKey, "", k.At, fmt.Sprintf("unknown key %q: ignored", k.Name), syntax.DidYouMean(k.Name, known))
		}
	}
	name, err := required(it, kinds[kind])
	if err == nil {
		c.sequence++
		switch kinds[kind] {
		case "required_engine_version":
			err = checkEngine(name.String())
		case "required_plugin_versions":
			err = checkPlugins(it)
		case "list":
			err = c.list(it, name.String())
		case "macro":
			err = c.macro(it, name.String())
		case "rule":
			err = c.rule(it, name.String())
		}
	}
	if err != nil {
		c.problems.err(Error, ErrYAMLValidate, name.String(), it.At, err)
	}
}

// required reads a key that must be there and not be empty.
func required(it *Item, key string) (syntax.Text, error) {
	k, ok := it.Get(key)
	if !ok {
		return syntax.Text{}, syntax.Errorf(it.At, "%s is missing", key)
	}
	if !k.IsScalar() && key == "required_plugin_versions" {
		return syntax.Text{}, nil // a list; checkPlugins reads it
	}
	t, err := k.Text()
	if err == nil && strings.TrimSpace(t.String()) == "" {
		err = syntax.Errorf(k.At, "%s is empty", key)
	}
	return t, err
}

// refuseNotYet refuses an element with keys that change what it means: to ignore them would be worse.
func refuseNotYet(it *Item, keys ...string) error {
	for _, name := range keys {
		if k, ok := it.Get(name); ok {
			return syntax.Errorf(k.At, "not evaluated yet: %s", name)
		}
	}
	return nil
}

var (
	listName  = regexp.MustCompile(`^[^()"'=,\s]+$`)
	macroName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*$`)
)

func (c *collector) list(it *Item, name string) error {
	if err := refuseNotYet(it, "append", "override"); err != nil {
		return err
	}
	key, ok := it.Get("items")
	if !ok {
		return syntax.Errorf(it.At, "items is missing")
	}
	texts, err := key.Texts(false)
	if err != nil {
		return err
	}
	if !listName.MatchString(name) {
		c.problems.add(Warning, InvalidListName, name, it.At, fmt.Sprintf("list name %q has characters that keep it from being used", name), "")
	}
	l := &list{name: name, at: it.At, first: c.sequence, last: c.sequence}
	for _, t := range texts {
		l.items = append(l.items, t.String())
	}
	if old, ok := c.lists.byName[name]; ok {
		l.first = old.first
	}
	c.lists.put(name, l)
	return nil
}

func (c *collector) macro(it *Item, name string) error {
	if err := refuseNotYet(it, "append", "override"); err != nil {
		return err
	}
	condition, err := required(it, "condition")
	if err != nil {
		return err
	}
	if !macroName.MatchString(name) {
		c.problems.add(Warning, InvalidMacroName, name, it.At, fmt.Sprintf("macro name %q cannot be used in a condition", name),
			"start with a letter and go on with letters, digits and _")
	}
	m := &macro{name: name, at: it.At, condition: condition, first: c.sequence, last: c.sequence}
	if old, ok := c.macros.byName[name]; ok {
		m.first = old.first
	}
	c.macros.put(name, m)
	return nil
}

func (c *collector) rule(it *Item, name string) error {
	if err := refuseNotYet(it, "append", "override"); err != nil {
		return err
	}
	c.rules.put(name, &definition{name: name, item: it})
	return nil
}
