package alertjson

import "unicode/utf8"

// plain are the bytes that are written as they are.
var plain = func() (p [utf8.RuneSelf]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		p[c] = c != '"' && c != '\\'
	}
	return p
}()

// plainLen is how much of s is written as it is, up to what has to be looked at.
func plainLen(s string) (n int) {
	for n < len(s) && s[n] < utf8.RuneSelf && plain[s[n]] {
		n++
	}
	return n
}

const hex = "0123456789abcdef"

// string appends s in quotes, escaped as encoding/json does it where it does not do so for HTML.
func (w *Writer) string(s string) {
	i := plainLen(s)
	if i < len(s) {
		w.b = append(w.b, '"')
		w.escape(s, i)
		w.b = append(w.b, '"')
		return
	}
	b := append(append(append(w.b, '"'), s...), '"')
	if cap(b) == cap(w.b) {
		w.b = w.b[:len(b)] // stores no pointer: while the garbage collector runs, that costs more than all of this
	} else {
		w.b = b
	}
}

// escape appends s, of which i bytes are plain.
func (w *Writer) escape(s string, i int) {
	b, start := w.b, 0
	for i < len(s) {
		c := s[i]
		if c < utf8.RuneSelf {
			if plain[c] {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			b = appendEscaped(b, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, s[start:i]...)
			b = append(b, `\ufffd`...)
			start = i + size
			w.changed = true
		case r == '\u2028' || r == '\u2029': // ends a line in JavaScript
			b = append(b, s[start:i]...)
			b = append(b, `\u202`...)
			b = append(b, hex[r&0xf])
			start = i + size
		}
		i += size
	}
	w.b = append(b, s[start:]...)
}

func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	default:
		return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
	}
}
