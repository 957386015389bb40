package syntax

import "strings"

// maxDepth bounds nesting, as Falco does.
const maxDepth = 1000

// Parse reads a whole condition. Lists must have been substituted (Text.ReplaceName); macros stay as
// Macro nodes. The error is an *Error with a place.
func Parse(t Text) (Node, error) {
	p := &parser{text: t, s: t.s}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.skipSpace(); p.i < len(p.s) {
		return nil, p.leftover()
	}
	return n, nil
}

// parser is a recursive-descent parser without a lexer of its own: in this language what a character
// means depends on where it stands ("in(a)" is an operator and a list, "= in" a constant).
type parser struct {
	text  Text
	s     string
	i     int
	depth int
}

// or = and { "or" and }
func (p *parser) or() (Node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.errorf(p.i, "nested deeper than %d levels", maxDepth)
	}
	defer func() { p.depth-- }()
	at, kids, err := p.chain("or", func() (Node, error) {
		at, kids, err := p.chain("and", p.not)
		if err != nil || len(kids) == 1 {
			return first(kids), err
		}
		return &And{At: at, Kids: kids}, nil
	})
	if err != nil || len(kids) == 1 {
		return first(kids), err
	}
	return &Or{At: at, Kids: kids}, nil
}

func first(kids []Node) Node {
	if len(kids) == 0 {
		return nil
	}
	return kids[0]
}

// chain = item { word item }
func (p *parser) chain(word string, item func() (Node, error)) (at Pos, kids []Node, err error) {
	p.skipSpace()
	at = p.text.Pos(p.i)
	for {
		kid, err := item()
		if err != nil {
			return at, nil, err
		}
		kids = append(kids, kid)
		if p.skipSpace(); !p.keyword(word) {
			return at, kids, nil
		}
	}
}

// keyword takes word if it is next and followed by a blank or "(".
func (p *parser) keyword(word string) bool {
	rest, ok := strings.CutPrefix(p.s[p.i:], word)
	if !ok || rest == "" || (rest[0] != '(' && !isSpace(rest[0])) {
		return false
	}
	p.i += len(word)
	return true
}

// not = { "not" } check. An even number of them cancels.
func (p *parser) not() (Node, error) {
	p.skipSpace()
	at := p.text.Pos(p.i)
	negated := false
	for p.keyword("not") {
		negated = !negated
		p.skipSpace()
	}
	kid, err := p.check()
	if err != nil || !negated {
		return kid, err
	}
	return &Not{At: at, Kid: kid}, nil
}

// check = "(" or ")" | operand test | macro
func (p *parser) check() (Node, error) {
	start := p.i
	if p.take("(") {
		n, err := p.or()
		if err != nil {
			return nil, err
		}
		if p.skipSpace(); !p.take(")") {
			return nil, p.errorf(p.i, "expected a closing \")\" for the \"(\" at %d:%d", p.text.Pos(start).Line, p.text.Pos(start).Col)
		}
		return n, nil
	}
	name := p.peekName()
	switch {
	case name == "":
		return nil, p.expected("a field, a macro, \"not\" or \"(\"")
	case !strings.Contains(name, ".") && !p.isTransformer():
		p.i += len(name)
		return &Macro{At: p.text.Pos(start), Name: name}, nil
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	c := &Check{At: left.At, Left: left}
	return c, p.test(c)
}

// operators in the order in which a prefix decides. Words are followed by a blank, except those that
// take a list.
var operators = []Op{
	Exists, LessEq, Less, GreaterEq, Greater, Eq, NotEq, Glob, IGlob, Contains, IContains, BContains,
	BStartsWith, StartsWith, EndsWith, Regex, Intersects, In, PMatch,
}

var modifiers = []Modifier{OneOf, AnyOf, AllOf}

// test = "exists" | operator value
func (p *parser) test(c *Check) error {
	p.skipSpace()
	op, ok := p.operator()
	if !ok {
		return p.expected("an operator after " + c.Left.String())
	}
	c.Op = op
	if op == Exists {
		return nil
	}
	if p.skipSpace(); !op.IsList() && !op.isNumeric() {
		c.Modifier = p.modifier()
	}
	if c.Modifier == "" && p.atRightOperand() {
		right, err := p.rightOperand()
		c.Right = &right
		return err
	}
	var err error
	switch {
	case op.IsList() || c.Modifier != "":
		c.Values, err = p.list()
	case op.isNumeric():
		err = p.value(c, p.number)
	default:
		err = p.value(c, p.str)
	}
	return err
}

func (p *parser) operator() (Op, bool) {
	for _, op := range operators {
		rest, ok := strings.CutPrefix(p.s[p.i:], string(op))
		if !ok {
			continue
		}
		if op == Eq {
			rest = strings.TrimPrefix(rest, "=")
		}
		if !op.isSymbol() && !op.IsList() && op != Exists && (rest == "" || !isSpace(rest[0])) {
			continue
		}
		p.i = len(p.s) - len(rest)
		return op, true
	}
	return "", false
}

func (p *parser) modifier() Modifier {
	for _, m := range modifiers {
		rest, ok := strings.CutPrefix(p.s[p.i:], string(m))
		if ok && rest != "" && isSpace(rest[0]) {
			p.i += len(m)
			p.skipSpace()
			return m
		}
	}
	return ""
}

func (p *parser) value(c *Check, read func() (Value, error)) error {
	v, err := read()
	c.Values = []Value{v}
	return err
}

func (p *parser) errorf(i int, format string, args ...any) error {
	return Errorf(p.text.Pos(i), format, args...)
}

// expected complains about what stands at the current place.
func (p *parser) expected(what string) error {
	if p.i >= len(p.s) {
		return p.errorf(p.i, "the condition ends where %s is expected", what)
	}
	return p.errorf(p.i, "expected %s, found %q", what, p.here())
}

// leftover complains about text after a complete expression.
func (p *parser) leftover() error {
	e := &Error{At: p.text.Pos(p.i), Msg: "unexpected " + quoteShort(p.here()) + " after a complete expression"}
	switch {
	case p.s[p.i] == ')':
		e.Hint = "a \")\" without its \"(\""
	case p.s[p.i] == '=' || p.s[p.i] == ',':
		e.Hint = "quote a value that holds blanks or any of ( ) \" ' , ="
	default:
		e.Hint = "join checks with \"and\" or \"or\", and quote a value with blanks"
	}
	return e
}

// here is the word at the current place, for messages.
func (p *parser) here() string {
	rest := p.s[p.i:]
	if n := strings.IndexAny(rest, whiteSpace); n > 0 {
		rest = rest[:n]
	}
	if len(rest) > 40 {
		rest = rest[:40] + "…"
	}
	return rest
}

func (p *parser) skipSpace() {
	for p.i < len(p.s) && isSpace(p.s[p.i]) {
		p.i++
	}
}

func (p *parser) take(token string) bool {
	if !strings.HasPrefix(p.s[p.i:], token) {
		return false
	}
	p.i += len(token)
	return true
}

func isSpace(c byte) bool { return strings.IndexByte(whiteSpace, c) >= 0 }
