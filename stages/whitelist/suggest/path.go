package suggest

import (
	"strings"
)

// literal is a value as match reads it: where it would be a pattern, with all that patterns use escaped.
func literal(s string) string {
	if strings.ContainsAny(s, "*?[") {
		return escaped(s)
	}
	return s
}

var escapes = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

// escaped is s for a place within a pattern.
func escaped(s string) string { return escapes.Replace(s) }

// general is a path as a pattern in which what looks new each time is left open.
type general struct {
	pattern string
	changed bool
}

// generalise looks at each part of a path:
//
//   - a number below /proc, and elsewhere one of four digits or more, becomes [0-9]*
//   - a UUID, or 8 hexadecimal digits or more with letters and digits among them, becomes as many ?
//   - of the pieces between dots, dashes and underscores, one of six characters or more that mixes capitals, small
//     letters and digits as mktemp does, becomes as many ?
//
// What is left is escaped, so that it stands for itself.
func generalise(path string) general {
	parts := strings.Split(path, "/")
	g := general{}
	for i, p := range parts {
		open := generalPart(p, i == 2 && parts[1] == "proc" && parts[0] == "")
		g.changed = g.changed || open != ""
		if open == "" {
			open = escaped(p)
		}
		parts[i] = open
	}
	g.pattern = strings.Join(parts, "/")
	return g
}

// minDigits is from where on a number is more likely a process or a time than a version.
const minDigits = 4

// generalPart is the pattern for one part of a path, "" when nothing in it looks new each time.
func generalPart(p string, process bool) string {
	if isMade(p, decimal) && (process || len(p) >= minDigits) {
		return "[0-9]*"
	}
	if isUUID(p) {
		return strings.Map(func(c rune) rune {
			if c == '-' {
				return c
			}
			return '?'
		}, p)
	}
	var b strings.Builder
	changed := false
	for p != "" {
		n := strings.IndexAny(p, ".-_")
		if n < 0 {
			n = len(p)
		}
		if isRandom(p[:n]) {
			b.WriteString(strings.Repeat("?", n))
			changed = true
		} else {
			b.WriteString(escaped(p[:n]))
		}
		if p = p[n:]; p != "" {
			b.WriteByte(p[0])
			p = p[1:]
		}
	}
	if !changed {
		return ""
	}
	return b.String()
}

const (
	decimal = "0123456789"
	hex     = decimal + "abcdef"
	capital = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	small   = "abcdefghijklmnopqrstuvwxyz"
)

// isMade reports whether a text has characters, all of them out of set.
func isMade(s, set string) bool { return s != "" && strings.Trim(s, set) == "" }

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range strings.ToLower(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && !strings.ContainsRune(hex, c) {
			return false
		}
	}
	return true
}

// Lengths from where on a piece can be called random.
const (
	minHex   = 8
	minMixed = 6
)

func isRandom(s string) bool {
	has := func(set string) bool { return strings.ContainsAny(s, set) }
	switch {
	case len(s) >= minHex && isMade(s, hex) && has(decimal) && has(small):
		return true
	case len(s) < minMixed || !isMade(s, decimal+capital+small):
		return false
	default:
		return has(capital) && has(small) && has(decimal)
	}
}
