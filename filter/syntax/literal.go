package syntax

import "strings"

// maxConst is the longest string constant, in bytes: Falco's limit.
const maxConst = 255

// bareEnd holds what ends a string without quotes.
const bareEnd = "()\"',=" + whiteSpace

// str = quoted | bare
func (p *parser) str() (Value, error) {
	if p.i < len(p.s) && isQuote(p.s[p.i]) {
		return p.quoted()
	}
	n := strings.IndexAny(p.s[p.i:], bareEnd)
	if n < 0 {
		n = len(p.s) - p.i
	}
	if n == 0 {
		return Value{}, p.expected("a value")
	}
	v := Value{At: p.text.Pos(p.i), Text: p.s[p.i : p.i+n]}
	p.i += n
	return v, v.check()
}

// quoted reads a string in either kind of quote. It ends at the next such quote that is not directly
// preceded by a backslash, whatever that backslash belongs to.
func (p *parser) quoted() (Value, error) {
	start, quote := p.i, p.s[p.i]
	end := start + 1
	for end < len(p.s) && (p.s[end] != quote || p.s[end-1] == '\\') {
		end++
	}
	v := Value{At: p.text.Pos(start)}
	if end >= len(p.s) {
		return v, p.errorf(start, "no closing %c for this quote", quote)
	}
	text, bad := unescape(p.s[start+1:end], quote)
	if bad >= 0 {
		return v, &Error{At: p.text.Pos(start + 1 + bad), Msg: "unknown escape " + quoteShort(p.s[start+1+bad:end]),
			Hint: `escapes are \b \f \n \r \t \\ \/ \xHH and the quote itself`}
	}
	p.i = end + 1
	v.Text = text
	return v, v.check()
}

// number = "0x" hex | [sign] digits [ "." digits ] [ "e" sign digits ]
func (p *parser) number() (Value, error) {
	n := numberLen(p.s[p.i:])
	if n == 0 {
		return Value{}, p.expected("a number")
	}
	v := Value{At: p.text.Pos(p.i), Text: p.s[p.i : p.i+n]}
	p.i += n
	return v, v.check()
}

func numberLen(s string) int {
	if rest, ok := strings.CutPrefix(s, "0x"); ok {
		if n := span(rest, "0123456789abcdefABCDEF"); n > 0 {
			return 2 + n
		}
	}
	i := 0
	if s != "" && (s[0] == '+' || s[0] == '-') {
		i = 1
	}
	digits := span(s[i:], decimal)
	if digits == 0 {
		return 0
	}
	i += digits
	if i < len(s) && s[i] == '.' {
		if n := span(s[i+1:], decimal); n > 0 {
			i += 1 + n
		}
	}
	if i+1 < len(s) && s[i] == 'e' && (s[i+1] == '+' || s[i+1] == '-') {
		if n := span(s[i+2:], decimal); n > 0 {
			i += 2 + n
		}
	}
	return i
}

const decimal = "0123456789"

// span is how many leading bytes of s are in set.
func span(s, set string) int { return len(s) - len(strings.TrimLeft(s, set)) }

// check refuses what no value can hold.
func (v Value) check() error {
	switch {
	case strings.IndexByte(v.Text, 0) >= 0:
		return Errorf(v.At, "a value cannot hold a NUL byte")
	case len(v.Text) > maxConst:
		return Errorf(v.At, "a value has at most %d bytes, this one %d", maxConst, len(v.Text))
	}
	return nil
}

// unescape undoes the escapes in the inside of a quoted string; bad is the place of one it does not
// know, or -1. A backslash before a blank stands for a backslash alone: stock rules rely on it.
func unescape(s string, quote byte) (text string, bad int) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, -1
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) {
			return "", i
		}
		c, skip, ok := escape(s[i+1:], quote)
		if !ok {
			return "", i
		}
		b.WriteByte(c)
		i += skip
	}
	return b.String(), -1
}

// escape reads what follows a backslash: the byte it means and how many bytes it took.
func escape(s string, quote byte) (c byte, length int, ok bool) {
	switch s[0] {
	case 'b':
		return '\b', 1, true
	case 'f':
		return '\f', 1, true
	case 'n':
		return '\n', 1, true
	case 'r':
		return '\r', 1, true
	case 't':
		return '\t', 1, true
	case '\\', ' ':
		return '\\', 1, true
	case '/':
		return '/', 1, true
	case quote:
		return quote, 1, true
	case 'x':
		if len(s) < 3 {
			return 0, 0, false
		}
		hi, lo := hexDigit(s[1]), hexDigit(s[2])
		return byte(hi<<4 | lo), 3, hi >= 0 && lo >= 0
	}
	return 0, 0, false
}

func hexDigit(c byte) int { return strings.IndexByte("0123456789abcdef", lower(c)) }

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func isQuote(c byte) bool { return c == '"' || c == '\'' }

// quoteShort is s in quotes for a message, cut when long.
func quoteShort(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return `"` + s + `"`
}
