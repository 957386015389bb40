package rules

import (
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// Key is one key of an Item with its value.
type Key struct {
	Name string
	At   syntax.Pos
	node ast.Node
	doc  *Document
	// made is what several elements made of the value: appended texts, joined lists. Nil: as in the file.
	made *made
}

type made struct {
	text syntax.Text
	list []syntax.Text
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

// set puts a key in, in the place of one of the same name.
func (it *Item) set(key Key) {
	for i := range it.Keys {
		if it.Keys[i].Name == key.Name {
			it.Keys[i] = key
			return
		}
	}
	it.Keys = append(it.Keys, key)
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
func (k Key) Text() (syntax.Text, error) {
	if k.made != nil && k.made.list == nil {
		return k.made.text, nil
	}
	return k.doc.scalar(k.Name, k.node)
}

// Texts is a list of scalars, each as it is written; a single scalar is a list of one when lone is set.
func (k Key) Texts(lone bool) ([]syntax.Text, error) {
	if k.made != nil && k.made.list != nil {
		return k.made.list, nil
	}
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
		if n.Type() == ast.NullType {
			return nil, &syntax.Error{At: k.doc.pos(n), Msg: "an entry of " + k.Name + " is null", Hint: "quote it when it is meant as text"}
		}
		t, err := k.doc.scalar("an entry of "+k.Name, n)
		if err != nil {
			return nil, err
		}
		texts = append(texts, t)
	}
	return texts, nil
}

// Entries are the entries of a list, each as if it were the value of a key.
func (k Key) Entries() ([]Key, error) {
	list, ok := k.node.(*ast.SequenceNode)
	if !ok {
		return nil, syntax.Errorf(k.doc.pos(k.node), "%s must be a list", k.Name)
	}
	entries := make([]Key, len(list.Values))
	for i, n := range list.Values {
		n = k.doc.plain(n)
		entries[i] = Key{Name: "an entry of " + k.Name, At: k.doc.pos(n), node: n, doc: k.doc}
	}
	return entries, nil
}

// IsNull reports whether the key has no value.
func (k Key) IsNull() bool { return k.node.Type() == ast.NullType }

// IsList reports whether the value is a list.
func (k Key) IsList() bool {
	_, ok := k.node.(*ast.SequenceNode)
	return ok
}

// IsScalar reports whether the value is a single one.
func (k Key) IsScalar() bool {
	_, ok := k.node.(ast.ScalarNode)
	return ok
}

func (k Key) isMapping() bool {
	_, ok := mapping(k.node)
	return ok
}

// Keys are the keys of a value that is a mapping.
func (k Key) Keys() ([]Key, error) {
	item, err := k.item()
	if err != nil {
		return nil, err
	}
	return item.Keys, nil
}

// item is a value that is a mapping.
func (k Key) item() (*Item, error) {
	if _, ok := mapping(k.node); !ok {
		return nil, syntax.Errorf(k.doc.pos(k.node), "%s must be a mapping", k.Name)
	}
	return k.doc.item(k.node)
}
