package review

import (
	"net/netip"
	"strings"
)

// shape is a set of values: those of a pattern, or the addresses of a network.
type shape struct {
	tokens []token
	net    netip.Prefix // valid: addresses
	value  string       // one of the set
	wide   bool         // there are others
}

// token is a part of a pattern: a byte, any one byte, or any text.
type token int16

const (
	anyByte token = -1
	anyText token = -2
)

// literal is the set of one value.
func literal(s string) shape { return pattern(s, false, false) }

// pattern is s with any text before or after it.
func pattern(s string, before, after bool) shape {
	p := shape{value: s, wide: before || after}
	if before {
		p.tokens = append(p.tokens, anyText)
	}
	for i := range len(s) {
		p.tokens = append(p.tokens, token(s[i]))
	}
	if after {
		p.tokens = append(p.tokens, anyText)
	}
	return p
}

// glob reads a pattern as field.Glob does. One with a bracket is not understood.
func glob(text string) (shape, bool) {
	s := shape{}
	var one strings.Builder // a text that matches: stars are empty
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch c {
		case '*':
			s.tokens, s.wide = append(s.tokens, anyText), true
			continue
		case '?':
			s.tokens, s.wide = append(s.tokens, anyByte), true
			one.WriteByte('x')
			continue
		case '[':
			return shape{}, false
		case '\\':
			if i++; i == len(text) {
				return shape{}, false
			}
			c = text[i]
		}
		s.tokens = append(s.tokens, token(c))
		one.WriteByte(c)
	}
	s.value = one.String()
	return s, true
}

// within reports whether every value of s is one of t. False may mean that it is not known.
func (s shape) within(t shape) bool {
	switch {
	case s.net.IsValid() != t.net.IsValid():
		return false
	case s.net.IsValid():
		return t.net.Bits() <= s.net.Bits() && t.net.Contains(s.net.Addr())
	default:
		return absorbs(t.tokens, s.tokens)
	}
}

// absorbs reports whether pattern q takes all that pattern p stands for, going over p as if it were a text:
// what p leaves open only what q leaves open as far takes. As in a match of a text, only the last any-text of
// q has to be tried again.
func absorbs(q, p []token) bool {
	i, j := 0, 0
	star, from := -1, 0
	for j < len(p) {
		switch {
		case i < len(q) && q[i] == anyText:
			star, from = i, j
			i++
		case i < len(q) && p[j] != anyText && (q[i] == p[j] || q[i] == anyByte):
			i++
			j++
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	for i < len(q) && q[i] == anyText {
		i++
	}
	return i == len(q)
}
