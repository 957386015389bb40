package rules

import (
	"errors"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// Document is a YAML file with its text, so that every value can be traced to line and column.
// Package whitelist reads its files through it too.
type Document struct {
	Name  string
	data  string
	lines []int // where each line starts
	// anchors are the nodes that "*name" stands for, of the YAML document being read.
	anchors map[string]ast.Node
}

// Item is one mapping of a Document's top-level list.
type Item struct {
	At   syntax.Pos
	Keys []Key // in the order of the file
}

// ParseDocument reads a stream of YAML documents, each a list of mappings. It stops at the first thing
// that is not so.
func ParseDocument(name string, data []byte) (*Document, []Item, error) {
	d := &Document{Name: name, data: string(data), lines: []int{0}}
	for i := range data {
		if data[i] == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	var items []Item
	for _, part := range d.parts() {
		file, err := parser.ParseBytes([]byte(part), 0)
		if err != nil {
			e := d.located(err)
			e.Msg = "not YAML: " + e.Msg
			return d, items, e
		}
		for _, doc := range file.Docs {
			if doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType {
				continue
			}
			if strings.Contains(part, "*") {
				d.collectAnchors(doc.Body)
			}
			if items, err = d.add(items, doc.Body); err != nil {
				return d, items, err
			}
		}
	}
	return d, items, nil
}

// parts cuts the stream at the lines that start with "---", each part behind as many line breaks as
// there are lines before it. The parser could do it, but it drops what follows an empty document.
func (d *Document) parts() []string {
	var parts []string
	from, first := 0, 0 // where the part starts, and how many lines are before it
	for n, start := range d.lines {
		if !strings.HasPrefix(d.data[start:], "---") || start == from {
			continue
		}
		parts = append(parts, strings.Repeat("\n", first)+d.data[from:start])
		from, first = start, n
	}
	return append(parts, strings.Repeat("\n", first)+d.data[from:])
}

// add reads the entries of one document's list.
func (d *Document) add(items []Item, body ast.Node) ([]Item, error) {
	list, ok := d.plain(body).(*ast.SequenceNode)
	if !ok {
		return items, syntax.Errorf(d.pos(body), "expected a list, each entry starting with \"- \"")
	}
	for _, n := range list.Values {
		item, err := d.item(n)
		if err != nil {
			return items, err
		}
		if item != nil {
			items = append(items, *item)
		}
	}
	return items, nil
}

// located gives the YAML package's complaint a place of our form.
func (d *Document) located(err error) *syntax.Error {
	e := &syntax.Error{At: syntax.Pos{File: d.Name}, Msg: err.Error(), Cause: err}
	if y, ok := errors.AsType[yaml.Error](err); ok {
		e.Msg = y.GetMessage()
		if t := y.GetToken(); t != nil {
			e.At.Line, e.At.Col = t.Position.Line, t.Position.Column
		}
	}
	return e
}

func (d *Document) item(n ast.Node) (*Item, error) {
	if n = d.plain(n); n.Type() == ast.NullType {
		return nil, nil
	}
	values, ok := mapping(n)
	if !ok {
		return nil, syntax.Errorf(d.pos(n), "expected a mapping such as \"rule: …\"")
	}
	item := &Item{At: d.pos(n)}
	for _, kv := range values {
		key := Key{Name: kv.Key.GetToken().Value, At: d.pos(kv.Key), node: d.plain(kv.Value), doc: d}
		if slices.ContainsFunc(item.Keys, func(k Key) bool { return k.Name == key.Name }) {
			return nil, syntax.Errorf(key.At, "key %q appears twice", key.Name)
		}
		item.Keys = append(item.Keys, key)
	}
	if len(item.Keys) > 0 {
		item.At = item.Keys[0].At
	}
	return item, nil
}

func mapping(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	default:
		return nil, false
	}
}

func (d *Document) pos(n ast.Node) syntax.Pos {
	p := n.GetToken().Position
	return syntax.Pos{File: d.Name, Line: p.Line, Col: p.Column}
}

// collectAnchors finds what aliases in a document can stand for.
func (d *Document) collectAnchors(body ast.Node) {
	d.anchors = map[string]ast.Node{}
	for _, n := range ast.Filter(ast.AnchorType, body) {
		if a, ok := n.(*ast.AnchorNode); ok {
			d.anchors[a.Name.GetToken().Value] = a.Value
		}
	}
}

// plain is the node without anchor and tag, and of an alias what it stands for. An alias that leads
// back to itself stays one, which nothing accepts as a value.
func (d *Document) plain(n ast.Node) ast.Node {
	for range maxAliases {
		switch v := n.(type) {
		case *ast.AnchorNode:
			n = v.Value
		case *ast.TagNode:
			n = v.Value
		case *ast.AliasNode:
			target, ok := d.anchors[v.Value.GetToken().Value]
			if !ok {
				return n
			}
			n = target
		default:
			return n
		}
	}
	return n
}

// maxAliases is how many anchors, tags and aliases may lead from one to the next.
const maxAliases = 16

// Line is line n of the file, counted from 1, or "".
func (d *Document) Line(n int) string {
	if n < 1 || n > len(d.lines) {
		return ""
	}
	line, _, _ := strings.Cut(d.data[d.lines[n-1]:], "\n")
	return strings.TrimSuffix(line, "\r")
}
