package review

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// formula is a condition with its negations at the leaves.
type formula struct {
	kind kind
	kids []*formula // of all and some
	leaf *atom      // of leaf
	neg  bool       // the leaf does not hold
}

type kind uint8

const (
	leaf kind = iota
	all
	some
)

// atom is a comparison, and what is known of the values that satisfy it.
type atom struct {
	check *syntax.Check
	text  string // canonical
	key   string // the operand on the left; fields that compare one address with addresses and networks share it
	field *field.Ref
	// many says that the field stands for several values of which one has to satisfy the comparison.
	many bool
	// shapes are the sets of values, of which the comparison demands one; nil: not known, or not pointwise.
	shapes []shape
	// pointwise says that every value satisfies the comparison or not, by itself: where many is set, the
	// comparison holds if one of them does.
	pointwise bool
}

// read turns a condition into a formula. Atoms are shared by their texts, through the book.
func (b *book) read(n syntax.Node, neg bool) *formula {
	switch n := n.(type) {
	case *syntax.Not:
		return b.read(n.Kid, !neg)
	case *syntax.And:
		return b.group(all, n.Kids, neg)
	case *syntax.Or:
		return b.group(some, n.Kids, neg)
	case *syntax.Check:
		return &formula{leaf: b.atom(n), neg: neg}
	default: // macros: a whitelist has none
		return &formula{leaf: &atom{text: n.String(), key: n.String()}, neg: neg}
	}
}

// group reads the kids of an and or an or; kids of the same kind move up.
func (b *book) group(k kind, kids []syntax.Node, neg bool) *formula {
	if neg {
		k = all + some - k
	}
	f := &formula{kind: k}
	for _, n := range kids {
		kid := b.read(n, neg)
		if kid.kind == k {
			f.kids = append(f.kids, kid.kids...)
		} else {
			f.kids = append(f.kids, kid)
		}
	}
	return f
}

// keys are the fields that f asks about, other than the kind of the event, sorted.
func (f *formula) keys() []string {
	keys := map[string]bool{}
	f.each(func(a *atom) {
		if a.check == nil || !isType(a.check.Left) {
			keys[a.key] = true
		}
	})
	return slices.Sorted(maps.Keys(keys))
}

// shares reports whether two sorted lists have something in common.
func shares(a, b []string) bool {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			return true
		case a[0] < b[0]:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return false
}

func (f *formula) each(visit func(*atom)) {
	if f.kind == leaf {
		visit(f.leaf)
	}
	for _, k := range f.kids {
		k.each(visit)
	}
}

// book keeps the atoms of all entries, each once.
type book struct {
	atoms  map[string]*atom
	oracle *oracle
}

func newBook() *book { return &book{atoms: map[string]*atom{}, oracle: newOracle()} }

func (b *book) atom(c *syntax.Check) *atom {
	text := c.String()
	if a, ok := b.atoms[text]; ok {
		return a
	}
	a := &atom{check: c, text: text, key: c.Left.String()}
	b.atoms[text] = a
	if c.Left.Kind != syntax.FieldOperand || c.Left.Val || c.Right != nil {
		return a
	}
	ref, err := field.Lookup(c.Left)
	if err != nil || ref.Null() || ref.Def.IsList || ref.HostAddr != nil {
		return a
	}
	a.field = &ref
	a.many = ref.Def.Resolved || ref.IsAny() || ref.Ends != nil
	a.pointwise = isPointwise(c, ref, a.many)
	if a.pointwise {
		a.shapes = shapesOf(c, ref)
	}
	if ref.Def.Type == field.Net {
		// The address that the field is of: its twin's name ends in ip.
		o := c.Left
		o.Name = o.Name[:len(o.Name)-len("net")] + "ip"
		a.key = o.String()
	}
	return a
}

// isPointwise says what the engine does (filter: onPath, onString, onNumber, onEnds). Of a field with several
// values "!=" wants all of them to differ, allof and oneof count in another order.
func isPointwise(c *syntax.Check, ref field.Ref, many bool) bool {
	switch {
	case isType(c.Left):
		return c.Op == syntax.Eq || c.Op == syntax.In // a name may stand for several kinds of event
	case ref.Ends != nil && ref.Def.Type == field.Net && c.Op.IsList() && len(c.Values) > 1:
		return false // the engine asks about the first one only
	case c.Op == syntax.Intersects:
		return false
	case c.Op == syntax.Exists:
		return !many
	case many:
		return c.Op != syntax.NotEq && (c.Modifier == "" || c.Modifier == syntax.AnyOf)
	default:
		return true
	}
}

// shapesOf are the values that satisfy a comparison, nil where they have no simple shape.
func shapesOf(c *syntax.Check, ref field.Ref) []shape {
	if c.Modifier != "" && c.Modifier != syntax.AnyOf {
		return nil
	}
	var shapes []shape
	for _, v := range c.Values {
		s, ok := shapeOf(c.Op, v.Text, ref.Def.Type)
		if !ok {
			return nil
		}
		shapes = append(shapes, s)
	}
	return shapes
}

func shapeOf(op syntax.Op, text string, t field.Type) (shape, bool) {
	exact := op == syntax.Eq || op == syntax.In
	switch {
	case t == field.IP && exact:
		a, err := netip.ParseAddr(text)
		a = a.Unmap()
		return shape{net: netip.PrefixFrom(a, a.BitLen()), value: text}, err == nil
	case t == field.Net && exact:
		p, err := netip.ParsePrefix(text)
		return shape{net: p.Masked(), value: p.Addr().String(), wide: !p.IsSingleIP()}, err == nil && !p.Addr().Is4In6()
	case exact && t.IsNumber():
		n, err := strconv.ParseInt(text, 10, 64)
		return literal(strconv.FormatInt(n, 10)), err == nil && n >= 0 // others are written in several ways
	case exact:
		return literal(text), true
	case t != field.String && t != field.Buffer:
		return shape{}, false
	}
	switch op {
	case syntax.StartsWith:
		return pattern(text, false, true), true
	case syntax.EndsWith:
		return pattern(text, true, false), true
	case syntax.Contains:
		return pattern(text, true, true), true
	case syntax.Glob:
		return glob(text)
	default:
		return shape{}, false
	}
}
