package filter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// operand is something that can be read: a field, or what transformers make of fields.
type operand struct {
	ref    field.Ref
	fields []field.Ref // those it reads
}

// lookup is where the names of fields are looked up: field.Lookup, or for tests of rules field.LookupGiven.
type lookup func(syntax.Operand) (field.Ref, error)

// resolve looks the names in an operand up.
func (l lookup) resolve(o syntax.Operand) (operand, error) {
	found, err := l.resolvePart(o)
	if err == nil && o.Kind == syntax.TransformerOperand && found.ref.Str != nil && found.ref.Def.Type == field.String {
		found.ref.Str = untilNUL(found.ref.Str)
	}
	return found, err
}

// untilNUL ends a string where C does. Only transformers can make one with a NUL in it.
func untilNUL(get func(*field.View) (string, bool)) func(*field.View) (string, bool) {
	return func(v *field.View) (string, bool) {
		s, ok := get(v)
		if i := strings.IndexByte(s, 0); i >= 0 {
			s = s[:i]
		}
		return s, ok
	}
}

// resolvePart resolves an operand that may be another one's argument.
func (l lookup) resolvePart(o syntax.Operand) (operand, error) {
	switch o.Kind {
	case syntax.FieldOperand:
		ref, err := l(o)
		if err != nil {
			return operand{}, fieldError(o, err)
		}
		if err := checkTypeName(o, ref); err != nil {
			return operand{}, err
		}
		return operand{ref: ref, fields: []field.Ref{ref}}, nil
	case syntax.ConstOperand:
		text := o.Name
		get := field.Getter{Str: func(*field.View) (string, bool) { return text, true }}
		return operand{ref: field.Ref{Getter: get, Def: &field.Def{Name: o.String(), Type: field.String}, Text: o.String()}}, nil
	case syntax.TransformerOperand:
		return l.transform(o)
	default:
		return l.listOperand(o)
	}
}

// checkTypeName refuses evt.type.is.NAME of an event that nobody knows.
func checkTypeName(o syntax.Operand, ref field.Ref) error {
	name, ok := strings.CutPrefix(o.Name, "evt.type.is")
	if !ok || ref.Def.Name != "evt.type.is" {
		return nil
	}
	if name = strings.TrimPrefix(name, "."); o.HasArg {
		name = o.Arg
	}
	if len(pipeline.EventTypesNamed(name)) > 0 || slices.Contains(unseenEvents(), name) {
		return nil
	}
	return &syntax.Error{At: o.At, Unknown: true, Msg: fmt.Sprintf("unknown event type %q", name),
		Hint: syntax.DidYouMean(name, append(unseenEvents(), eventNames()...))}
}

// maxItems bounds the arguments of a transformer and the items of a list, which are read into an array.
const maxItems = 32

// listOperand is a list of operands, written in parentheses. With one of them null it is null.
func (l lookup) listOperand(o syntax.Operand) (operand, error) {
	result, args, err := l.resolveArgs(o)
	if err != nil {
		return operand{}, err
	}
	for i, a := range args {
		if a.Str == nil && !a.Null() || a.Def.IsList {
			return operand{}, syntax.Errorf(o.Args[i].At, "a list has strings in it, %s is a %s", a.Text, kindOf(a))
		}
	}
	result.ref.Def.IsList = true
	if !result.ref.Null() {
		result.ref.List = itemsOf(args)
	}
	return result, nil
}

func itemsOf(args []field.Ref) func(*field.View) ([]string, bool) {
	return func(v *field.View) ([]string, bool) {
		var items [maxItems]string
		for i, a := range args {
			var ok bool
			if items[i], ok = a.Str(v); !ok {
				return nil, false
			}
		}
		return v.BuildList(func(dst []string) []string { return append(dst, items[:len(args)]...) }), true
	}
}

// resolveArgs resolves what an operand is made of. The result is a string, to be changed by the caller.
func (l lookup) resolveArgs(o syntax.Operand) (result operand, args []field.Ref, err error) {
	if len(o.Args) > maxItems {
		return operand{}, nil, syntax.Errorf(o.At, "more than %d items", maxItems)
	}
	def := &field.Def{Name: o.String(), Type: field.String}
	for _, a := range o.Args {
		arg, err := l.resolvePart(a)
		if err != nil {
			return operand{}, nil, err
		}
		if arg.ref.Def.Plain && !arg.ref.Def.IsList {
			return operand{}, nil, syntax.Errorf(a.At, "%s cannot be transformed", arg.ref.Text)
		}
		args = append(args, arg.ref)
		if def.Unavailable == "" {
			def.Unavailable = arg.ref.Def.Unavailable
		}
		result.fields = append(result.fields, arg.fields...)
	}
	result.ref = field.Ref{Def: def, Text: def.Name}
	return result, args, nil
}

// kindOf is what messages call the kind of value an operand has.
func kindOf(f field.Ref) string {
	if f.Def.IsList {
		return "list"
	}
	return f.Def.Type.String()
}

// ParseField reads a field's name, with its argument, and nothing else.
func ParseField(t syntax.Text) (field.Ref, error) { return lookup(field.Lookup).parse(t) }

func (l lookup) parse(t syntax.Text) (field.Ref, error) {
	t = t.Trim()
	o, length, err := syntax.ParseOperand(t)
	if err != nil {
		return field.Ref{}, err
	}
	if length != len(t.String()) || o.Kind != syntax.FieldOperand {
		return field.Ref{}, syntax.Errorf(t.Pos(length), "%q is not a field's name", t)
	}
	found, err := l.resolve(o)
	return found.ref, err
}
