package filter

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// operand is something that can be read: a field, or what transformers make of fields.
type operand struct {
	ref    field.Ref
	fields []field.Ref // those it reads
}

// resolve looks the names in an operand up.
func resolve(o syntax.Operand) (operand, error) {
	switch o.Kind {
	case syntax.FieldOperand:
		ref, err := field.Lookup(o)
		if err != nil {
			return operand{}, fieldError(o, err)
		}
		return operand{ref: ref, fields: []field.Ref{ref}}, nil
	case syntax.ConstOperand:
		text := o.Name
		get := field.Getter{Str: func(*field.View) (string, bool) { return text, true }}
		return operand{ref: field.Ref{Getter: get, Def: &field.Def{Name: o.String(), Type: field.String}}}, nil
	case syntax.TransformerOperand:
		return transform(o)
	default:
		return operand{}, notYet(o.At, "a list as argument")
	}
}

// transform resolves a transformer's arguments and applies it. Null in, null out.
func transform(o syntax.Operand) (operand, error) {
	var result operand
	var args []field.Ref
	def := &field.Def{Name: o.String(), Type: field.String}
	for _, a := range o.Args {
		arg, err := resolve(a)
		if err != nil {
			return operand{}, err
		}
		if arg.ref.Str == nil && !arg.ref.Null() {
			return operand{}, syntax.Errorf(a.At, "%s takes strings, %s is a %s", o.Name, arg.ref.Text, arg.ref.Def.Type)
		}
		args = append(args, arg.ref)
		def.Unavailable += arg.ref.Def.Unavailable
		result.fields = append(result.fields, arg.fields...)
	}
	result.ref = field.Ref{Def: def, Text: def.Name}
	if o.Name == "len" {
		def.Type = field.Int
	}
	var err error
	if !result.ref.Null() {
		result.ref.Getter, err = apply(o, args)
	}
	return result, err
}

// apply is the transformer's work on arguments that are not always null.
func apply(o syntax.Operand, args []field.Ref) (field.Getter, error) {
	switch {
	case o.Name == "join" || o.Name == "getopt":
		return field.Getter{}, notYet(o.At, fmt.Sprintf("transformer %q", o.Name))
	case o.Name == "concat" && len(args) >= 2:
		return field.Getter{Str: concat(args)}, nil
	case o.Name == "concat" || len(args) != 1:
		return field.Getter{}, syntax.Errorf(o.At, "wrong number of arguments for %s", o.Name)
	case o.Name == "len":
		return field.Getter{Int: func(v *field.View) (int64, bool) {
			s, ok := args[0].Str(v)
			return int64(len(s)), ok
		}}, nil
	default:
		return field.Getter{Str: onArgument(args[0], o.Name)}, nil
	}
}

// onArgument is a transformer from string to string.
func onArgument(arg field.Ref, name string) func(*field.View) (string, bool) {
	switch name {
	case "tolower":
		return mapped(arg, lower)
	case "toupper":
		return mapped(arg, upper)
	case "basename":
		return func(v *field.View) (string, bool) {
			s, ok := arg.Str(v)
			return s[strings.LastIndexByte(s, '/')+1:], ok
		}
	default:
		return decoded(arg)
	}
}

// mapped applies f to every byte.
func mapped(arg field.Ref, f func(byte) byte) func(*field.View) (string, bool) {
	return func(v *field.View) (string, bool) {
		s, ok := arg.Str(v)
		if !ok {
			return "", false
		}
		return v.Build(func(dst []byte) []byte {
			for i := range len(s) {
				dst = append(dst, f(s[i]))
			}
			return dst
		}), true
	}
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// decoded undoes base64; what is none is null. Padding is optional.
func decoded(arg field.Ref) func(*field.View) (string, bool) {
	return func(v *field.View) (string, bool) {
		s, ok := arg.Str(v)
		if !ok {
			return "", false
		}
		text := v.Build(func(dst []byte) []byte {
			src := []byte(strings.TrimRight(s, "="))
			out, err := base64.RawStdEncoding.AppendDecode(dst, src)
			ok = err == nil
			return out
		})
		return text, ok
	}
}

func concat(args []field.Ref) func(*field.View) (string, bool) {
	return func(v *field.View) (string, bool) {
		parts := make([]string, len(args))
		for i, a := range args {
			s, ok := a.Str(v)
			if !ok {
				return "", false
			}
			parts[i] = s
		}
		return strings.Join(parts, ""), true
	}
}

// compareFields compiles a comparison of two operands. Both must be of one type.
func compareFields(c *syntax.Check, left, right field.Ref) (func(*field.View) bool, error) {
	for _, side := range []field.Ref{left, right} {
		if side.Ends != nil || side.IsAny() || side.Def.Type == field.Net {
			return nil, syntax.Errorf(c.At, "%s cannot be compared with another field", side.Text)
		}
	}
	if left.Def.Type != right.Def.Type {
		return nil, syntax.Errorf(c.At, "%s is a %s and %s a %s: only fields of one type can be compared",
			left.Text, left.Def.Type, right.Text, right.Def.Type)
	}
	equal := c.Op == syntax.Eq // else, for what has no order, checkOperator has left only NotEq
	switch pair := stringPair(c.Op); {
	case left.Null() || right.Null():
		return nil, nil
	case left.Str != nil && pair != nil:
		return both(left.Str, right.Str, pair), nil
	case c.Op.IsList():
	case left.Int != nil:
		return both(left.Int, right.Int, func(a, b int64) bool { return compareInts(c.Op, a, b) }), nil
	case left.Bool != nil:
		return both(left.Bool, right.Bool, func(a, b bool) bool { return (a == b) == equal }), nil
	case left.Addr != nil:
		return both(left.Addr, right.Addr, func(a, b netip.Addr) bool { return (a.Unmap() == b.Unmap()) == equal }), nil
	}
	return nil, notYet(c.At, fmt.Sprintf("operator %q between two fields", c.Op))
}

// both applies a test to two values; it fails when one is missing.
func both[T any](left, right func(*field.View) (T, bool), test func(a, b T) bool) func(*field.View) bool {
	return func(v *field.View) bool {
		a, ok := left(v)
		if !ok {
			return false
		}
		b, ok := right(v)
		return ok && test(a, b)
	}
}

func compareInts(op syntax.Op, a, b int64) bool {
	switch op {
	case syntax.NotEq:
		return a != b
	case syntax.Less:
		return a < b
	case syntax.LessEq:
		return a <= b
	case syntax.Greater:
		return a > b
	case syntax.GreaterEq:
		return a >= b
	default:
		return a == b
	}
}

// ParseField reads a field's name, with its argument, and nothing else.
func ParseField(t syntax.Text) (field.Ref, error) {
	t = t.Trim()
	o, length, err := syntax.ParseOperand(t)
	if err != nil {
		return field.Ref{}, err
	}
	if length != len(t.String()) || o.Kind != syntax.FieldOperand {
		return field.Ref{}, syntax.Errorf(t.Pos(length), "%q is not a field's name", t)
	}
	found, err := resolve(o)
	return found.ref, err
}
