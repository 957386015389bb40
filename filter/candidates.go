package filter

import (
	"slices"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Has reports whether some condition can hold for events of type t.
func (x *Index) Has(t pipeline.EventType) bool { return x.byType[t] != nil }

// Candidates are the numbers of the conditions that can hold for the event, ascending: no other one does.
// The slice is valid until the next call.
func (e *Evaluator) Candidates(x *Index) []int32 {
	t := x.byType[e.view.Ev.Type]
	if t == nil {
		return nil
	}
	answers := 0
	for i, gate := range t.gates {
		if e.ask(gate) {
			answers |= 1 << i
		}
	}
	f := &t.byGates[answers]
	found := e.found[:0]
	for i := range f.probes {
		found = f.probes[i].find(found, &e.view)
	}
	e.found = found
	if len(found) == 0 {
		return f.always
	}
	slices.Sort(found)
	e.merged = merge(e.merged[:0], slices.Compact(found), f.always)
	return e.merged
}

// merge appends two ascending lists that share nothing, in order.
func merge(dst, a, b []int32) []int32 {
	for len(a) > 0 && len(b) > 0 {
		if a[0] < b[0] {
			dst, a = append(dst, a[0]), a[1:]
		} else {
			dst, b = append(dst, b[0]), b[1:]
		}
	}
	return append(append(dst, a...), b...)
}

// Access is how a condition is found for one kind of event.
type Access struct {
	Gates []string // predicates asked first, for all conditions
	Facts []string // one of these has to be so; none: it is evaluated whenever the gates let it through
}

// Access tells how condition i of x, which was made of p, is found for events of type t. ok is false when
// it cannot hold for them.
func (x *Index) Access(p *Program, i int, t pipeline.EventType) (a Access, ok bool) {
	index := x.byType[t]
	if index == nil || x.conditions[i].entry[t] == unmatched {
		return a, false
	}
	for _, gate := range index.gates {
		a.Gates = append(a.Gates, p.predicates[gate].text)
	}
	for answers := range index.byGates {
		n := p.needOf(x.conditions[i].node, known{t: t, gates: index.gates, answers: answers}, false)
		if n.never {
			continue
		}
		if slices.Contains(index.byGates[answers].always, int32(i)) {
			a.Facts = nil
			return a, true
		}
		for _, f := range n.facts {
			if text := f.String(); !slices.Contains(a.Facts, text) {
				a.Facts = append(a.Facts, text)
			}
		}
	}
	return a, true
}
