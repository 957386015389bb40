package review

import "github.com/tocsin-security/tocsin/filter/syntax"

// maxSteps bounds one derivation: an entry with dozens of alternatives could take for ever.
const maxSteps = 5000

// implies reports whether goal follows from what holds. False may mean that it is not known.
func (b *book) implies(holds, goal *formula) bool {
	p := prover{book: b, left: maxSteps}
	return p.follows(p.facts(nil, holds), goal)
}

type prover struct {
	book *book
	left int // steps
}

// facts adds what f says to what holds, taken apart as far as it is a conjunction.
func (p *prover) facts(known []*formula, f *formula) []*formula {
	if f.kind != all {
		return append(known, f)
	}
	for _, k := range f.kids {
		known = p.facts(known, k)
	}
	return known
}

// follows takes the goal apart, and where that does not help looks at each alternative among the facts.
func (p *prover) follows(facts []*formula, goal *formula) bool {
	if p.left--; p.left < 0 {
		return false
	}
	switch goal.kind {
	case all:
		for _, k := range goal.kids {
			if !p.follows(facts, k) {
				return false
			}
		}
		return true
	case some:
		for _, k := range goal.kids {
			if p.follows(facts, k) {
				return true
			}
		}
	default:
		for _, f := range facts {
			if f.kind == leaf && p.book.leafImplies(f, goal) {
				return true
			}
		}
	}
	return p.inEveryCase(facts, goal)
}

func (p *prover) inEveryCase(facts []*formula, goal *formula) bool {
	for i, f := range facts {
		if f.kind != some {
			continue
		}
		rest := append(append([]*formula{}, facts[:i]...), facts[i+1:]...)
		for _, k := range f.kids {
			if !p.follows(p.facts(rest[:len(rest):len(rest)], k), goal) {
				return false
			}
		}
		return true
	}
	return false
}

// leafImplies: a comparison that does not hold is one, too.
func (b *book) leafImplies(f, goal *formula) bool {
	switch {
	case !f.neg && !goal.neg:
		return b.atomImplies(f.leaf, goal.leaf)
	case f.neg && goal.neg:
		return b.atomImplies(goal.leaf, f.leaf)
	case !f.neg:
		return b.excludes(f.leaf, goal.leaf) || b.excludes(goal.leaf, f.leaf)
	default: // what does not hold says nothing about what does: the field may be null
		return false
	}
}

// atomImplies reports whether q holds wherever p does.
func (b *book) atomImplies(p, q *atom) bool {
	switch {
	case p.text == q.text:
		return true
	case p.check == nil || q.check == nil:
		return false
	case q.check.Op == syntax.Exists && q.check.Left.String() == p.check.Left.String(),
		q.check.Op == syntax.Exists && p.check.Right != nil && q.check.Left.String() == p.check.Right.String():
		return true // no comparison holds for what is null
	case p.key != q.key || !q.pointwise || len(p.shapes) == 0:
		return false
	}
	for _, s := range p.shapes {
		if !b.satisfies(s, q) {
			return false
		}
	}
	return true
}

// satisfies reports whether every value of s satisfies q. Of a single value it is known where q's shapes are: then
// the engine need not be asked.
func (b *book) satisfies(s shape, q *atom) bool {
	for _, t := range q.shapes {
		if s.within(t) {
			return true
		}
	}
	if s.wide || q.shapes != nil {
		return false
	}
	holds, known := b.oracle.holds(q, s.value)
	return known && holds
}

// excludes reports whether q cannot hold where p does: p leaves the field only single values, and none of
// them satisfies q.
func (b *book) excludes(p, q *atom) bool {
	if p.key != q.key || p.many || q.many || !q.pointwise || len(p.shapes) == 0 {
		return false
	}
	for _, s := range p.shapes {
		if s.wide || isType(q.check.Left) { // a kind of event has several names
			return false
		}
		if q.shapes != nil {
			if b.satisfies(s, q) {
				return false
			}
		} else if holds, known := b.oracle.holds(q, s.value); holds || !known {
			return false
		}
	}
	return true
}

// contradict reports whether no event is known to satisfy both: something that one demands excludes something that
// the other does. False may mean that it is not known.
func (b *book) contradict(f, g *formula) bool {
	for _, l := range f.demands() {
		for _, m := range g.demands() {
			switch {
			case l.kind != leaf || m.kind != leaf || l.leaf.key != m.leaf.key:
			case !l.neg && !m.neg && (b.excludes(l.leaf, m.leaf) || b.excludes(m.leaf, l.leaf)),
				l.neg != m.neg && l.leaf == m.leaf:
				return true
			}
		}
	}
	return false
}

// demands are the parts of which each has to hold.
func (f *formula) demands() []*formula {
	if f.kind == all {
		return f.kids
	}
	return []*formula{f}
}
