package filter

import (
	"encoding/base64"
	"strings"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// What a transformer takes.
type takes uint8

const (
	takesString takes = iota
	takesBytes        // a string or a buffer
	takesAny          // or a list too
	takesList
)

// signatures of the transformers. The last entry of takes is for all further arguments up to max.
var signatures = map[string]struct {
	takes    []takes
	min, max int
}{
	"tolower":  {[]takes{takesString}, 1, 1},
	"toupper":  {[]takes{takesString}, 1, 1},
	"basename": {[]takes{takesString}, 1, 1},
	"b64":      {[]takes{takesBytes}, 1, 1},
	"len":      {[]takes{takesAny}, 1, 1},
	"concat":   {[]takes{takesString}, 2, maxItems},
	"join":     {[]takes{takesString, takesList}, 2, 2},
	"getopt":   {[]takes{takesList, takesString}, 2, 2},
}

// transform resolves a transformer's arguments and applies it. Null in, null out.
func (l lookup) transform(o syntax.Operand) (operand, error) {
	result, args, err := l.resolveArgs(o)
	if err != nil {
		return operand{}, err
	}
	signature := signatures[o.Name]
	if len(args) < signature.min || len(args) > signature.max {
		return operand{}, syntax.Errorf(o.At, "wrong number of arguments for %s", o.Name)
	}
	for i, a := range args {
		if err := checkTakes(o, i, a, signature.takes[min(i, len(signature.takes)-1)]); err != nil {
			return operand{}, err
		}
	}
	def := result.ref.Def
	switch {
	case o.Name == "len":
		def.Type = field.Uint64
	case o.Name == "b64":
		def.Type = args[0].Def.Type
	case o.Name == "getopt":
		def.IsList = !o.HasArg
	}
	if err := checkOption(o); err != nil {
		return operand{}, err
	}
	if !result.ref.Null() {
		result.ref.Getter = apply(o, args)
	}
	return result, nil
}

// checkTakes holds an argument to what its transformer takes there.
func checkTakes(o syntax.Operand, i int, a field.Ref, want takes) error {
	text := a.Def.Type == field.String && !a.Def.IsList
	ok, what := text, "a string"
	switch want {
	case takesBytes:
		ok, what = text || a.Def.Type == field.Buffer && !a.Def.IsList, "a string or bytes"
	case takesAny:
		ok, what = a.Def.Type == field.String || a.Def.Type == field.Buffer, "a string, bytes or a list"
	case takesList:
		ok, what = a.Def.IsList || a.List != nil, "a list"
	}
	if !ok {
		return syntax.Errorf(o.Args[i].At, "%s takes %s here, %s is a %s", o.Name, what, a.Text, kindOf(a))
	}
	return nil
}

// checkOption looks at what stands in brackets behind a transformer: getopt's option.
func checkOption(o syntax.Operand) error {
	switch {
	case !o.HasArg || o.Name == "getopt" && len(o.Arg) == 1:
		return nil
	case o.Name == "getopt":
		return syntax.Errorf(o.At, "%q is not an option of getopt: write a single character", o.Arg)
	default:
		return syntax.Errorf(o.At, "%s takes nothing in brackets", o.Name)
	}
}

// apply is the transformer's work on arguments that are not always null.
func apply(o syntax.Operand, args []field.Ref) field.Getter {
	switch o.Name {
	case "len":
		return field.Getter{Int: length(args[0])}
	case "concat":
		return field.Getter{Str: concat(args)}
	case "join":
		return field.Getter{Str: join(args[0], args[1])}
	case "getopt":
		return getopt(o, args[0], args[1])
	case "tolower":
		return field.Getter{Str: mapped(args[0], lower)}
	case "toupper":
		return field.Getter{Str: mapped(args[0], upper)}
	case "basename":
		return field.Getter{Str: func(v *field.View) (string, bool) {
			s, ok := args[0].Str(v)
			return s[strings.LastIndexByte(s, '/')+1:], ok
		}}
	default:
		return field.Getter{Str: decoded(args[0])}
	}
}

// length counts the bytes of a string, or the elements of a list.
func length(arg field.Ref) func(*field.View) (int64, bool) {
	if arg.Def.IsList {
		return func(v *field.View) (int64, bool) {
			list, ok := arg.List(v)
			return int64(len(list)), ok
		}
	}
	return func(v *field.View) (int64, bool) {
		s, ok := arg.Str(v)
		return int64(len(s)), ok
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
			start := len(dst)
			dst, ok = appendBase64(dst, strings.TrimRight(s, "="))
			if !ok {
				return dst[:start]
			}
			return dst
		})
		return text, ok
	}
}

// appendBase64 appends what s, which has no padding, stands for; false when it is no base64. The
// library's own decoder wants bytes, which a string would have to be copied into.
func appendBase64(dst []byte, s string) ([]byte, bool) {
	var block [4]byte
	for len(s) > 0 {
		n := copy(block[:], s)
		s = s[n:]
		var out [3]byte
		m, err := base64.RawStdEncoding.Decode(out[:], block[:n])
		if err != nil || m == 0 {
			return dst, false
		}
		dst = append(dst, out[:m]...)
	}
	return dst, true
}

// concat puts strings one after the other. All are read before the first is written: they lie in the same
// memory.
func concat(args []field.Ref) func(*field.View) (string, bool) {
	return func(v *field.View) (string, bool) {
		var parts [maxItems]string
		for i, a := range args {
			var ok bool
			if parts[i], ok = a.Str(v); !ok {
				return "", false
			}
		}
		return v.Build(func(dst []byte) []byte {
			for _, p := range parts[:len(args)] {
				dst = append(dst, p...)
			}
			return dst
		}), true
	}
}

// join puts the elements of a list one after the other, with the separator between them.
func join(separator, list field.Ref) func(*field.View) (string, bool) {
	return func(v *field.View) (string, bool) {
		sep, ok := separator.Str(v)
		if !ok {
			return "", false
		}
		items, ok := list.List(v)
		if !ok {
			return "", false
		}
		return v.Build(func(dst []byte) []byte {
			for i, item := range items {
				if i > 0 {
					dst = append(dst, sep...)
				}
				dst = append(dst, item...)
			}
			return dst
		}), true
	}
}
