package ruletest

import (
	"fmt"
	"strings"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// why says why a rule did not fire in a test: of the event for which the most of its condition held, the
// first part that did not.
func (s *suite) why(t *Test, name string, windows *windows) *Why {
	r := s.set.Rule(name)
	if w := windows.why(r); w != nil {
		return w
	}
	switch {
	case !r.Runs():
		return &Why{Reason: "the rule does not run: " + r.Skipped}
	case r.Source != t.Source:
		return &Why{Reason: fmt.Sprintf("the rule is for events of source %s, the test's are of %s", r.Source, t.Source)}
	case r.Code == nil:
		return &Why{Reason: "no event satisfied its condition"}
	case len(t.Events) == 0:
		return &Why{Reason: "the test has no events"}
	}
	tree := s.set.Program.Tree(r.Code)
	var best *Why
	bestHeld := -1
	for i := range t.Events {
		e := &t.Events[i]
		w, held := s.whyNot(r, tree, e.event(e.Time, uint64(i+1)))
		if w.Event = e.At.String(); held > bestHeld {
			best, bestHeld = w, held
		}
	}
	return best
}

// whyNot looks at one event; held is how many parts of the condition held before one did not.
func (s *suite) whyNot(r *rules.Rule, tree *filter.Tree, ev *pipeline.Event) (w *Why, held int) {
	var v field.View
	v.Reset(ev)
	answers := map[*filter.Tree]bool{}
	if tree.Eval(&v, func(part *filter.Tree, holds bool) {
		answers[part] = holds
		if holds {
			held++
		}
	}) {
		return s.held(r, ev), held + 1
	}
	part := firstFalse(tree, answers)
	w = &Why{
		Reason: "a part of its condition is false", Part: part.Node.String(), At: part.Node.Pos().String(),
		Macro: s.macroOf(r, part), Values: values(part, &v),
	}
	switch {
	case part.Kind == filter.AnyTree:
		w.Reason = "none of these holds"
	case part.Kind == filter.NotTree:
		w.Reason = "this holds, and must not"
		w.Part = part.Kids[0].Node.String()
	}
	w.Values = append(w.Values, part.Notes()...)
	return w, held
}

// held is why a rule whose condition holds made no alert all the same.
func (s *suite) held(r *rules.Rule, ev *pipeline.Event) *Why {
	if entry, ok := s.whitelist.Bypass(r.Name, ev); ok {
		return &Why{Reason: fmt.Sprintf("its condition holds, and the whitelist entry %q covers it", entry)}
	}
	if s.set.First {
		return &Why{Reason: "its condition holds, and a rule before it fired: rules.matching is first"}
	}
	return &Why{Reason: "it fired fewer times than expected"}
}

// firstFalse walks down to the smallest part that explains why the whole is false.
func firstFalse(t *filter.Tree, answers map[*filter.Tree]bool) *filter.Tree {
	if t.Kind != filter.AllTree {
		return t
	}
	for _, k := range t.Kids {
		if holds, asked := answers[k]; asked && !holds {
			return firstFalse(k, answers)
		}
	}
	return t
}

// values are the fields of a part with what they are in the event, each once.
func values(t *filter.Tree, v *field.View) []string {
	var texts []string
	seen := map[string]bool{}
	var walk func(*filter.Tree)
	walk = func(t *filter.Tree) {
		for _, f := range t.Fields {
			if !seen[f.Text] {
				seen[f.Text] = true
				texts = append(texts, valueText(f, v))
			}
		}
		for _, k := range t.Kids {
			walk(k)
		}
	}
	walk(t)
	if t.ByType() {
		texts = append(texts, typeText(v.Ev.Type))
	}
	return texts
}

func valueText(f field.Ref, v *field.View) string {
	text, ok := f.Append(nil, v)
	switch {
	case !ok:
		return f.Text + " has no value"
	case f.Str != nil || f.OfProcess != nil:
		return fmt.Sprintf("%s is %q", f.Text, text)
	default:
		return f.Text + " is " + string(text)
	}
}

func typeText(t pipeline.EventType) string {
	if t == pipeline.EventUnknown {
		return "evt.type has no value"
	}
	return "evt.type is " + t.String()
}

// macroOf names the macros that a part of a rule's condition comes from, the outermost first.
func (s *suite) macroOf(r *rules.Rule, part *filter.Tree) string {
	return strings.Join(s.set.Origin(r, part.Node), " → ")
}
