package rules

import "github.com/tocsin-security/tocsin/filter/syntax"

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
	inText    []string // its words, once asked for
}

// definition is a rule as the files have it, appends and overrides done.
type definition struct {
	name       string
	item       *Item
	exceptions []*exception
	inText     []string // its condition's words, once asked for
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
