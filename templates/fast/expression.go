package fast

import (
	"slices"
	"strings"
	"text/template/parse"
)

// pipe is a pipeline, and the variables that it sets.
func (c *compiler) pipe(p *parse.PipeNode) (expression, error) {
	var e expression
	for _, command := range p.Cmds {
		var err error
		if e, err = c.command(command, e); err != nil {
			return nil, err
		}
	}
	for _, v := range p.Decl {
		from, name := e, v.Ident[0]
		if p.IsAssign {
			at := c.place(name)
			if at < 0 {
				return nil, unknown(p)
			}
			e = func(r *run, dot value) (value, bool) {
				got, ok := from(r, dot)
				if ok {
					r.vars[r.frame+at] = got
				}
				return got, ok
			}
			continue
		}
		c.scope = append(slices.Clip(c.scope), name)
		e = func(r *run, dot value) (value, bool) {
			got, ok := from(r, dot)
			r.vars = append(r.vars, got)
			return got, ok
		}
	}
	return e, nil
}

// place is where a variable stands in the frame; -1: there is none of that name.
func (c *compiler) place(name string) int {
	for i, known := range slices.Backward(c.scope) {
		if known == name {
			return i
		}
	}
	return -1
}

// command is one command of a pipeline; final is what the one before it yields, nil for the first.
func (c *compiler) command(n *parse.CommandNode, final expression) (expression, error) {
	var arguments []expression
	for _, a := range n.Args[1:] {
		e, err := c.operand(a)
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, e)
	}
	if final != nil {
		arguments = append(arguments, final)
	}
	switch first := n.Args[0].(type) {
	case *parse.FieldNode:
		return fields(dot, first.Ident, arguments), nil
	case *parse.ChainNode:
		of, err := c.operand(first.Node)
		return fields(of, first.Field, arguments), err
	case *parse.VariableNode:
		of, err := c.variable(first)
		return fields(of, first.Ident[1:], arguments), err
	case *parse.IdentifierNode:
		e := c.function(first.Ident, arguments, final != nil)
		if e == nil {
			return nil, unknown(n)
		}
		return e, nil
	}
	if len(arguments) > 0 {
		return nil, unknown(n)
	}
	return c.operand(n.Args[0])
}

// operand is an argument, or a command that is nothing else.
func (c *compiler) operand(n parse.Node) (expression, error) {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot, nil
	case *parse.PipeNode:
		if len(n.Decl) > 0 {
			return nil, unknown(n)
		}
		return c.pipe(n)
	case *parse.FieldNode, *parse.ChainNode, *parse.VariableNode, *parse.IdentifierNode:
		return c.command(&parse.CommandNode{NodeType: parse.NodeCommand, Args: []parse.Node{n}}, nil)
	case *parse.StringNode:
		return constant(value{s: n.Text}), nil
	case *parse.BoolNode:
		return constant(value{other: n.True}), nil
	case *parse.NumberNode:
		if n.IsInt && !strings.ContainsAny(n.Text, ".eEpPxX'_") {
			return constant(value{other: int(n.Int64)}), nil
		}
	}
	return nil, unknown(n)
}

func dot(_ *run, dot value) (value, bool) { return dot, true }

func constant(v value) expression {
	return func(*run, value) (value, bool) { return v, true }
}

func (c *compiler) variable(n *parse.VariableNode) (expression, error) {
	at := c.place(n.Ident[0])
	if at < 0 {
		return nil, unknown(n)
	}
	return func(r *run, _ value) (value, bool) { return r.vars[r.frame+at], true }, nil
}

// fields are the fields, keys and methods of a chain; the last of them gets the arguments.
func fields(of expression, names []string, arguments []expression) expression {
	if len(names) == 0 {
		if len(arguments) > 0 {
			return func(*run, value) (value, bool) { return value{}, false }
		}
		return of
	}
	for _, name := range names[:len(names)-1] {
		of = field(of, name)
	}
	last := names[len(names)-1]
	if len(arguments) == 0 {
		return field(of, last)
	}
	return func(r *run, dot value) (value, bool) {
		v, ok := of(r, dot)
		if !ok || len(arguments) > 1 {
			return value{}, false
		}
		argument, ok := arguments[0](r, dot)
		if !ok {
			return value{}, false
		}
		return v.method(last, argument)
	}
}

func field(of expression, name string) expression {
	return func(r *run, dot value) (value, bool) {
		v, ok := of(r, dot)
		if !ok {
			return v, false
		}
		return v.field(name)
	}
}
