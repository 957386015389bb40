package fast

import (
	"fmt"
	"strings"
	"text/template/parse"

	texttemplate "text/template"

	"github.com/prometheus/alertmanager/template"
)

// Program is a compiled text. It is safe for concurrent use.
type Program struct{ main *block }

// Compile compiles t and the blocks that it calls. functions are those that t was parsed with. An error says what in the
// text is left to text/template.
func Compile(t *texttemplate.Template, functions map[string]any) (*Program, error) {
	c := compiler{set: t, functions: functions, blocks: map[string]*block{}}
	main, err := c.block(t.Name())
	if err != nil {
		return nil, err
	}
	return &Program{main}, nil
}

// Run is the text over d; false: it is text/template's to say.
func (p *Program) Run(d *template.Data) (text string, ok bool) {
	// Functions may panic, as on a regular expression of an alert's; text/template tells it as an error.
	defer func() {
		if recover() != nil {
			text, ok = "", false
		}
	}()
	r := run{vars: make([]value, 0, 8), stack: make([]value, 0, 8)}
	if !p.main.run(&r, value{other: d}) {
		return "", false
	}
	return r.out.String(), true
}

// run is one execution.
type run struct {
	out   strings.Builder
	vars  []value
	frame int     // where the variables of the block begin in vars; the first is its dot
	depth int     // of blocks in blocks
	stack []value // arguments of the calls under way
}

// step writes something; expression yields something. Both are over a dot; false: gives up.
type (
	step       func(r *run, dot value) bool
	expression func(r *run, dot value) (value, bool)
)

// maxDepth is of blocks in blocks: beyond it one calls itself, perhaps for ever.
const maxDepth = 64

type block struct{ body step }

func (b *block) run(r *run, dot value) bool {
	if r.depth == maxDepth {
		return false
	}
	frame := r.frame
	r.frame, r.depth = len(r.vars), r.depth+1
	r.vars = append(r.vars, dot)
	ok := b.body(r, dot)
	r.vars = r.vars[:r.frame]
	r.frame, r.depth = frame, r.depth-1
	return ok
}

type compiler struct {
	set       *texttemplate.Template
	functions map[string]any
	blocks    map[string]*block
	scope     []string // names of the block's variables; their places in a run's frame are the same
}

func unknown(n parse.Node) error { return fmt.Errorf("not known here: %s", n) }

func (c *compiler) block(name string) (*block, error) {
	if b := c.blocks[name]; b != nil {
		return b, nil
	}
	t := c.set.Lookup(name)
	if t == nil || t.Tree == nil {
		return nil, fmt.Errorf("not known here: block %q", name)
	}
	b := &block{}
	c.blocks[name] = b // before its body, which may call it
	scope := c.scope
	c.scope = []string{"$"}
	defer func() { c.scope = scope }()
	var err error
	b.body, err = c.list(t.Root)
	return b, err
}

func (c *compiler) list(l *parse.ListNode) (step, error) {
	if l == nil {
		return func(*run, value) bool { return true }, nil
	}
	steps := make([]step, 0, len(l.Nodes))
	for _, n := range l.Nodes {
		s, err := c.node(n)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	return func(r *run, dot value) bool {
		for _, s := range steps {
			if !s(r, dot) {
				return false
			}
		}
		return true
	}, nil
}

func (c *compiler) node(n parse.Node) (step, error) {
	switch n := n.(type) {
	case *parse.TextNode:
		text := string(n.Text)
		return func(r *run, _ value) bool { r.out.WriteString(text); return true }, nil
	case *parse.ActionNode:
		return c.action(n)
	case *parse.IfNode:
		return c.branch(&n.BranchNode, false)
	case *parse.WithNode:
		return c.branch(&n.BranchNode, true)
	case *parse.RangeNode:
		return c.rangeOver(n)
	case *parse.TemplateNode:
		return c.call(n)
	}
	return nil, unknown(n)
}

func (c *compiler) action(n *parse.ActionNode) (step, error) {
	e, err := c.pipe(n.Pipe)
	if err != nil {
		return nil, err
	}
	if len(n.Pipe.Decl) > 0 {
		return func(r *run, dot value) bool { _, ok := e(r, dot); return ok }, nil
	}
	return func(r *run, dot value) bool {
		v, ok := e(r, dot)
		return ok && v.print(&r.out)
	}, nil
}

// branches are the pipeline of an if, with or range and its two lists, in either of which the variables of the pipeline are
// known.
func (c *compiler) branches(n *parse.BranchNode) (pipe expression, list, otherwise step, err error) {
	outside := c.scope
	defer func() { c.scope = outside }()
	if pipe, err = c.pipe(n.Pipe); err != nil {
		return nil, nil, nil, err
	}
	inside := c.scope
	if list, err = c.list(n.List); err != nil {
		return nil, nil, nil, err
	}
	c.scope = inside
	otherwise, err = c.list(n.ElseList)
	return pipe, list, otherwise, err
}

// branch is an if, or a with, whose dot is what it asks about.
func (c *compiler) branch(n *parse.BranchNode, with bool) (step, error) {
	condition, then, otherwise, err := c.branches(n)
	if err != nil {
		return nil, err
	}
	return func(r *run, dot value) bool {
		mark := len(r.vars)
		v, ok := condition(r, dot)
		if !ok {
			return false
		}
		holds, ok := v.truth()
		switch {
		case !ok:
			return false
		case !holds:
			ok = otherwise(r, dot)
		case with:
			ok = then(r, v)
		default:
			ok = then(r, dot)
		}
		r.vars = r.vars[:mark]
		return ok
	}, nil
}

func (c *compiler) rangeOver(n *parse.RangeNode) (step, error) {
	if n.Pipe.IsAssign {
		return nil, unknown(n)
	}
	over, body, empty, err := c.branches(&n.BranchNode)
	if err != nil {
		return nil, err
	}
	declared := len(n.Pipe.Decl)
	return func(r *run, dot value) bool {
		outer := len(r.vars)
		v, ok := over(r, dot)
		if !ok {
			return false
		}
		mark, some := len(r.vars), false
		ok = v.each(func(key, element value) bool {
			some = true
			if declared > 0 {
				r.vars[mark-1] = element
			}
			if declared > 1 {
				r.vars[mark-2] = key
			}
			ok := body(r, element)
			r.vars = r.vars[:mark]
			return ok
		})
		if ok && !some {
			ok = empty(r, dot)
		}
		r.vars = r.vars[:outer]
		return ok
	}, nil
}

func (c *compiler) call(n *parse.TemplateNode) (step, error) {
	if n.Pipe == nil {
		return nil, unknown(n)
	}
	over, err := c.pipe(n.Pipe)
	if err != nil {
		return nil, err
	}
	b, err := c.block(n.Name)
	if err != nil {
		return nil, err
	}
	return func(r *run, dot value) bool {
		v, ok := over(r, dot)
		return ok && b.run(r, v)
	}, nil
}
