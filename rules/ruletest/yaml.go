package ruletest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// document finds the place of every value in a test file, for errors.
type document struct {
	name    string
	anchors map[string]ast.Node
}

// entry is a key of a mapping with its value, anchors and aliases followed.
type entry struct {
	name  string
	at    syntax.Pos
	value ast.Node
}

// parse reads a file with one mapping in it.
func parse(name string, data []byte) (*document, ast.Node, error) {
	d := &document{name: name, anchors: map[string]ast.Node{}}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		e := &syntax.Error{At: syntax.Pos{File: name}, Msg: "not YAML: " + err.Error(), Cause: err}
		if y, ok := errors.AsType[yaml.Error](err); ok {
			e.Msg = "not YAML: " + y.GetMessage()
			if t := y.GetToken(); t != nil {
				e.At.Line, e.At.Col = t.Position.Line, t.Position.Column
			}
		}
		return d, nil, e
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.NullType && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) != 1 {
		return d, nil, &syntax.Error{At: syntax.Pos{File: name, Line: 1, Col: 1}, Msg: "a test file is one mapping",
			Hint: "with rule_files and tests"}
	}
	ast.Walk(d, bodies[0])
	return d, bodies[0], nil
}

// Visit collects anchors.
func (d *document) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok {
		d.anchors[a.Name.GetToken().Value] = a.Value
	}
	return d
}

// follow is the node that an anchor or an alias stands for.
func (d *document) follow(n ast.Node) (ast.Node, error) {
	for range 100 { // deeper is a loop
		switch at := n.(type) {
		case *ast.AnchorNode:
			n = at.Value
		case *ast.TagNode:
			n = at.Value
		case *ast.AliasNode:
			name := at.Value.GetToken().Value
			if n = d.anchors[name]; n == nil {
				return nil, syntax.Errorf(d.pos(at), "there is no anchor &%s", name)
			}
		default:
			return n, nil
		}
	}
	return nil, syntax.Errorf(d.pos(n), "an alias that leads to itself")
}

func (d *document) pos(n ast.Node) syntax.Pos {
	p := n.GetToken().Position
	return syntax.Pos{File: d.name, Line: p.Line, Col: p.Column}
}

// mapping lists the keys of a mapping; those merged in with "<<" after its own, unless it has them itself.
func (d *document) mapping(n ast.Node, what string) ([]entry, error) { return d.merged(n, what, 0) }

func (d *document) merged(n ast.Node, what string, depth int) ([]entry, error) {
	values, err := d.values(n, what)
	if err != nil {
		return nil, err
	}
	if depth > 20 {
		return nil, syntax.Errorf(d.pos(n), "mappings merged deeper than 20 levels")
	}
	var entries []entry
	var merges []ast.Node
	for _, kv := range values {
		e := entry{name: kv.Key.GetToken().Value, at: d.pos(kv.Key)}
		if kv.Key.IsMergeKey() {
			merges = append(merges, kv.Value)
			continue
		}
		if e.value, err = d.follow(kv.Value); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(entries, func(other entry) bool { return other.name == e.name }) {
			return nil, syntax.Errorf(e.at, "key %q appears twice", e.name)
		}
		entries = append(entries, e)
	}
	for _, m := range merges {
		more, err := d.merged(m, "what << merges in", depth+1)
		if err != nil {
			return nil, err
		}
		for _, e := range more {
			if !slices.ContainsFunc(entries, func(other entry) bool { return other.name == e.name }) {
				entries = append(entries, e)
			}
		}
	}
	return entries, nil
}

func (d *document) values(n ast.Node, what string) ([]*ast.MappingValueNode, error) {
	n, err := d.follow(n)
	if err != nil {
		return nil, err
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, nil
	default:
		return nil, syntax.Errorf(d.pos(n), "%s must be a mapping", what)
	}
}

// list is the entries of a list.
func (d *document) list(n ast.Node, what string) ([]ast.Node, error) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		return nil, syntax.Errorf(d.pos(n), "%s must be a list", what)
	}
	nodes := make([]ast.Node, len(list.Values))
	for i, v := range list.Values {
		var err error
		if nodes[i], err = d.follow(v); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

// text is a scalar as it is written.
func (d *document) text(n ast.Node, what string) (string, error) {
	switch n := n.(type) {
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.NullNode:
		return "", syntax.Errorf(d.pos(n), "%s is empty", what)
	case ast.ScalarNode:
		return n.GetToken().Value, nil
	default:
		return "", syntax.Errorf(d.pos(n), "%s must be a single value", what)
	}
}

// texts is a list of scalars.
func (d *document) texts(n ast.Node, what string) ([]string, error) {
	nodes, err := d.list(n, what)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, n := range nodes {
		s, err := d.text(n, "an entry of "+what)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// value is a scalar as YAML types it, or a list of such: string, int64, bool, nil or []any.
func (d *document) value(n ast.Node) (any, error) {
	switch n := n.(type) {
	case *ast.NullNode:
		return nil, nil
	case *ast.BoolNode:
		return n.Value, nil
	case *ast.IntegerNode:
		return integer(n)
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.SequenceNode:
		nodes, err := d.list(n, "")
		if err != nil {
			return nil, err
		}
		list := make([]any, len(nodes))
		for i, kid := range nodes {
			if _, nested := kid.(*ast.SequenceNode); nested {
				return nil, errors.New("a list in a list is no value")
			}
			if list[i], err = d.value(kid); err != nil {
				return nil, err
			}
		}
		return list, nil
	case *ast.FloatNode:
		return nil, fmt.Errorf("%s is a number with a fraction or an exponent: put it in quotes if it is text", n.GetToken().Value)
	default:
		return nil, errors.New("a value is text, a number, true, false, null or a list of them")
	}
}

// integer reads a number in any base that YAML has.
func integer(n *ast.IntegerNode) (any, error) {
	text := n.GetToken().Value
	i, err := strconv.ParseInt(text, 0, 64)
	if err == nil {
		return i, nil
	}
	switch v := n.Value.(type) { // a base that Go writes in another way
	case int64:
		return v, nil
	case uint64:
		if v <= 1<<63-1 {
			return int64(v), nil
		}
	}
	return nil, fmt.Errorf("%s is too large a number", text)
}
