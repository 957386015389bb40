package ruletest

import (
	"slices"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// Coverage says what of the rules the tests did not reach.
type Coverage struct {
	Rules      int        `json:"rules"` // that run
	Fired      int        `json:"fired"`
	NeverFired []RuleAt   `json:"never_fired"`
	Checks     int        `json:"checks"`     // comparisons of the rules that run
	Complete   int        `json:"complete"`   // of them, true for some event and false for another
	Incomplete []CheckGap `json:"incomplete"` // the others, but for those that cannot be both
}

// RuleAt is a rule and its place.
type RuleAt struct {
	Rule string `json:"rule"`
	At   string `json:"at"`
}

// CheckGap is a comparison that gave only one answer in all tests, or none.
type CheckGap struct {
	Check string   `json:"check"`
	At    string   `json:"at"`
	Never string   `json:"never"` // true, false, or asked
	Rules []string `json:"rules"` // that have it
}

// coverage counts; a nil one does not.
type coverage struct {
	rules  []*watched
	checks map[checkAt]*answered // which rules share through macros
	order  []*answered
}

// checkAt is a comparison as people see it.
type checkAt struct {
	at   syntax.Pos
	text string
}

func keyOf(t *filter.Tree) checkAt { return checkAt{t.Node.Pos(), t.Node.String()} }

type watched struct {
	*rules.Rule
	tree  *filter.Tree
	fired bool
}

type answered struct {
	part    *filter.Tree
	rules   []string
	yes, no int
}

func newCoverage(set *rules.Set) *coverage {
	c := &coverage{checks: map[checkAt]*answered{}}
	for _, r := range set.Rules {
		if !r.Runs() {
			continue
		}
		w := &watched{Rule: r}
		c.rules = append(c.rules, w)
		if r.Code == nil {
			continue
		}
		w.tree = set.Program.Tree(r.Code)
		c.collect(w.tree, r.Name)
	}
	return c
}

func (c *coverage) collect(t *filter.Tree, rule string) {
	for _, k := range t.Kids {
		c.collect(k, rule)
	}
	if t.Kind != filter.CheckTree {
		return
	}
	a := c.checks[keyOf(t)]
	if a == nil {
		a = &answered{part: t}
		c.checks[keyOf(t)] = a
		c.order = append(c.order, a)
	}
	if !slices.Contains(a.rules, rule) {
		a.rules = append(a.rules, rule)
	}
}

// fired notes an alert.
func (c *coverage) fired(rule string) {
	if c == nil {
		return
	}
	for _, w := range c.rules {
		w.fired = w.fired || w.Name == rule
	}
}

// watch asks every rule about an event, as far as its condition has to be asked.
func (c *coverage) watch(ev *pipeline.Event) {
	if c == nil {
		return
	}
	var v field.View
	for _, w := range c.rules {
		if w.tree == nil {
			continue
		}
		v.Reset(ev)
		w.tree.Eval(&v, func(part *filter.Tree, holds bool) {
			if a := c.checks[keyOf(part)]; a != nil && holds {
				a.yes++
			} else if a != nil {
				a.no++
			}
		})
	}
}

func (c *coverage) report() *Coverage {
	r := &Coverage{Rules: len(c.rules), Checks: len(c.order), NeverFired: []RuleAt{}, Incomplete: []CheckGap{}}
	for _, w := range c.rules {
		if w.fired {
			r.Fired++
		} else {
			r.NeverFired = append(r.NeverFired, RuleAt{w.Name, w.At.String()})
		}
	}
	for _, a := range c.order {
		gap := CheckGap{Check: a.part.Node.String(), At: a.part.Node.Pos().String(), Rules: a.rules}
		switch {
		case a.yes > 0 && a.no > 0:
			r.Complete++
			continue
		case a.yes == 0 && a.part.IsNever():
			continue
		case a.yes+a.no == 0:
			gap.Never = "asked"
		case a.yes == 0:
			gap.Never = "true"
		default:
			gap.Never = "false"
		}
		r.Incomplete = append(r.Incomplete, gap)
	}
	return r
}
