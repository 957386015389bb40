package syntax

import "strings"

// maxDepth bounds nesting, as Falco does.
const maxDepth = 1000

// Parse reads a whole condition. Lists must have been substituted (Text.ReplaceName); macros stay as
// Macro nodes. The error is an *Error with a place.
func Parse(t Text) (Node, error) { return ParseWith(t, Options{}) }

// Options make a parser ask about what it would otherwise refuse or accept in silence.
type Options struct {
	// Alone decides whether an operand without an operator may stand for "operand = true". Nil: never.
	Alone func(Operand) bool
	// BareList is told of a word after a list operator where a list should be. Nil: nobody is.
	BareList func(Value)
}

// ParseWith is Parse with options.
func ParseWith(t Text, opts Options) (Node, error) {
	p := &parser{text: t, s: t.s, opts: opts}
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
	opts  Options
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
	if p.opts.Alone != nil && p.ends() && p.opts.Alone(left) {
		c.Op, c.Values = Eq, []Value{{At: left.At, Text: "true"}}
		return c, nil
	}
	return c, p.test(c)
}

// ends reports whether what stands here ends a check: the end, ")", "and" or "or". It takes nothing.
func (p *parser) ends() bool {
	here := p.i
	defer func() { p.i = here }()
	p.skipSpace()
	return p.i == len(p.s) || p.s[p.i] == ')' || p.keyword("and") || p.keyword("or")
}

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
