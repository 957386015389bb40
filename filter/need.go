package filter

import (
	"strconv"
	"strings"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// A need is what has to be so whenever a condition holds: one of a number of simple facts about fields,
// which an index can look up. It is the reason why most rules are never looked at.
type need struct {
	facts []fact  // one of them; none at all: see never
	never bool    // the condition cannot hold
	odds  float64 // rough share of events for which one of the facts holds
}

// fact is that a field's value equals, begins with, ends with or contains a text, or is a number.
type fact struct {
	ref   field.Ref
	shape shape
	text  string
	num   int64
}

type shape uint8

const (
	equals shape = iota
	begins
	ends
	contains
	isNumber
)

var shapeNames = [...]string{"=", "startswith", "endswith", "contains", "="}

func (f fact) String() string {
	text := f.text
	if f.shape == isNumber {
		text = strconv.FormatInt(f.num, 10)
	}
	return f.ref.Text + " " + shapeNames[f.shape] + " " + text
}

// open reports that nothing in particular has to be so.
func (n need) open() bool { return !n.never && len(n.facts) == 0 }

// maxFacts bounds a need: past that, looking at the rule is cheaper than the memory.
const maxFacts = 4096

// worthwhile is from which odds on looking a rule up saves nothing.
const worthwhile = 0.3

// known is what is known of an event before any of its values is looked up: its type, and what some
// predicates, the gates, answered.
type known struct {
	t       pipeline.EventType
	gates   []int32
	answers int // bit i: what gate i answered
}

// answer is what predicate id says of such events, if that is known.
func (k known) answer(id int32) (yes, ok bool) {
	for i, gate := range k.gates {
		if gate == id {
			return k.answers>>i&1 == 1, true
		}
	}
	return false, false
}

// needOf is what has to be so for n (or, negated, for "not n") to hold of events of which k is known.
func (p *Program) needOf(n syntax.Node, k known, negated bool) need {
	switch n := n.(type) {
	case *syntax.Not:
		return p.needOf(n.Kid, k, !negated)
	case *syntax.And:
		return p.needOfKids(n.Kids, k, negated, !negated)
	case *syntax.Or:
		return p.needOfKids(n.Kids, k, negated, negated)
	default:
		return p.needOfCheck(n.(*syntax.Check), k, negated)
	}
}

// needOfKids is the need of all kids at once, or of one of them.
func (p *Program) needOfKids(kids []syntax.Node, k known, negated, all bool) need {
	best := need{odds: 1}
	some := need{never: true}
	for _, kid := range kids {
		n := p.needOf(kid, k, negated)
		if all {
			switch {
			case n.never:
				return n
			case !n.open() && n.odds < best.odds:
				best = n
			}
			continue
		}
		switch {
		case n.never:
		case n.open() || len(some.facts)+len(n.facts) > maxFacts:
			return need{odds: 1}
		default:
			some.never = false
			some.facts = append(some.facts[:len(some.facts):len(some.facts)], n.facts...)
			some.odds += n.odds
		}
	}
	if all {
		return best
	}
	return some
}

// needOfCheck is what a single comparison says of its field.
func (p *Program) needOfCheck(c *syntax.Check, k known, negated bool) need {
	id := p.byCheck[c]
	pred := &p.predicates[id]
	if yes, ok := k.answer(id); ok {
		return need{never: yes == negated, odds: 1}
	}
	switch {
	case pred.types != nil && pred.types[k.t] == negated, pred.types == nil && pred.test == nil && !negated:
		return need{never: true}
	case pred.types != nil || pred.test == nil || negated || c.Right != nil || len(pred.fields) != 1:
		return need{odds: 1}
	case c.Modifier != "" && c.Modifier != syntax.AnyOf:
		return need{odds: 1}
	case c.Left.Kind != syntax.FieldOperand || c.Op == syntax.Exists:
		return need{odds: 1}
	}
	n := need{}
	for _, v := range c.Values {
		f, ok := factOf(c.Op, pred.fields[0], v)
		if !ok {
			return need{odds: 1}
		}
		n.facts = append(n.facts, f)
		n.odds += f.odds()
	}
	n.never = len(n.facts) == 0 // an empty list has no members
	return n
}

// factOf is what a comparison with one constant says, if that is simple enough to be looked up.
func factOf(op syntax.Op, ref field.Ref, v syntax.Value) (fact, bool) {
	f := fact{ref: ref, text: v.Text}
	switch {
	case ref.IsAny() || ref.Def.IsList || ref.HostAddr != nil:
		return f, false
	case ref.Int != nil && (op == syntax.Eq || op == syntax.In || op == syntax.Intersects):
		n, err := parseNumber(ref, v)
		f.shape, f.num = isNumber, n
		return f, err == nil
	case ref.Str == nil:
		return f, false
	}
	switch op {
	case syntax.Eq, syntax.In, syntax.Intersects:
		f.shape = equals
	case syntax.StartsWith:
		f.shape = begins
	case syntax.EndsWith:
		f.shape = ends
	case syntax.Contains:
		f.shape = contains
	case syntax.Glob: // what stands before the first character that means something
		f.shape = begins
		if i := strings.IndexAny(f.text, `*?[\`); i >= 0 {
			f.text = f.text[:i]
		}
	default:
		return f, false
	}
	return f, f.text != "" || f.shape == equals
}

// fewValues are fields that nearly always have one of a handful of values: to know it says little.
var fewValues = map[string]bool{
	"evt.res": true, "evt.failed": true, "evt.source": true, "evt.hostname": true, "evt.dir": true, "evt.rawres": true, "evt.cpu": true,
	"fd.type": true, "fd.typechar": true, "fd.sockfamily": true, "fd.l4proto": true, "fd.num": true,
	"user.name": true, "user.uid": true, "user.loginuid": true, "user.loginname": true, "group.gid": true, "group.name": true,
	"container.id": true, "container.type": true, "proc.tty": true, "proc.vpid": true,
	"evt.arg.res": true, "evt.arg.flags": true, "evt.arg.mode": true, "evt.arg.fd": true,
}

// odds guesses for what share of events a fact holds. Only the order of the guesses matters.
func (f fact) odds() float64 {
	switch {
	case fewValues[f.ref.Text] || f.ref.Def.Type == field.Uint:
		return worthwhile
	case f.shape == equals || f.shape == isNumber:
		return 0.001
	case f.shape == contains:
		return 0.1
	case len(f.text) >= 8:
		return 0.01
	case len(f.text) >= 4:
		return 0.05
	default:
		return 0.2
	}
}
