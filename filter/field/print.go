package field

import (
	"net/netip"
	"strconv"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Append writes the field's value as outputs show it and reports whether there is one; a null field
// writes nothing.
func (r Ref) Append(dst []byte, v *View) ([]byte, bool) {
	switch {
	case r.Str != nil:
		s, ok := r.Str(v)
		if !ok {
			return dst, false
		}
		if r.Def.Type == Buffer {
			return appendPrintable(dst, s), true
		}
		return append(dst, s...), true
	case r.Int != nil:
		n, ok := r.Int(v)
		if !ok {
			return dst, false
		}
		if r.Def.Name == timeField {
			return v.Ev.At().AppendFormat(dst, "15:04:05.000000000"), true
		}
		return appendNumber(dst, r.Def.Type, n), true
	case r.Bool != nil:
		b, ok := r.Bool(v)
		if !ok {
			return dst, false
		}
		return strconv.AppendBool(dst, b), true
	case r.Addr != nil:
		a, ok := r.Addr(v)
		if !ok {
			return dst, false
		}
		return a.AppendTo(dst), true
	case r.Ends != nil:
		return r.appendEnds(dst, v)
	case r.Some != nil:
		return r.appendEach(dst, v)
	case r.List != nil:
		return r.appendList(dst, v)
	case r.IsAny():
		return r.appendAncestors(dst, v)
	default:
		return dst, false
	}
}

// appendList writes the elements as (a,b).
func (r Ref) appendList(dst []byte, v *View) ([]byte, bool) {
	list, ok := r.List(v)
	if !ok {
		return dst, false
	}
	dst = append(dst, '(')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, s...)
	}
	return append(dst, ')'), true
}

// appendNumber writes a number in decimal.
func appendNumber(dst []byte, t Type, n int64) []byte {
	if t == Uint64 {
		return strconv.AppendUint(dst, uint64(n), 10)
	}
	return strconv.AppendInt(dst, n, 10)
}

// appendEnds writes both ends, client first; only a port or an address of each.
func (r Ref) appendEnds(dst []byte, v *View) ([]byte, bool) {
	a, b, ok := r.Ends(v)
	if !ok {
		return dst, false
	}
	for i, end := range []netip.AddrPort{a, b} {
		if i > 0 {
			dst = append(dst, "->"...)
		}
		if r.Def.Type == Port {
			dst = strconv.AppendUint(dst, uint64(end.Port()), 10)
		} else {
			dst = end.Addr().AppendTo(dst)
		}
	}
	return dst, true
}

// appendEach writes every element of a list, with blanks between them.
func (r Ref) appendEach(dst []byte, v *View) ([]byte, bool) {
	some := false
	r.Some(v, func(s string) bool {
		if some {
			dst = append(dst, ' ')
		}
		some = true
		dst = append(dst, s...)
		return false // go on
	})
	return dst, some
}

// appendAncestors writes every ancestor's value, nearest first, with blanks between them.
func (r Ref) appendAncestors(dst []byte, v *View) ([]byte, bool) {
	some := false
	Ancestors(v.Ev, func(p *pipeline.Process) bool {
		if some {
			dst = append(dst, ' ')
		}
		some = true
		if r.IntOfProcess != nil {
			n, _ := r.IntOfProcess(v, p)
			dst = strconv.AppendInt(dst, n, 10)
			return true
		}
		s, _ := r.OfProcess(v, p)
		dst = append(dst, s...)
		return true
	})
	return dst, some
}

// Value is the field's value for JSON: string, int64, bool, or nil for null. It may allocate, and a
// string it returns is valid as long as the event is.
func (r Ref) Value(v *View) any {
	switch {
	case r.Int != nil:
		if n, ok := r.Int(v); ok {
			return n
		}
		return nil
	case r.Bool != nil:
		if b, ok := r.Bool(v); ok {
			return b
		}
		return nil
	case r.Str != nil:
		if s, ok := r.Str(v); ok && r.Def.Type == Buffer {
			return string(appendPrintable(nil, s))
		} else if ok {
			return s
		}
		return nil
	}
	if dst, ok := r.Append(nil, v); ok {
		return string(dst)
	}
	return nil
}

// appendPrintable writes bytes as text, with a dot for each that is none.
func appendPrintable(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' {
			c = '.'
		}
		dst = append(dst, c)
	}
	return dst
}
