package review

import (
	"maps"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Bounds of the search for an event that two entries cover.
const (
	maxCases      = 64 // ways to satisfy both conditions that are tried
	maxCandidates = 64 // values that are tried for one field
)

// witness looks for an event that satisfies both of two conditions and returns its fields, nil when it finds
// none. The engine has the last word: a and b are compiled in one program, judged by e.
type witness struct {
	book      *book
	evaluator *filter.Evaluator
	cases     int
}

func (w *witness) find(a, b *formula, ca, cb *filter.Condition) map[string]string {
	var found map[string]string
	w.cases = 0
	w.each([]*formula{a, b}, nil, func(leaves []*formula) bool {
		found = w.try(leaves, ca, cb)
		return found != nil
	})
	return found
}

// each calls visit for every way to make all of todo hold, as the leaves that do it, until visit returns true.
func (w *witness) each(todo, leaves []*formula, visit func([]*formula) bool) (done bool) {
	if len(todo) == 0 {
		w.cases++
		return visit(leaves) || w.cases >= maxCases
	}
	first, rest := todo[0], todo[1:]
	switch first.kind {
	case leaf:
		return w.each(rest, append(leaves[:len(leaves):len(leaves)], first), visit)
	case all:
		return w.each(append(slices.Clone(first.kids), rest...), leaves, visit)
	default:
		for _, k := range first.kids {
			if w.each(append([]*formula{k}, rest...), leaves, visit) {
				return true
			}
		}
		return false
	}
}

// try makes an event of leaves that have to hold, field by field.
func (w *witness) try(leaves []*formula, ca, cb *filter.Condition) map[string]string {
	byKey := map[string][]*formula{}
	for _, l := range leaves {
		if l.leaf.field == nil {
			return nil // two fields compared, or a value made of several
		}
		byKey[l.leaf.key] = append(byKey[l.leaf.key], l)
	}
	if related(slices.Collect(maps.Keys(byKey))) {
		return nil
	}
	fields, told := field.Given{}, map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		group := byKey[key]
		first := group[0].leaf
		if isType(first.check.Left) {
			continue
		}
		value, ok := w.value(group)
		if !ok {
			return nil
		}
		if value == nil {
			continue // to have none will do
		}
		if !give(fields, first.check.Left, first.field.Def.Type, *value) {
			return nil
		}
		told[key] = *value
	}
	return w.confirm(fields, told, ca, cb)
}

// confirm asks the engine, for each kind of event that both conditions may hold for.
func (w *witness) confirm(fields field.Given, told map[string]string, ca, cb *filter.Condition) map[string]string {
	if told["container.id"] == "host" && slices.ContainsFunc(slices.Collect(maps.Keys(told)), ofContainer) {
		return nil
	}
	others := kernelTypes(cb)
	for _, t := range kernelTypes(ca) {
		if !slices.Contains(others, t) {
			continue
		}
		w.evaluator.Reset(&pipeline.Event{Type: t, Proc: fields.Process(), Extra: fields})
		if w.evaluator.Match(ca) && w.evaluator.Match(cb) {
			if len(told) == 0 {
				told["evt.type"] = t.String()
			}
			return told
		}
	}
	return nil
}

// value finds one that satisfies all of group, comparisons of one field. Nil and true: without a value they
// are satisfied.
func (w *witness) value(group []*formula) (*string, bool) {
	if !slices.ContainsFunc(group, func(l *formula) bool { return !l.neg }) {
		return nil, true
	}
	for _, candidate := range candidates(group) {
		fits := true
		for _, l := range group {
			holds, known := w.book.oracle.holds(l.leaf, candidate)
			if fits = known && holds != l.neg; !fits {
				break
			}
		}
		if fits {
			return &candidate, true
		}
	}
	return nil, false
}

// candidates are values that may satisfy comparisons: those of their shapes, and two patterns one after the
// other, as a path that begins and ends as demanded. Last some that are in nobody's list.
func candidates(group []*formula) []string {
	var shapes []shape
	for _, l := range group {
		if !l.neg {
			shapes = append(shapes, l.leaf.shapes...)
		}
	}
	shapes = shapes[:min(len(shapes), maxCandidates)]
	var values []string
	for _, s := range shapes {
		values = append(values, s.value)
	}
	for _, s := range shapes {
		for _, t := range shapes {
			if s.wide && t.wide && !s.net.IsValid() && s.value != t.value && len(values) < 2*maxCandidates {
				values = append(values, s.value+t.value)
			}
		}
	}
	for _, s := range shapes {
		if s.wide && !s.net.IsValid() {
			values = append(values, s.value+"x", "x"+s.value)
		}
	}
	return append(values, "/x/y", "4711", "true", "false", "198.51.100.7")
}

// free are fields that may have any values beside each other. What a field of another name has may follow
// from one of the same class: no event made of both is offered as a proof.
var free = []string{
	"container.id", "container.name", "container.image.repository", "container.image.tag", "container.privileged",
	"k8s.ns.name", "k8s.pod.name", "proc.name", "proc.exepath", "proc.pname", "proc.tty", "proc.cwd",
	"evt.type", "evt.source", "evt.hostname",
}

// related reports whether two of the fields may depend on each other. A port says nothing about the address
// of an end; all else of one class may.
func related(keys []string) bool {
	for i, k := range keys {
		for _, other := range keys[:i] {
			a, b := aspect(k), aspect(other)
			independent := slices.Contains(free, k) && slices.Contains(free, other) || a != b && a != "fd" && b != "fd"
			if class(k) == class(other) && !independent {
				return true
			}
		}
	}
	return false
}

func class(key string) string {
	c, _, _ := strings.Cut(key, ".")
	return c
}

// aspect is what a field tells of: its class, or of a connection the address or the port.
func aspect(key string) string {
	c, rest, _ := strings.Cut(key, ".")
	if c != "fd" {
		return c
	}
	switch rest {
	case "ip", "sip", "cip", "lip", "rip":
		return "fd.address"
	case "port", "sport", "cport", "lport", "rport":
		return "fd.port"
	default:
		return "fd"
	}
}

// ofContainer reports fields that only what runs in a container has.
func ofContainer(key string) bool {
	return class(key) == "k8s" || class(key) == "container" && key != "container.id"
}
