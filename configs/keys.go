package configs

import (
	"encoding"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// checkKeys walks a YAML node beside the Go type it will be decoded into and reports every key the
// type does not have, with the nearest one it has; below is the key that the node is under. goccy's own
// strict mode stops at the first and gives no hint.
func (f *file) checkKeys(node ast.Node, typ reflect.Type, below string) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if node == nil {
		return
	}
	if text, ok := reflect.New(typ).Interface().(encoding.TextUnmarshaler); ok {
		f.checkText(node, text)
		return
	}
	if decodesItself(typ) {
		return
	}
	switch typ.Kind() {
	case reflect.Struct:
		f.checkStruct(node, typ, below)
	case reflect.Slice:
		if seq, ok := unwrap(node).(*ast.SequenceNode); ok {
			for _, item := range seq.Values {
				f.checkKeys(item, typ.Elem(), below)
			}
		}
	case reflect.Map:
		for _, entry := range entries(node) {
			f.checkKeys(entry.Value, typ.Elem(), entry.Key.GetToken().Value)
		}
	}
}

// checkText reads a scalar as its type will, because goccy forgets where an error of UnmarshalText was.
func (f *file) checkText(node ast.Node, into encoding.TextUnmarshaler) {
	scalar, ok := unwrap(node).(ast.ScalarNode)
	if !ok || strings.Contains(scalar.GetToken().Value, "${") {
		return // the decoder says what belongs there; a variable's value is not known yet
	}
	if err := into.UnmarshalText([]byte(scalar.GetToken().Value)); err != nil {
		f.problem(node, err.Error(), "")
	}
}

func (f *file) checkStruct(node ast.Node, typ reflect.Type, below string) {
	fields := fieldsOf(typ)
	for _, entry := range entries(node) {
		if isMerge(entry) {
			f.checkKeys(entry.Value, typ, below) // what has an alias is checked where it is
			continue
		}
		key := entry.Key.GetToken().Value
		field, ok := fields[key]
		if !ok && f.foreign(entry, below) {
			continue
		}
		if !ok {
			f.problem(entry.Key, "unknown key "+quote(key), hintFor(key, fields))
			continue
		}
		if strings.HasSuffix(key, "_file") {
			f.files[entry] = true
		}
		f.checkKeys(entry.Value, field, key)
	}
}

func hintFor(key string, fields map[string]reflect.Type) string {
	known := make([]string, 0, len(fields))
	for name := range fields {
		known = append(known, name)
	}
	slices.Sort(known)
	if near := syntax.DidYouMean(key, known); near != "" {
		return near
	}
	return "known here: " + strings.Join(known, ", ")
}

// decodesItself reports whether typ has its own idea of what its YAML looks like. A struct with YAML
// keys that merely fills in defaults while it decodes has not.
func decodesItself(typ reflect.Type) bool {
	p := reflect.PointerTo(typ)
	if p.Implements(reflect.TypeFor[yaml.BytesUnmarshaler]()) {
		return true
	}
	custom := p.Implements(reflect.TypeFor[yaml.InterfaceUnmarshaler]()) || p.Implements(reflect.TypeFor[yaml.NodeUnmarshaler]())
	return custom && (typ.Kind() != reflect.Struct || !hasKeys(typ))
}

func hasKeys(typ reflect.Type) bool {
	for i := range typ.NumField() {
		if typ.Field(i).Tag.Get("yaml") != "" {
			return true
		}
	}
	return false
}

// fieldsOf maps the YAML keys of a struct, those of inlined structs included, to their types.
func fieldsOf(typ reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !field.IsExported():
		case strings.Contains(options, "inline"):
			for k, v := range fieldsOf(field.Type) {
				fields[k] = v
			}
		case name == "":
			fields[strings.ToLower(field.Name)] = field.Type
		default:
			fields[name] = field.Type
		}
	}
	return fields
}

// entries lists a mapping's pairs; nil for any other node.
func entries(node ast.Node) []*ast.MappingValueNode {
	switch n := unwrap(node).(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	default:
		return nil
	}
}

// unwrap takes the value out of anchors and tags.
func unwrap(node ast.Node) ast.Node {
	for {
		switch n := node.(type) {
		case *ast.AnchorNode:
			node = n.Value
		case *ast.TagNode:
			node = n.Value
		default:
			return node
		}
	}
}
