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
}

// Item is one mapping of a Document's top-level list.
type Item struct {
	At   syntax.Pos
	Keys []Key // in the order of the file
}

// Key is one key of an Item with its value.
type Key struct {
	Name string
	At   syntax.Pos
	node ast.Node
	doc  *Document
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
	list, ok := body.(*ast.SequenceNode)
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
	if n.Type() == ast.NullType {
		return nil, nil
	}
	values, ok := mapping(n)
	if !ok {
		return nil, syntax.Errorf(d.pos(n), "expected a mapping such as \"rule: …\"")
	}
	item := &Item{At: d.pos(n)}
	for _, kv := range values {
		key := Key{Name: kv.Key.GetToken().Value, At: d.pos(kv.Key), node: kv.Value, doc: d}
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

// Line is line n of the file, counted from 1, or "".
func (d *Document) Line(n int) string {
	if n < 1 || n > len(d.lines) {
		return ""
	}
	line, _, _ := strings.Cut(d.data[d.lines[n-1]:], "\n")
	return strings.TrimSuffix(line, "\r")
}

// Get finds a key.
func (it *Item) Get(name string) (Key, bool) {
	for _, k := range it.Keys {
		if k.Name == name {
			return k, true
		}
	}
	return Key{}, false
}

// Has reports whether the key is there.
func (it *Item) Has(name string) bool {
	_, ok := it.Get(name)
	return ok
}

// Decode reads the key's value into v as YAML would.
func (k Key) Decode(v any) error {
	err := yaml.NodeToValue(k.node, v, yaml.Strict())
	if err == nil {
		return nil
	}
	e := k.doc.located(err)
	e.Msg = k.Name + ": " + e.Msg
	if e.At.Line == 0 {
		e.At = k.At
	}
	return e
}

// Text is the key's value as it is written, not as YAML types it: 0x10, yes and 0.57.0 stay text.
func (k Key) Text() (syntax.Text, error) { return k.doc.scalar(k.Name, k.node) }

// Texts is a list of scalars, each as it is written; a single scalar is a list of one when lone is set.
func (k Key) Texts(lone bool) ([]syntax.Text, error) {
	list, ok := k.node.(*ast.SequenceNode)
	if !ok {
		if !lone {
			return nil, syntax.Errorf(k.doc.pos(k.node), "%s must be a list", k.Name)
		}
		t, err := k.Text()
		return []syntax.Text{t}, err
	}
	var texts []syntax.Text
	for _, n := range list.Values {
		t, err := k.doc.scalar("an entry of "+k.Name, n)
		if err != nil {
			return nil, err
		}
		texts = append(texts, t)
	}
	return texts, nil
}

// IsScalar reports whether the value is a single one.
func (k Key) IsScalar() bool {
	_, ok := k.node.(ast.ScalarNode)
	return ok
}

// Keys are the keys of a value that is a mapping.
func (k Key) Keys() ([]Key, error) {
	if _, ok := mapping(k.node); !ok {
		return nil, syntax.Errorf(k.doc.pos(k.node), "%s must be a mapping", k.Name)
	}
	item, err := k.doc.item(k.node)
	if err != nil {
		return nil, err
	}
	return item.Keys, nil
}

func (d *Document) scalar(what string, n ast.Node) (syntax.Text, error) {
	switch n := n.(type) {
	case *ast.LiteralNode:
		start := n.GetToken().Position
		offset := d.offset(start.Line+1, 1)
		return d.align(n.Value.Value, offset), nil
	case *ast.NullNode:
		return syntax.Text{}, nil
	case ast.ScalarNode:
		p := n.GetToken().Position
		return d.align(n.GetToken().Value, d.offset(p.Line, p.Column)), nil
	default:
		return syntax.Text{}, syntax.Errorf(d.pos(n), "%s must be a single value", what)
	}
}

func (d *Document) offset(line, col int) int {
	if line < 1 || line > len(d.lines) {
		return len(d.data)
	}
	return min(d.lines[line-1]+max(col-1, 0), len(d.data))
}

// align finds the place of every byte of value in the file from offset on. YAML folds lines, drops
// indentation and undoes escapes; what is left stands in the file in the same order. Where the two
// cannot be matched, the place is where the search stands: near, and never past the value.
func (d *Document) align(value string, offset int) syntax.Text {
	at := make([]syntax.Pos, len(value))
	line, _ := slices.BinarySearch(d.lines, offset+1)
	place := func(i int) syntax.Pos {
		for line < len(d.lines) && d.lines[line] <= i {
			line++
		}
		return syntax.Pos{File: d.Name, Line: line, Col: i - d.lines[line-1] + 1}
	}
	for i := range len(value) {
		found := offset
		if strings.IndexByte(" \t\n", value[i]) < 0 {
			for found < len(d.data) && d.data[found] != value[i] && d.skipped(found, offset) {
				found++
			}
			if found < len(d.data) && d.data[found] == value[i] {
				offset = found + 1
			} else {
				found = offset
			}
		}
		at[i] = place(min(found, max(len(d.data)-1, 0)))
	}
	return syntax.PlacedText(value, at)
}

// skipped reports bytes of the file that a value need not hold: blanks, quotes, escapes.
func (d *Document) skipped(i, from int) bool {
	return strings.IndexByte(" \t\r\n\"'\\", d.data[i]) >= 0 || i > from && d.data[i-1] == '\\'
}
