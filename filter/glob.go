package filter

import (
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// fnmatch is POSIX fnmatch without flags: "*" and "?" match "/" and leading dots too. It works on
// bytes and looks back only to the last star, so it takes at most len(pattern)·len(s) steps.
func fnmatch(pattern, s string) bool { return globMatch(pattern, s, false) }

// fnmatchFold is fnmatch without regard to ASCII case; pattern must be in lower case.
func fnmatchFold(pattern, s string) bool { return globMatch(pattern, s, true) }

func globMatch(pattern, s string, fold bool) bool {
	p, i := 0, 0
	starP, starI := -1, 0 // where to try again: the last star, and what it has taken so far
	for i < len(s) {
		c := s[i]
		if fold {
			c = lower(c)
		}
		if p < len(pattern) && pattern[p] == '*' {
			starP, starI = p, i
			p++
			continue
		}
		if n := matchOne(pattern[p:], c); n > 0 {
			p += n
			i++
			continue
		}
		if starP < 0 {
			return false
		}
		starI++
		p, i = starP+1, starI
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne matches c with the first element of pattern and returns the element's length, 0 for no
// match.
func matchOne(pattern string, c byte) int {
	if pattern == "" {
		return 0
	}
	switch pattern[0] {
	case '?':
		return 1
	case '[':
		if n, ok := matchBracket(pattern, c); n > 0 {
			if ok {
				return n
			}
			return 0
		}
	case '\\':
		if len(pattern) > 1 {
			if pattern[1] == c {
				return 2
			}
			return 0
		}
	}
	if pattern[0] == c {
		return 1
	}
	return 0
}

// matchBracket matches c with "[…]", "[!…]" or "[^…]"; n is the element's length, or 0 when there is no
// closing bracket and "[" is an ordinary character.
func matchBracket(pattern string, c byte) (n int, ok bool) {
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negated {
		i++
	}
	for first := true; i < len(pattern); first = false {
		if pattern[i] == ']' && !first {
			return i + 1, ok != negated
		}
		var lo, hi byte
		lo, i = bracketByte(pattern, i)
		hi = lo
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			hi, i = bracketByte(pattern, i+1)
		}
		ok = ok || lo <= c && c <= hi
	}
	return 0, false
}

func bracketByte(pattern string, i int) (byte, int) {
	if pattern[i] == '\\' && i+1 < len(pattern) {
		i++
	}
	return pattern[i], i + 1
}

// pathSet answers pmatch: does some path of the set, part by part, start the value?
type pathSet struct{ paths [][]string }

func newPathSet(values []syntax.Value) *pathSet {
	set := &pathSet{}
	for _, v := range values {
		set.paths = append(set.paths, strings.FieldsFunc(v.Text, func(r rune) bool { return r == '/' }))
	}
	return set
}

func (set *pathSet) match(value string) bool {
	for _, parts := range set.paths {
		if startsPath(parts, value) {
			return true
		}
	}
	return false
}

// startsPath compares parts with the first parts of value; empty parts of value do not count.
func startsPath(parts []string, value string) bool {
	for _, want := range parts {
		value = strings.TrimLeft(value, "/")
		if value == "" {
			return false
		}
		part := value
		if i := strings.IndexByte(value, '/'); i >= 0 {
			part = value[:i]
		}
		value = value[len(part):]
		if part != want && (!strings.ContainsAny(want, "?*[") || !fnmatch(want, part)) {
			return false
		}
	}
	return true
}
