package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

var (
	listName  = regexp.MustCompile(`^[^()"'=,\s]+$`)
	macroName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*$`)
)

// list defines a list or adds to one.
func (c *collector) list(it *Item, name string) error {
	ch, err := c.change(it, "list", name)
	if err != nil {
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
	old := c.lists.byName[name]
	if ch != nil && old == nil {
		return ch.missing("list", name, c.lists.names)
	}
	l := &list{name: name, at: it.At, first: c.sequence, last: c.sequence}
	if old != nil {
		l.first = old.first
	}
	if ch != nil && len(ch.appends) > 0 {
		l.at, l.items = old.at, slices.Clone(old.items)
	}
	for _, t := range texts {
		l.items = append(l.items, t.String())
	}
	switch {
	case ch == nil && !listName.MatchString(name):
		c.problems.add(Warning, InvalidListName, name, it.At, fmt.Sprintf("list name %q has characters that keep it from being used", name), "")
	case ch == nil && old != nil && !slices.Equal(old.items, l.items):
		c.redefined("list", name, "items", old.at, it.At)
	}
	c.touched.name(name)
	c.lists.put(name, l)
	return nil
}

// macro defines a macro or adds to one.
func (c *collector) macro(it *Item, name string) error {
	ch, err := c.change(it, "macro", name)
	if err != nil {
		return err
	}
	condition, err := required(it, "condition")
	if err != nil {
		return err
	}
	old := c.macros.byName[name]
	if ch != nil && old == nil {
		return ch.missing("macro", name, c.macros.names)
	}
	m := &macro{name: name, at: it.At, condition: condition, first: c.sequence, last: c.sequence}
	if old != nil {
		m.first = old.first
	}
	if ch != nil && len(ch.appends) > 0 {
		m.at, m.condition = old.at, joined(old.condition, condition)
	}
	switch {
	case ch == nil && !macroName.MatchString(name):
		c.problems.add(Warning, InvalidMacroName, name, it.At, fmt.Sprintf("macro name %q cannot be used in a condition", name),
			"start with a letter and go on with letters, digits and _")
	case ch == nil && old != nil && !sameWords(old.condition, condition):
		c.redefined("macro", name, "condition", old.at, it.At)
	}
	c.touched.name(name)
	c.macros.put(name, m)
	return nil
}

// joined is how texts are appended: with a blank between them, so that "a or b" and "and c" become one
// condition in which "and" binds tighter.
func joined(before, after syntax.Text) syntax.Text {
	return syntax.Join(before.Trim(), syntax.FixedText(" ", after.Pos(0)), after.Trim())
}

func sameWords(a, b syntax.Text) bool {
	return slices.Equal(strings.Fields(a.String()), strings.Fields(b.String()))
}

// redefined warns that a file takes over a name of another one without saying so.
func (c *collector) redefined(kind, name, key string, old, at syntax.Pos) {
	if old.File == at.File {
		return
	}
	c.problems.add(Warning, LintRedefined, name, at, fmt.Sprintf("%s %q takes the place of the one at %s", kind, name, old),
		"when that is meant, say override: {"+key+": replace}")
}

// rule defines a rule or changes one.
func (c *collector) rule(it *Item, name string) error {
	ch, err := c.change(it, "rule", name)
	if err != nil {
		return err
	}
	old := c.rules.byName[name]
	if err := sameSource(it, old); err != nil {
		return err
	}
	c.touched.rules[name] = true
	switch {
	case ch != nil && old == nil:
		return ch.missing("rule", name, c.rules.names)
	case ch != nil:
		return c.changeRule(old, it, ch)
	case isSwitch(it):
		return c.switchRule(old, it, name)
	}
	for _, key := range []string{"condition", "output", "desc", "priority"} {
		if err := settle(it, it, key); err != nil {
			return err
		}
	}
	d := &definition{name: name, item: it}
	if k, ok := it.Get("exceptions"); ok {
		if d.exceptions, err = c.readExceptions(k, name); err != nil {
			return err
		}
	}
	if old != nil && !sameRule(old.item, it) {
		c.redefined("rule", name, "condition", old.item.At, it.At)
	}
	c.rules.put(name, d)
	return nil
}

// settle puts a key that must not be empty into an item, its text read.
func settle(into, from *Item, key string) error {
	t, err := required(from, key)
	if err != nil {
		return err
	}
	if key == "priority" {
		if _, err := pipeline.ParsePriority(t.String()); err != nil && priorityAliases[strings.ToLower(t.String())] == 0 {
			return syntax.Errorf(t.Pos(0), "%v", err)
		}
	}
	k, _ := from.Get(key)
	k.made = &made{text: t}
	into.set(k)
	return nil
}

func sameRule(a, b *Item) bool {
	for _, key := range []string{"condition", "output", "priority"} {
		x, _ := required(a, key)
		y, _ := required(b, key)
		if !sameWords(x, y) {
			return false
		}
	}
	return true
}

// sameSource refuses to make a rule one for another source.
func sameSource(it *Item, old *definition) error {
	key, ok := it.Get("source")
	if !ok || old == nil {
		return nil
	}
	source := func(it *Item) string {
		if k, ok := it.Get("source"); ok {
			if t, err := k.Text(); err == nil && t.String() != "" {
				return t.String()
			}
		}
		return sourceSyscall
	}
	if now, before := source(it), source(old.item); now != before {
		return semantic(key.At, "give the rule another name", "source: the rule is for %s already, from %s on", before, old.item.At)
	}
	return nil
}

// isSwitch reports the old way of turning a rule on or off: an element with "enabled" and nothing else.
func isSwitch(it *Item) bool {
	return it.Has("enabled") && !it.Has("condition") && !it.Has("output") && !it.Has("desc") && !it.Has("priority")
}

func (c *collector) switchRule(old *definition, it *Item, name string) error {
	k, _ := it.Get("enabled")
	c.problems.add(Warning, DeprecatedItem, name, k.At, name+": an element with only enabled is deprecated", "write override: {enabled: replace}")
	if old == nil {
		return (&change{at: it.At, replaces: []string{"enabled"}}).missing("rule", name, c.rules.names)
	}
	return c.changeRule(old, it, &change{at: k.At, replaces: []string{"enabled"}})
}

// changeRule puts a new definition in the place of old: a copy with the appends done, then the
// replacements.
func (c *collector) changeRule(old *definition, it *Item, ch *change) error {
	if ch.legacy && len(ch.appends) == 0 {
		return semantic(ch.at, "give condition, output, desc, tags or exceptions", "there is nothing to append")
	}
	d := &definition{name: old.name, item: &Item{At: old.item.At, Keys: slices.Clone(old.item.Keys)}, exceptions: slices.Clone(old.exceptions)}
	for _, key := range ch.appends {
		if err := c.appendKey(d, it, key); err != nil {
			return err
		}
	}
	for _, key := range ch.replaces {
		if err := c.replaceKey(d, it, key); err != nil {
			return err
		}
	}
	c.rules.put(d.name, d)
	return nil
}

func (c *collector) appendKey(d *definition, it *Item, key string) error {
	from, _ := it.Get(key)
	into, had := d.item.Get(key)
	switch {
	case key == "exceptions":
		return c.appendExceptions(d, from)
	case key == "tags":
		list, err := from.Texts(false)
		if err != nil {
			return err
		}
		if had {
			before, err := into.Texts(false)
			if err != nil {
				return err
			}
			list = append(slices.Clone(before), list...)
		}
		from.made = &made{list: append([]syntax.Text{}, list...)}
		d.item.set(from)
		return nil
	}
	after, err := required(it, key)
	if err != nil {
		return err
	}
	before, err := into.Text()
	if err != nil {
		return err
	}
	into.made = &made{text: joined(before, after)}
	d.item.set(into)
	return nil
}

func (c *collector) replaceKey(d *definition, it *Item, key string) error {
	from, _ := it.Get(key)
	switch key {
	case "condition", "output", "desc", "priority":
		return settle(d.item, it, key)
	case "exceptions":
		var err error
		if d.exceptions, err = c.readExceptions(from, d.name); err != nil {
			return err
		}
	}
	d.item.set(from)
	return nil
}
