package payload

import (
	"regexp"

	"github.com/expr-lang/expr/ast"
)

// nullSafe exchanges every operator that would stumble over nil, or over a value of another type, for a
// function that does not. Children are visited before their parents.
type nullSafe struct{}

// binary names the function that stands for an operator.
var binary = map[string]string{
	"==": "$eq", "!=": "$ne", "<": "$lt", "<=": "$le", ">": "$gt", ">=": "$ge",
	"contains": "$contains", "startsWith": "$startsWith", "endsWith": "$endsWith",
	"+": "$add", "-": "$sub", "*": "$mul", "/": "$div", "%": "$mod", "**": "$pow", "^": "$pow", "..": "$range",
}

// booleans are the functions that answer true or false, never nil.
var booleans = map[string]bool{
	"$eq": true, "$ne": true, "$lt": true, "$le": true, "$gt": true, "$ge": true, "$in": true, "$isNil": true,
	"$contains": true, "$startsWith": true, "$endsWith": true, "$matches": true, "$test": true,
}

// Visit implements ast.Visitor.
func (nullSafe) Visit(at *ast.Node) {
	switch n := (*at).(type) {
	case *ast.ChainNode: // every member access is optional
		*at = n.Node
	case *ast.MemberNode:
		*at = call("$get", n.Node, n.Property)
	case *ast.SliceNode:
		*at = call("$slice", n.Node, orNil(n.From), orNil(n.To))
	case *ast.UnaryNode:
		visitUnary(at, n)
	case *ast.BinaryNode:
		visitBinary(at, n)
	case *ast.ConditionalNode:
		n.Cond = test(n.Cond)
	case *ast.BuiltinNode:
		visitBuiltin(at, n)
	}
}

func visitUnary(at *ast.Node, n *ast.UnaryNode) {
	switch n.Operator {
	case "-":
		*at = call("$sub", &ast.IntegerNode{Value: 0}, n.Node)
	case "+":
		*at = call("$add", &ast.IntegerNode{Value: 0}, n.Node)
	default:
		n.Node = test(n.Node)
	}
}

func visitBinary(at *ast.Node, n *ast.BinaryNode) {
	switch n.Operator {
	case "&&", "and", "||", "or":
		n.Left, n.Right = test(n.Left), test(n.Right)
		return
	case "??":
		return
	case "in":
		*at = call("$in", n.Left, constantSet(n.Right))
		return
	case "matches":
		pattern := n.Right.(*ast.StringNode).Value // inspect saw that it is
		*at = call("$matches", n.Left, &ast.ConstantNode{Value: regexp.MustCompile(pattern)})
		return
	case "==", "!=":
		if value, ok := comparedWithNil(n); ok {
			*at = call("$isNil", value)
			if n.Operator == "!=" {
				*at = &ast.UnaryNode{Operator: "!", Node: *at}
			}
			return
		}
	}
	*at = call(binary[n.Operator], n.Left, n.Right)
}

// comparedWithNil is the other side of a comparison with nil as it is written: the question whether
// something is there.
func comparedWithNil(n *ast.BinaryNode) (value ast.Node, ok bool) {
	if _, ok := n.Right.(*ast.NilNode); ok {
		return n.Left, true
	}
	_, ok = n.Left.(*ast.NilNode)
	return n.Right, ok
}

// visitBuiltin makes a walk over what is no list a walk over an empty one, and each turn of it a step.
func visitBuiltin(at *ast.Node, n *ast.BuiltinNode) {
	if !walks[n.Name] {
		*at = call("$"+n.Name, n.Arguments...)
		return
	}
	n.Arguments[0] = call("$list", n.Arguments[0])
	if len(n.Arguments) == 1 { // count, of what is true
		n.Arguments = append(n.Arguments, &ast.PredicateNode{Node: &ast.PointerNode{}})
	}
	body := n.Arguments[1].(*ast.PredicateNode)
	if n.Name == "map" {
		body.Node = call("$step", body.Node)
	} else {
		body.Node = call("$test", body.Node)
	}
}

// test makes true or false of a value: only true is.
func test(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.BoolNode:
		return n
	case *ast.UnaryNode:
		return n
	case *ast.BinaryNode:
		if n.Operator != "??" {
			return n
		}
	case *ast.BuiltinNode:
		if n.Name == "all" || n.Name == "any" || n.Name == "none" || n.Name == "one" {
			return n
		}
	case *ast.CallNode:
		if booleans[n.Callee.(*ast.IdentifierNode).Value] {
			return n
		}
	}
	return call("$test", n)
}

func call(function string, arguments ...ast.Node) ast.Node {
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: function}, Arguments: arguments}
}

func orNil(n ast.Node) ast.Node {
	if n == nil {
		return &ast.NilNode{}
	}
	return n
}

// constantSet makes a list of constants a set, once and not at every evaluation.
func constantSet(n ast.Node) ast.Node {
	list, ok := n.(*ast.ArrayNode)
	if !ok {
		return n
	}
	s := &set{texts: map[string]bool{}}
	for _, element := range list.Nodes {
		switch v := element.(type) {
		case *ast.StringNode:
			s.texts[v.Value] = true
		case *ast.IntegerNode:
			s.others = append(s.others, v.Value)
		case *ast.FloatNode:
			s.others = append(s.others, v.Value)
		case *ast.BoolNode:
			s.others = append(s.others, v.Value)
		default:
			return n
		}
	}
	return &ast.ConstantNode{Value: s}
}
