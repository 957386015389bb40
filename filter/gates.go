package filter

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	// Each gate doubles the indexes of a kind of event, and is asked for every event.
	maxGates = 2
	// A gate that fewer conditions stand behind costs more than it saves.
	behindGate = 4
	// What a gate may cost: comparisons of a flag or a number.
	gateCost = 1.5
)

// chooseGates picks cheap predicates that as many as possible of the conditions need to hold, or not to.
func (x *Index) chooseGates(p *Program, ids []int32, t pipeline.EventType) []int32 {
	behind := map[int32]int{}
	for _, id := range ids {
		needed := map[int32]bool{}
		p.collectNeeded(x.conditions[id].node, t, false, needed)
		for gate := range needed {
			behind[gate]++
		}
	}
	gates := slices.SortedFunc(maps.Keys(behind), func(a, b int32) int {
		return cmp.Or(cmp.Compare(behind[b], behind[a]), cmp.Compare(a, b))
	})
	n := 0
	for n < len(gates) && n < maxGates && behind[gates[n]] >= behindGate {
		n++
	}
	return gates[:n]
}

// collectNeeded adds the cheap predicates whose answer alone can make n (or "not n") impossible.
func (p *Program) collectNeeded(n syntax.Node, t pipeline.EventType, negated bool, needed map[int32]bool) {
	switch n := n.(type) {
	case *syntax.Not:
		p.collectNeeded(n.Kid, t, !negated, needed)
	case *syntax.And:
		p.collectOfKids(n.Kids, t, negated, !negated, needed)
	case *syntax.Or:
		p.collectOfKids(n.Kids, t, negated, negated, needed)
	case *syntax.Check:
		id := p.byCheck[n]
		if pred := &p.predicates[id]; pred.types == nil && pred.test != nil && checkCost(n, pred) <= gateCost {
			needed[id] = true
		}
	}
}

// collectOfKids takes those of every kid where all have to hold; where one is enough, those of the only
// kid that can.
func (p *Program) collectOfKids(kids []syntax.Node, t pipeline.EventType, negated, all bool, needed map[int32]bool) {
	var possible []syntax.Node
	for _, kid := range kids {
		if all || !p.needOf(kid, known{t: t}, negated).never {
			possible = append(possible, kid)
		}
	}
	if !all && len(possible) != 1 {
		return
	}
	for _, kid := range possible {
		p.collectNeeded(kid, t, negated, needed)
	}
}
