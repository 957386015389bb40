package payload

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// located gives expr's complaint its place in the rule file, and a hint.
func located(t syntax.Text, schema *Schema, err error) error {
	f, ok := errors.AsType[*file.Error](err)
	if !ok { // only the type of the whole has no place
		return &syntax.Error{At: t.Pos(0), Msg: strings.Replace(err.Error(), "expected bool, but got", "a condition is true or false, not of type", 1)}
	}
	e := &syntax.Error{At: t.Pos(byteOffset(t.String(), f.From)), Msg: f.Message}
	if name, ok := strings.CutPrefix(f.Message, "unknown field "); ok {
		e.Msg, e.Unknown = fmt.Sprintf("the schema has no member %q here", name), true
		if keys, ok := base(t.String(), f.From); ok {
			e.Hint = schema.at(keys).nearest(name)
		}
	}
	if name, ok := strings.CutPrefix(f.Message, "unknown name "); ok {
		e.Hint = nameHint(name, strings.HasPrefix(t.String()[byteOffset(t.String(), f.To):], "("))
	}
	switch {
	case strings.Contains(f.Message, `Operator("=")`):
		e.Hint = "a comparison is =="
	case strings.Contains(f.Message, `Operator(",")`):
		e.Hint = `a list is written ["a", "b"]`
	case strings.Contains(f.Message, `Identifier("exists")`):
		e.Hint = "what exists is != nil"
	case strings.Contains(f.Message, `Identifier("`):
		e.Hint = "text is written in quotes; operators are ==, !=, <, in, contains, startsWith, endsWith, matches"
	}
	return e
}

func nameHint(name string, called bool) string {
	switch {
	case called:
		return functionHint(name)
	case strings.EqualFold(name, root):
		return `the payload is "event"`
	default:
		return fmt.Sprintf("the payload is event: event.%s? Text is written in quotes", name)
	}
}

func functionHint(name string) string {
	if near := syntax.DidYouMean(name, functionNames); near != "" {
		return near
	}
	return "functions are " + strings.Join(functionNames, ", ")
}

// byteOffset turns expr's offset, in characters, into one in bytes.
func byteOffset(s string, characters int) int {
	i := 0
	for ; characters > 0 && i < len(s); characters-- {
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return i
}

// base is the path in front of the member at an offset; ok is false when it is not one.
func base(condition string, from int) (keys []any, ok bool) {
	tree, err := parser.Parse(condition)
	if err != nil {
		return nil, false
	}
	walk(tree.Node, func(n ast.Node) {
		if m, isMember := n.(*ast.MemberNode); isMember && m.Property.Location().From == from {
			keys, ok = pathOf(m.Node)
		}
	})
	return keys, ok
}

// pathOf is the path that a node names, when all of it is constant.
func pathOf(n ast.Node) (keys []any, ok bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return nil, n.Value == root
	case *ast.ChainNode:
		return pathOf(n.Node)
	case *ast.MemberNode:
		keys, ok = pathOf(n.Node)
		switch key := n.Property.(type) {
		case *ast.StringNode:
			return append(keys, key.Value), ok
		case *ast.IntegerNode:
			return append(keys, key.Value), ok
		}
	}
	return nil, false
}

// inspect refuses what expr can do and a rule must not.
func inspect(t syntax.Text, root ast.Node) error {
	var err error
	walk(root, func(n ast.Node) {
		refuse := func(msg, hint string) {
			if err == nil {
				err = &syntax.Error{At: t.Pos(byteOffset(t.String(), n.Location().From)), Msg: msg, Hint: hint}
			}
		}
		switch n := n.(type) {
		case *ast.IdentifierNode:
			if strings.HasPrefix(n.Value, "$") {
				refuse(fmt.Sprintf("unknown name %s", n.Value), "the payload is event")
			}
		case *ast.CallNode:
			if f, ok := n.Callee.(*ast.IdentifierNode); !ok || f.Value != geoFunction {
				refuse("members of an event cannot be called", functionHint(""))
			}
		case *ast.BuiltinNode:
			if !slices.Contains(functionNames, n.Name) {
				refuse(fmt.Sprintf("there is no function %s here", n.Name), functionHint(n.Name))
			}
		case *ast.SequenceNode:
			refuse("a condition is one expression", "join them with && or ||")
		case *ast.BinaryNode:
			if _, literal := n.Right.(*ast.StringNode); n.Operator == "matches" && !literal {
				refuse("the pattern of matches must be written in the rule", "events must not bring expressions of their own")
			}
		}
	})
	return err
}

// requirement finds a member that must equal a text for n to hold, among what is joined by "and".
func requirement(n ast.Node) (member, value string) {
	b, ok := n.(*ast.BinaryNode)
	if !ok {
		return "", ""
	}
	switch b.Operator {
	case "&&", "and":
		if member, value = requirement(b.Left); member != "" {
			return member, value
		}
		return requirement(b.Right)
	case "==":
		left, right := b.Left, b.Right
		if _, ok := left.(*ast.StringNode); ok {
			left, right = right, left
		}
		keys, isPath := pathOf(left)
		text, isText := right.(*ast.StringNode)
		if isPath && isText && len(keys) == 1 && text.Value != "" {
			member, _ = keys[0].(string)
			return member, text.Value
		}
	}
	return "", ""
}

type visitor func(ast.Node)

func (v visitor) Visit(n *ast.Node) { v(*n) }

func walk(n ast.Node, visit func(ast.Node)) { ast.Walk(&n, visitor(visit)) }
