package syntax

import "strings"

var transformers = []string{"tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"}

// Transformers are the names a transformer can have.
func Transformers() []string { return append([]string(nil), transformers...) }

// ParseOperand reads a field or a transformer at the start of t and returns how many bytes it took.
// Outputs use it for what follows a percent sign.
func ParseOperand(t Text) (Operand, int, error) {
	p := &parser{text: t, s: t.s}
	if name := p.peekName(); name == "" || (!strings.Contains(name, ".") && !p.isTransformer()) {
		return Operand{}, 0, p.expected("a field")
	}
	o, err := p.operand()
	return o, p.i, err
}

// peekName is the identifier, or identifiers joined by dots, at the current place.
func (p *parser) peekName() string {
	rest := p.s[p.i:]
	end := identLen(rest)
	for end > 0 && end < len(rest) && rest[end] == '.' {
		n := identLen(rest[end+1:])
		if n == 0 {
			break
		}
		end += 1 + n
	}
	return rest[:end]
}

// identLen is the length of the identifier s starts with: a letter, then letters, digits and "_".
func identLen(s string) int {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || (c != '_' && (c < '0' || c > '9'))) {
			return i
		}
	}
	return len(s)
}

// isTransformer reports whether a transformer's name and its "(" are next.
func (p *parser) isTransformer() bool {
	for _, name := range transformers {
		if rest, ok := strings.CutPrefix(p.s[p.i:], name); ok && strings.HasPrefix(rest, "(") {
			return true
		}
	}
	return false
}

// operand = field [ "[" arg "]" ] | transformer "(" args ")" [ "[" arg "]" ]
func (p *parser) operand() (Operand, error) {
	if p.depth++; p.depth > maxDepth {
		return Operand{}, p.errorf(p.i, "nested deeper than %d levels", maxDepth)
	}
	defer func() { p.depth-- }()
	o := Operand{At: p.text.Pos(p.i)}
	if p.isTransformer() {
		o.Kind = TransformerOperand
	}
	o.Name = p.peekName()
	p.i += len(o.Name)
	if o.Kind == TransformerOperand {
		var err error
		if o.Args, err = p.arguments(); err != nil {
			return o, err
		}
	}
	return o, p.bracket(&o)
}

// bracket = "[" arg "]", if there is one.
func (p *parser) bracket(o *Operand) error {
	start := p.i
	if !p.take("[") {
		return nil
	}
	o.HasArg = true
	if p.i < len(p.s) && isQuote(p.s[p.i]) {
		v, err := p.quoted()
		if err != nil {
			return err
		}
		o.Arg = v.Text
	} else {
		n := strings.IndexAny(p.s[p.i:], "[]\"'"+whiteSpace)
		if n <= 0 {
			return p.errorf(p.i, "expected an index or a key between [ and ]")
		}
		o.Arg = p.s[p.i : p.i+n]
		p.i += n
	}
	if !p.take("]") {
		return p.errorf(start, "expected a closing \"]\" for this \"[\"")
	}
	return nil
}

// arguments = "(" argument { "," argument } ")"
func (p *parser) arguments() ([]Operand, error) {
	start := p.i
	p.i++ // the "(" that isTransformer saw
	var args []Operand
	for {
		p.skipSpace()
		arg, err := p.argument()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		p.skipSpace()
		if p.take(")") {
			return args, nil
		}
		if !p.take(",") {
			return nil, p.errorf(start, "expected a closing \")\" for this \"(\"")
		}
	}
}

// argument = transformer | field | quoted | number | "(" arguments ")"
func (p *parser) argument() (Operand, error) {
	at := p.text.Pos(p.i)
	switch {
	case p.i < len(p.s) && isQuote(p.s[p.i]):
		v, err := p.quoted()
		return Operand{At: at, Kind: ConstOperand, Name: v.Text}, err
	case strings.HasPrefix(p.s[p.i:], "()"):
		p.i += len("()")
		return Operand{At: at, Kind: ListOperand}, nil
	case strings.HasPrefix(p.s[p.i:], "("):
		if p.depth++; p.depth > maxDepth {
			return Operand{}, p.errorf(p.i, "nested deeper than %d levels", maxDepth)
		}
		defer func() { p.depth-- }()
		items, err := p.arguments()
		return Operand{At: at, Kind: ListOperand, Args: items}, err
	case p.isTransformer() || strings.Contains(p.peekName(), "."):
		return p.operand()
	}
	v, err := p.number()
	return Operand{At: at, Kind: ConstOperand, Name: v.Text}, err
}

const valPrefix = "val("

// atRightOperand reports whether an operand instead of a constant is next.
func (p *parser) atRightOperand() bool {
	return strings.HasPrefix(p.s[p.i:], valPrefix) || p.isTransformer()
}

// rightOperand = "val(" field ")" | transformer
func (p *parser) rightOperand() (Operand, error) {
	if !p.take(valPrefix) {
		return p.operand()
	}
	p.skipSpace()
	if !strings.Contains(p.peekName(), ".") {
		return Operand{}, p.expected("a field")
	}
	o, err := p.operand()
	if err != nil {
		return o, err
	}
	o.Val = true
	if p.skipSpace(); !p.take(")") {
		return o, p.expected("a closing \")\"")
	}
	return o, nil
}

// list = "(" [ string { "," string } ] ")", or a bare identifier: a list of one.
func (p *parser) list() ([]Value, error) {
	p.skipSpace()
	start := p.i
	if !p.take("(") {
		n := identLen(p.s[p.i:])
		if n == 0 {
			return nil, p.expected("a list such as (a, b)")
		}
		p.i += n
		v := Value{At: p.text.Pos(start), Text: p.s[start:p.i]}
		if p.opts.BareList != nil {
			p.opts.BareList(v)
		}
		return []Value{v}, v.check()
	}
	var values []Value
	if p.skipSpace(); p.take(")") {
		return values, nil
	}
	for {
		p.skipSpace()
		v, err := p.str()
		if err != nil {
			return nil, err
		}
		values = append(values, v)
		p.skipSpace()
		if p.take(")") {
			return values, nil
		}
		if !p.take(",") {
			return nil, p.expected("\",\" or \")\"")
		}
	}
}
