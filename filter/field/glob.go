package field

import "strings"

// Glob is POSIX fnmatch without flags: "*" and "?" match "/" and leading dots too. It works on bytes and
// looks back only to the last star, so it takes at most len(pattern)·len(s) steps.
func Glob(pattern, s string) bool { return globMatch(pattern, s, false) }

// GlobFold is Glob without regard to the case of ASCII letters.
func GlobFold(pattern, s string) bool { return globMatch(pattern, s, true) }

func globMatch(pattern, s string, fold bool) bool {
	p, i := 0, 0
	starP, starI := -1, 0 // where to try again: the last star, and what it has taken so far
	for i < len(s) {
		c := folded(s[i], fold)
		if p < len(pattern) && pattern[p] == '*' {
			starP, starI = p, i
			p++
			continue
		}
		if n := matchOne(pattern[p:], c, fold); n > 0 {
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

// matchOne matches c, which is in lower case when fold is set, with the first element of pattern and returns
// the element's length, 0 for no match.
func matchOne(pattern string, c byte, fold bool) int {
	if pattern == "" {
		return 0
	}
	n := 1
	switch pattern[0] {
	case '?':
		return 1
	case '[':
		if n, ok := matchBracket(pattern, c, fold); n > 0 {
			if ok {
				return n
			}
			return 0
		}
	case '\\':
		if len(pattern) == 1 {
			return 0 // escapes nothing
		}
		n = 2
	}
	if folded(pattern[n-1], fold) == c {
		return n
	}
	return 0
}

func folded(c byte, fold bool) byte {
	if fold {
		return lower(c)
	}
	return c
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// matchBracket matches c with "[…]", "[!…]" or "[^…]"; n is the element's length, or 0 when there is no
// closing bracket and "[" is an ordinary character.
func matchBracket(pattern string, c byte, fold bool) (n int, ok bool) {
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negated {
		i++
	}
	for first := true; i < len(pattern); first = false {
		if pattern[i] == ']' && !first {
			return i + 1, ok != negated
		}
		if class, length := bracketClass(pattern[i:]); length > 0 {
			ok = ok || class(c) || fold && class(upper(c))
			i += length
			continue
		}
		var lo, hi byte
		lo, i = bracketByte(pattern, i)
		hi = lo
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			hi, i = bracketByte(pattern, i+1)
		}
		ok = ok || folded(lo, fold) <= c && c <= folded(hi, fold)
	}
	return 0, false
}

func bracketByte(pattern string, i int) (byte, int) {
	if pattern[i] == '\\' && i+1 < len(pattern) {
		i++
	}
	return pattern[i], i + 1
}

// bracketClass reads a class such as [:digit:] at the start of s.
func bracketClass(s string) (class func(byte) bool, length int) {
	if !strings.HasPrefix(s, "[:") {
		return nil, 0
	}
	name, _, ok := strings.Cut(s[2:], ":]")
	if class = classes[name]; !ok || class == nil {
		return nil, 0
	}
	return class, len(name) + 4
}

func isBetween(lo, hi byte) func(byte) bool { return func(c byte) bool { return lo <= c && c <= hi } }

func isAnyOf(classes ...func(byte) bool) func(byte) bool {
	return func(c byte) bool {
		for _, class := range classes {
			if class(c) {
				return true
			}
		}
		return false
	}
}

// classes of characters in the C locale.
var classes = map[string]func(byte) bool{
	"upper": isBetween('A', 'Z'), "lower": isBetween('a', 'z'), "digit": isBetween('0', '9'),
	"alpha":  isAnyOf(isBetween('A', 'Z'), isBetween('a', 'z')),
	"alnum":  isAnyOf(isBetween('A', 'Z'), isBetween('a', 'z'), isBetween('0', '9')),
	"xdigit": isAnyOf(isBetween('0', '9'), isBetween('a', 'f'), isBetween('A', 'F')),
	"space":  isAnyOf(isBetween(' ', ' '), isBetween('\t', '\r')), "blank": isAnyOf(isBetween(' ', ' '), isBetween('\t', '\t')),
	"graph": isBetween('!', '~'), "print": isBetween(' ', '~'), "cntrl": isAnyOf(isBetween(0, 31), isBetween(127, 127)),
	"punct": isAnyOf(isBetween('!', '/'), isBetween(':', '@'), isBetween('[', '`'), isBetween('{', '~')),
}
