package filter

import (
	"math"
	"time"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Tree is a compiled condition, or a part of one, as people look at it: parts in the order in which they
// are asked. It gives the same answers as the code that an Evaluator runs, one part after the other, so
// that somebody can watch. It does not change once built.
type Tree struct {
	Kind   TreeKind
	Node   syntax.Node // its text and place
	Kids   []*Tree     // of AllTree and AnyTree two or more, of NotTree one
	Fields []field.Ref // what a comparison reads

	pred predicate
}

// TreeKind tells parts apart.
type TreeKind uint8

// Kinds of part.
const (
	CheckTree TreeKind = iota + 1 // a comparison
	AllTree                       // and
	AnyTree                       // or
	NotTree
)

// Tree is the condition c of p.
func (p *Program) Tree(c *Condition) *Tree { return p.tree(c.node) }

func (p *Program) tree(n syntax.Node) *Tree {
	t := &Tree{Node: n}
	switch n := n.(type) {
	case *syntax.And:
		t.Kind, t.Kids = AllTree, p.trees(n.Kids)
	case *syntax.Or:
		t.Kind, t.Kids = AnyTree, p.trees(n.Kids)
	case *syntax.Not:
		t.Kind, t.Kids = NotTree, p.trees([]syntax.Node{n.Kid})
	case *syntax.Check:
		t.Kind = CheckTree
		t.pred = p.predicates[p.byCheck[n]]
		t.Fields = t.pred.fields
	}
	return t
}

func (p *Program) trees(kids []syntax.Node) []*Tree {
	trees := make([]*Tree, len(kids))
	for i, k := range kids {
		trees[i] = p.tree(k)
	}
	return trees
}

// Eval reports whether the part holds for the event that v looks at. Each part that had to be asked is
// shown to seen with its answer, parts of a part before it.
func (t *Tree) Eval(v *field.View, seen func(part *Tree, holds bool)) bool {
	holds := t.Kind == AllTree
	switch t.Kind {
	case NotTree:
		holds = !t.Kids[0].Eval(v, seen)
	case AllTree, AnyTree:
		for _, k := range t.Kids {
			if k.Eval(v, seen) != holds {
				holds = !holds
				break
			}
		}
	default:
		holds = t.ask(v)
	}
	seen(t, holds)
	return holds
}

// ask answers a comparison as compiled code does: what the type of the event decides is not looked up.
func (t *Tree) ask(v *field.View) bool {
	switch of := v.Ev.Type; {
	case t.pred.types != nil:
		return t.pred.types[of]
	case t.pred.test == nil || !t.pred.mayHold(of):
		return false
	default:
		return t.pred.test(v)
	}
}

// Cost is what asking a comparison of the event takes, in ns, measured over a number of runs without what the
// measuring takes; 0 where the answer is known. The View's strings are invalid afterwards.
func (t *Tree) Cost(v *field.View, runs int) float64 {
	if t.Kind != CheckTree || t.IsConstant(v.Ev.Type) {
		return 0
	}
	took := timed(t.pred.test, v, runs) - timed(func(*field.View) bool { return false }, v, runs)
	return max(float64(took.Nanoseconds())/float64(runs), 0)
}

// timed is what a number of runs take, the least of several attempts: interrupts only add.
func timed(test func(*field.View) bool, v *field.View, runs int) time.Duration {
	ev := v.Ev
	least := time.Duration(math.MaxInt64)
	for range 3 {
		begun := time.Now()
		for range runs {
			v.Reset(ev) // the strings that were put together must not pile up
			test(v)
		}
		least = min(least, time.Since(begun))
	}
	return least
}

// IsConstant reports whether the answer for events of a type is known without looking at one.
func (t *Tree) IsConstant(of pipeline.EventType) bool {
	return t.pred.types != nil || t.IsNever() || !t.pred.mayHold(of)
}

// ByType reports whether a comparison asks about the event's type and nothing else.
func (t *Tree) ByType() bool { return t.pred.types != nil }

// IsNever reports whether a comparison holds for no event at all: a field in it is always null, its list is
// empty, or it was written that way.
func (t *Tree) IsNever() bool {
	return t.Kind == CheckTree && t.pred.types == nil && (t.pred.test == nil || t.IsEmpty())
}

// IsEmpty reports whether a comparison is with a list that has nothing in it.
func (t *Tree) IsEmpty() bool {
	c, ok := t.Node.(*syntax.Check)
	return ok && c.Op.IsList() && c.Right == nil && len(c.Values) == 0
}

// IsSwitch reports whether a comparison is the way in which rule files write "never".
func (t *Tree) IsSwitch() bool {
	c, ok := t.Node.(*syntax.Check)
	return ok && isNever(c)
}

// Unavailable says why a field is always null for what p compiles, or is "".
func (p *Program) Unavailable(f field.Ref) string {
	if why := p.switchedOff(f); why != "" {
		return why
	}
	return f.Def.Unavailable
}

// Notes say why a comparison has no answer here, or asks for events that nobody sees.
func (t *Tree) Notes() []string { return t.pred.notes }

// CanHold reports whether the part can hold, and whether it can fail to, for some event of a type.
func (t *Tree) CanHold(of pipeline.EventType) (yes, no bool) {
	switch t.Kind {
	case NotTree:
		no, yes = t.Kids[0].CanHold(of)
		return yes, no
	case CheckTree:
		if t.pred.types != nil {
			return t.pred.types[of], !t.pred.types[of]
		}
		return !t.IsConstant(of), true
	}
	yes, no = t.Kind == AllTree, t.Kind == AnyTree
	for _, k := range t.Kids {
		kidYes, kidNo := k.CanHold(of)
		if t.Kind == AllTree {
			yes, no = yes && kidYes, no || kidNo
		} else {
			yes, no = yes || kidYes, no && kidNo
		}
	}
	return yes, no
}
