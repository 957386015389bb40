package filter

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// The reference is a second, slow reading of the language: it walks the tree of a condition and looks values
// up in a map. It shares nothing with the compiled form but the parser.

// values are what is known of an event: string, int64, bool, netip.Addr, []string, any ancestor's, or two ends.
type values map[string]any

type (
	bytesValue  []byte // a buffer
	ofAncestors []any  // of every ancestor
	bothEnds    [2]any // of a connection
	network     netip.Addr
)

func (vals values) holds(n syntax.Node) bool {
	switch n := n.(type) {
	case *syntax.And:
		return !slices.ContainsFunc(n.Kids, func(k syntax.Node) bool { return !vals.holds(k) })
	case *syntax.Or:
		return slices.ContainsFunc(n.Kids, vals.holds)
	case *syntax.Not:
		return !vals.holds(n.Kid)
	}
	return vals.check(n.(*syntax.Check))
}

func (vals values) check(c *syntax.Check) bool {
	left := cut(vals.operand(c.Left))
	if left == nil {
		return false
	}
	if c.Op == syntax.Exists {
		return true
	}
	if several, ok := left.(ofAncestors); ok {
		return slices.ContainsFunc(several, func(v any) bool { return v != nil && vals.compare(c, v) })
	}
	return vals.compare(c, left)
}

// cut ends a string at its first NUL.
func cut(v any) any {
	if s, ok := v.(string); ok {
		s, _, _ = strings.Cut(s, "\x00")
		return s
	}
	return v
}

func (vals values) compare(c *syntax.Check, left any) bool {
	if c.Right != nil {
		right := cut(vals.operand(*c.Right))
		switch {
		case right == nil:
			return false
		case c.Op.IsList():
			if l, ok := left.([]string); ok {
				return listIn(c.Op, l, right.([]string))
			}
			return refOp(syntax.Eq, left, right)
		default:
			return refOp(c.Op, left, right)
		}
	}
	var constants []string
	for _, v := range c.Values {
		constants = append(constants, v.Text)
	}
	if _, ends := left.(bothEnds); ends && c.Op.IsList() && strings.HasSuffix(c.Left.Name, ".net") && len(constants) > 1 {
		constants = constants[:1]
	}
	if l, ok := left.([]string); ok {
		return listIn(c.Op, l, constants)
	}
	n := 0
	for _, text := range constants {
		if refConstant(c.Op, left, text) {
			n++
		}
	}
	switch c.Modifier {
	case syntax.OneOf:
		return n == 1
	case syntax.AllOf:
		return n > 0 && n == len(constants)
	default:
		return n > 0
	}
}

func listIn(op syntax.Op, list, set []string) bool {
	n := 0
	for _, s := range list {
		if slices.Contains(set, s) {
			n++
		}
	}
	if op == syntax.In {
		return len(set) > 0 && n == len(list)
	}
	return n > 0
}

// refConstant compares with a constant's text.
func refConstant(op syntax.Op, left any, text string) bool {
	switch v := left.(type) {
	case bothEnds:
		a, b := v[0] != nil && refConstant(op, v[0], text), v[1] != nil && refConstant(op, v[1], text)
		if op == syntax.NotEq {
			return (v[0] == nil || a) && (v[1] == nil || b)
		}
		return a || b
	case network:
		prefix := netip.MustParsePrefix(text)
		return prefix.Contains(netip.Addr(v).Unmap()) != (op == syntax.NotEq)
	case netip.Addr:
		return refOp(op, v, netip.MustParseAddr(text))
	case bool:
		return refOp(op, v, text == "true")
	case int64:
		n, err := strconv.ParseInt(text, 10, 64)
		return err == nil && refOp(op, v, n)
	case uint64:
		n, _ := strconv.ParseInt(text, 10, 64)
		return refOp(op, v, uint64(n))
	case uint32:
		n, _ := strconv.ParseInt(text, 10, 64)
		return refOp(op, v, uint32(n))
	case uint16:
		n, _ := strconv.ParseInt(text, 10, 64)
		return refOp(op, v, uint16(n))
	case bytesValue:
		if op == syntax.BContains || op == syntax.BStartsWith {
			raw, _ := hex.DecodeString(text)
			return refOp(op, v, bytesValue(raw))
		}
		return refOp(op, v, bytesValue(text))
	default:
		return refOp(op, v, text)
	}
}

// refOp compares two values of one type.
func refOp(op syntax.Op, a, b any) bool {
	switch v := a.(type) {
	case string:
		return refString(op, v, b.(string))
	case bytesValue:
		w := b.(bytesValue)
		switch op {
		case syntax.Contains, syntax.BContains:
			return bytes.Contains(v, w)
		case syntax.StartsWith, syntax.BStartsWith:
			return bytes.HasPrefix(v, w)
		case syntax.EndsWith:
			return bytes.HasSuffix(v, w)
		}
		return bytes.Equal(v, w) != (op == syntax.NotEq)
	case int64:
		return ordered3(op, v < b.(int64), v == b.(int64))
	case uint64:
		return ordered3(op, v < b.(uint64), v == b.(uint64))
	case uint32:
		return ordered3(op, v < b.(uint32), v == b.(uint32))
	case uint16:
		return ordered3(op, v < b.(uint16), v == b.(uint16))
	case netip.Addr:
		return (v.Unmap() == b.(netip.Addr).Unmap()) != (op == syntax.NotEq)
	default:
		return (a == b) != (op == syntax.NotEq)
	}
}

func ordered3(op syntax.Op, less, equal bool) bool {
	return map[syntax.Op]bool{syntax.Eq: equal, syntax.In: equal, syntax.Intersects: equal, syntax.NotEq: !equal, syntax.Less: less,
		syntax.LessEq: less || equal, syntax.Greater: !less && !equal, syntax.GreaterEq: !less}[op]
}

func refString(op syntax.Op, s, want string) bool {
	switch op {
	case syntax.Contains:
		return strings.Contains(s, want)
	case syntax.IContains:
		return strings.Contains(refLower(s), refLower(want))
	case syntax.StartsWith:
		return strings.HasPrefix(s, want)
	case syntax.EndsWith:
		return strings.HasSuffix(s, want)
	case syntax.Glob:
		return refGlob(want, s)
	case syntax.IGlob:
		return refGlob(refLower(want), refLower(s))
	case syntax.Regex:
		span := regexp.MustCompilePOSIX(want).FindStringIndex(s)
		return span != nil && span[0] == 0 && span[1] == len(s)
	case syntax.PMatch:
		return refPathMatch(want, s)
	default:
		return ordered3(op, s < want, s == want)
	}
}

// refLower and refUpper know ASCII only, and leave bytes that are no text alone.
func refLower(s string) string { return refCase(s, 'A', 'Z') }
func refUpper(s string) string { return refCase(s, 'a', 'z') }

func refCase(s string, from, to byte) string {
	b := []byte(s)
	for i, c := range b {
		if from <= c && c <= to {
			b[i] ^= 0x20
		}
	}
	return string(b)
}

// refGlob knows stars, question marks and plain characters.
func refGlob(pattern, s string) bool {
	if pattern == "" {
		return s == ""
	}
	if pattern[0] == '*' {
		for i := range len(s) + 1 {
			if refGlob(pattern[1:], s[i:]) {
				return true
			}
		}
		return false
	}
	return s != "" && (pattern[0] == '?' || pattern[0] == s[0]) && refGlob(pattern[1:], s[1:])
}

func refPathMatch(pattern, s string) bool {
	split := func(s string) []string {
		return slices.DeleteFunc(strings.Split(s, "/"), func(part string) bool { return part == "" })
	}
	want, parts := split(pattern), split(s)
	for i, w := range want {
		if i >= len(parts) || !refGlob(w, parts[i]) {
			return false
		}
	}
	return true
}

// operand reads a field or applies a transformer; nil is null.
func (vals values) operand(o syntax.Operand) any {
	switch o.Kind {
	case syntax.ConstOperand:
		return o.Name
	case syntax.FieldOperand:
		name := o.Name
		if o.HasArg {
			name += "[" + o.Arg + "]"
		}
		return vals[name]
	}
	var args []any
	for _, a := range o.Args {
		v := vals.operand(a)
		if name := a.Name + " as list"; vals[name] != nil && (o.Name == "join" || o.Name == "getopt") && a.Kind == syntax.FieldOperand {
			v = vals[name]
		}
		if v == nil {
			return nil
		}
		args = append(args, v)
	}
	if o.Kind == syntax.ListOperand {
		list := []string{}
		for _, a := range args {
			list = append(list, a.(string))
		}
		return list
	}
	return refTransform(o, args)
}

func refTransform(o syntax.Operand, args []any) any {
	switch o.Name {
	case "tolower":
		return refLower(args[0].(string))
	case "toupper":
		return refUpper(args[0].(string))
	case "basename":
		s := args[0].(string)
		return s[strings.LastIndex(s, "/")+1:]
	case "b64":
		if b, ok := args[0].(bytesValue); ok {
			out, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(b), "="))
			if err != nil {
				return nil
			}
			return bytesValue(out)
		}
		out, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(args[0].(string), "="))
		if err != nil {
			return nil
		}
		return string(out)
	case "len":
		switch v := args[0].(type) {
		case string:
			return uint64(len(v))
		case bytesValue:
			return uint64(len(v))
		default:
			return uint64(len(v.([]string)))
		}
	case "concat":
		all := ""
		for _, a := range args {
			all += a.(string)
		}
		return all
	case "join":
		return strings.Join(args[1].([]string), args[0].(string))
	default:
		return refGetopt(args[0].([]string), args[1].(string), o)
	}
}

// refGetopt takes the arguments apart first, and looks at the options afterwards.
func refGetopt(args []string, optstring string, o syntax.Operand) any {
	found := []string{}
	selected := any(nil)
	for i := 0; i < len(args) && args[i] != "--" && len(args[i]) > 1 && args[i][0] == '-'; i++ {
		if args[i][1] == '-' {
			continue
		}
		letters := strings.Split(args[i][1:], "")
		for k, letter := range letters {
			at := strings.Index(optstring, letter)
			if letter == ":" || at < 0 {
				found = append(found, "?")
				continue
			}
			if !strings.HasPrefix(optstring[at+1:], ":") {
				found = append(found, letter)
				if letter == o.Arg {
					selected = letter
				}
				continue
			}
			value, missing := strings.Join(letters[k+1:], ""), false
			if value == "" {
				if i++; i < len(args) {
					value = args[i]
				} else {
					missing = true
				}
			}
			if missing {
				found = append(found, "")
			} else {
				found = append(found, letter, value)
			}
			if letter == o.Arg {
				selected = value
			}
			break
		}
	}
	if o.HasArg {
		return selected
	}
	return found
}
