package syntax

import "strings"

// precedence of a construct; a lower one inside a higher one needs parentheses.
type precedence int

const (
	precOr precedence = iota
	precAnd
	precNot
	precPrimary
)

type printer struct{ strings.Builder }

func text(n Node) string {
	var p printer
	n.print(&p, precOr)
	return p.Builder.String()
}

// String is the canonical text.
func (n *And) String() string { return text(n) }

// String is the canonical text.
func (n *Or) String() string { return text(n) }

// String is the canonical text.
func (n *Not) String() string { return text(n) }

// String is the macro's name.
func (n *Macro) String() string { return n.Name }

// String is the canonical text. Two checks with the same one ask the same question.
func (n *Check) String() string { return text(n) }

// String is the operand as a condition writes it.
func (o Operand) String() string {
	var p printer
	o.print(&p)
	return p.Builder.String()
}

func (n *And) print(p *printer, parent precedence) { p.chain(n.Kids, " and ", precAnd, parent) }
func (n *Or) print(p *printer, parent precedence)  { p.chain(n.Kids, " or ", precOr, parent) }
func (n *Macro) print(p *printer, _ precedence)    { p.WriteString(n.Name) }

func (n *Not) print(p *printer, parent precedence) {
	if precNot < parent {
		p.WriteByte('(')
		defer p.WriteByte(')')
	}
	p.WriteString("not ")
	n.Kid.print(p, precPrimary)
}

// chain writes kids of one operator. A chain inside a chain of the same operator keeps its
// parentheses, so that the tree survives.
func (p *printer) chain(kids []Node, operator string, own, parent precedence) {
	if own < parent {
		p.WriteByte('(')
		defer p.WriteByte(')')
	}
	for i, k := range kids {
		if i > 0 {
			p.WriteString(operator)
		}
		k.print(p, own+1)
	}
}

func (n *Check) print(p *printer, _ precedence) {
	n.Left.print(p)
	p.WriteString(" " + string(n.Op))
	if n.Op == Exists {
		return
	}
	p.WriteByte(' ')
	switch {
	case n.Right != nil:
		n.Right.print(p)
	case n.Modifier != "":
		p.WriteString(string(n.Modifier) + " ")
		p.values(n.Values)
	case n.Op.IsList():
		p.values(n.Values)
	case n.Op.isNumeric():
		p.WriteString(n.Values[0].Text)
	default:
		p.WriteString(Quote(n.Values[0].Text))
	}
}

func (p *printer) values(values []Value) {
	p.WriteByte('(')
	for i, v := range values {
		if i > 0 {
			p.WriteString(", ")
		}
		p.WriteString(Quote(v.Text))
	}
	p.WriteByte(')')
}

func (o Operand) print(p *printer) {
	if o.Val {
		p.WriteString(valPrefix)
		defer p.WriteByte(')')
	}
	switch o.Kind {
	case ConstOperand:
		p.WriteString(quoteAlways(o.Name))
		return
	case ListOperand:
		p.operands(o.Args)
		return
	case TransformerOperand:
		p.WriteString(o.Name)
		p.operands(o.Args)
	default:
		p.WriteString(o.Name)
	}
	if !o.HasArg {
		return
	}
	p.WriteByte('[')
	if o.Arg == "" || strings.ContainsAny(o.Arg, "[]\"'"+whiteSpace) {
		p.WriteString(quoteAlways(o.Arg))
	} else {
		p.WriteString(o.Arg)
	}
	p.WriteByte(']')
}

func (p *printer) operands(list []Operand) {
	p.WriteByte('(')
	for i, o := range list {
		if i > 0 {
			p.WriteString(", ")
		}
		o.print(p)
	}
	p.WriteByte(')')
}

// Quote is s as a condition can hold it: bare where that means the same, else in double quotes.
func Quote(s string) string {
	if s == "" || strings.ContainsAny(s, bareEnd) || startsLikeSyntax(s) {
		return quoteAlways(s)
	}
	return s
}

// startsLikeSyntax reports words that would be read as a modifier or a transformer.
func startsLikeSyntax(s string) bool {
	for _, m := range modifiers {
		if s == string(m) {
			return true
		}
	}
	for _, t := range transformers {
		if s == t {
			return true
		}
	}
	return false
}

// quoteEscapes writes a backslash as backslash-blank, because a backslash before the closing quote
// would keep the string open.
var quoteEscapes = strings.NewReplacer(`\`, `\ `, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\b", `\b`)

func quoteAlways(s string) string { return `"` + quoteEscapes.Replace(s) + `"` }
