package syntax

// Node is a condition or a part of one: And, Or, Not, Check or Macro.
type Node interface {
	// Pos is where it starts in the rule file.
	Pos() Pos
	// String is its canonical text: parsing that gives the same tree.
	String() string
	print(p *printer, parent precedence)
}

// And holds when every kid holds; it has at least two.
type And struct {
	At   Pos
	Kids []Node
}

// Or holds when some kid holds; it has at least two.
type Or struct {
	At   Pos
	Kids []Node
}

// Not holds when its kid does not.
type Not struct {
	At  Pos
	Kid Node
}

// Macro is the name of a condition defined elsewhere. Resolve replaces it.
type Macro struct {
	At   Pos
	Name string
}

// Check compares an operand with constants or another operand.
type Check struct {
	At       Pos
	Left     Operand
	Op       Op
	Modifier Modifier
	Values   []Value  // the constants; of one operator a list, of the others exactly one
	Right    *Operand // val(field) or a transformer in place of Values
}

// Pos is where it starts.
func (n *And) Pos() Pos { return n.At }

// Pos is where it starts.
func (n *Or) Pos() Pos { return n.At }

// Pos is where it starts.
func (n *Not) Pos() Pos { return n.At }

// Pos is where it starts.
func (n *Macro) Pos() Pos { return n.At }

// Pos is where it starts.
func (n *Check) Pos() Pos { return n.At }

// Op is a comparison operator.
type Op string

// Operators. "==" is read as Eq.
const (
	Exists      Op = "exists"
	LessEq      Op = "<="
	Less        Op = "<"
	GreaterEq   Op = ">="
	Greater     Op = ">"
	Eq          Op = "="
	NotEq       Op = "!="
	Glob        Op = "glob"
	IGlob       Op = "iglob"
	Contains    Op = "contains"
	IContains   Op = "icontains"
	BContains   Op = "bcontains"
	StartsWith  Op = "startswith"
	BStartsWith Op = "bstartswith"
	EndsWith    Op = "endswith"
	Regex       Op = "regex"
	Intersects  Op = "intersects"
	In          Op = "in"
	PMatch      Op = "pmatch"
)

// IsList reports whether the operator takes a list of constants.
func (o Op) IsList() bool { return o == In || o == Intersects || o == PMatch }

// isNumeric reports whether the grammar wants a number on the right.
func (o Op) isNumeric() bool { return o == Less || o == LessEq || o == Greater || o == GreaterEq }

// isSymbol reports whether the operator needs no blank after it.
func (o Op) isSymbol() bool { return o.isNumeric() || o == Eq || o == NotEq }

// Modifier says how many constants of a list must satisfy the operator; empty when there is no list.
type Modifier string

// Modifiers.
const (
	OneOf Modifier = "oneof" // exactly one
	AnyOf Modifier = "anyof" // at least one
	AllOf Modifier = "allof"
)

// Value is a constant, unescaped.
type Value struct {
	At   Pos
	Text string
}

// Operand is a field, a transformer with its arguments, or (only as a transformer's argument) a
// constant or a list.
type Operand struct {
	At     Pos
	Kind   OperandKind
	Name   string // field or transformer name, or the constant's text
	Arg    string // what stands between [ and ]
	HasArg bool
	Args   []Operand // a transformer's arguments, or a list's items
	Val    bool      // written val(field)
}

// OperandKind tells operands apart.
type OperandKind uint8

// Kinds of operand.
const (
	FieldOperand OperandKind = iota
	TransformerOperand
	ConstOperand
	ListOperand
)

// Walk calls visit for n and everything below it, parents first.
func Walk(n Node, visit func(Node)) {
	visit(n)
	switch n := n.(type) {
	case *And:
		for _, k := range n.Kids {
			Walk(k, visit)
		}
	case *Or:
		for _, k := range n.Kids {
			Walk(k, visit)
		}
	case *Not:
		Walk(n.Kid, visit)
	}
}

// Resolve replaces every macro in n by what lookup gives for its name. Sub-trees are shared, not
// copied: what is compiled once for a macro serves every rule that uses it.
func Resolve(n Node, lookup func(*Macro) (Node, error)) (Node, error) {
	switch n := n.(type) {
	case *Macro:
		return lookup(n)
	case *Not:
		kid, err := Resolve(n.Kid, lookup)
		return &Not{At: n.At, Kid: kid}, err
	case *And:
		kids, err := resolveAll(n.Kids, lookup)
		return &And{At: n.At, Kids: kids}, err
	case *Or:
		kids, err := resolveAll(n.Kids, lookup)
		return &Or{At: n.At, Kids: kids}, err
	default:
		return n, nil
	}
}

func resolveAll(kids []Node, lookup func(*Macro) (Node, error)) ([]Node, error) {
	resolved := make([]Node, len(kids))
	for i, k := range kids {
		var err error
		if resolved[i], err = Resolve(k, lookup); err != nil {
			return nil, err
		}
	}
	return resolved, nil
}
