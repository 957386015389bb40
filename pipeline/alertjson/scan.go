package alertjson

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrOdd says that a text is not plain enough for this package, or wrong; encoding/json finds out.
var ErrOdd = errors.New("not plain JSON")

// Scanner reads plain JSON from the start of a text. Its methods return ErrOdd where encoding/json has to look; what
// they accept is valid. Strings share the text's memory.
type Scanner struct {
	s string
	i int
}

// NewScanner returns a Scanner at the start of s.
func NewScanner(s string) *Scanner { return &Scanner{s: s} }

// blank skips blanks and returns the byte that follows, 0 at the end.
func (p *Scanner) blank() byte {
	for p.i < len(p.s) {
		switch c := p.s[p.i]; c {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return c
		}
	}
	return 0
}

// End reports whether nothing but blanks follows.
func (p *Scanner) End() bool { return p.blank() == 0 && p.i == len(p.s) }

// Object calls member for each member of the object that follows; member reads the value.
func (p *Scanner) Object(member func(key string) error) error {
	return p.sequence('{', '}', func() error {
		key, err := p.String()
		if err != nil {
			return err
		}
		if p.blank() != ':' {
			return ErrOdd
		}
		p.i++
		return member(key)
	})
}

// Array calls element for each element of the array that follows; element reads it.
func (p *Scanner) Array(element func() error) error { return p.sequence('[', ']', element) }

func (p *Scanner) sequence(begin, end byte, one func() error) error {
	if p.blank() != begin {
		return ErrOdd
	}
	p.i++
	if p.blank() == end {
		p.i++
		return nil
	}
	for {
		if err := one(); err != nil {
			return err
		}
		switch p.blank() {
		case ',':
			p.i++
		case end:
			p.i++
			return nil
		default:
			return ErrOdd
		}
	}
}

// String reads a string.
func (p *Scanner) String() (string, error) {
	if p.blank() != '"' {
		return "", ErrOdd
	}
	p.i++
	begin, ascii := p.i, true
	for p.i < len(p.s) {
		c := p.s[p.i]
		switch {
		case c == '"':
			text := p.s[begin:p.i]
			p.i++
			if !ascii && !utf8.ValidString(text) {
				return "", ErrOdd
			}
			return text, nil
		case c == '\\':
			return p.escaped(begin - 1)
		case c < ' ':
			return "", ErrOdd
		case c >= utf8.RuneSelf:
			ascii = false
		}
		p.i++
	}
	return "", ErrOdd
}

// escaped reads a string with escapes, which begins at begin with its quote.
func (p *Scanner) escaped(begin int) (text string, err error) {
	buf := texts.Get().(*[]byte)
	plain := append((*buf)[:0], p.s[begin+1:p.i]...)
	defer func() {
		if *buf = plain; cap(plain) <= maxText {
			texts.Put(buf)
		}
	}()
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			if text := string(plain); utf8.ValidString(text) {
				return text, nil
			}
			return "", ErrOdd
		case c < ' ':
			return "", ErrOdd
		case c != '\\':
			plain = append(plain, c)
			p.i++
		default:
			if plain, err = p.escape(plain); err != nil {
				return "", err
			}
		}
	}
	return "", ErrOdd
}

// escape reads an escape and appends what it stands for. Surrogates are left to encoding/json.
func (p *Scanner) escape(b []byte) ([]byte, error) {
	rest := p.s[p.i+1:]
	if rest == "" {
		return b, ErrOdd
	}
	if c := strings.IndexByte(`"\/bfnrt`, rest[0]); c >= 0 {
		p.i += 2
		return append(b, "\"\\/\b\f\n\r\t"[c]), nil
	}
	if rest[0] != 'u' || len(rest) < 5 {
		return b, ErrOdd
	}
	n, err := strconv.ParseUint(rest[1:5], 16, 16)
	if err != nil || utf16.IsSurrogate(rune(n)) {
		return b, ErrOdd
	}
	p.i += 6
	return utf8.AppendRune(b, rune(n)), nil
}

// Raw returns the text of the value that follows, which is valid where a scalar; of an object or array only that its
// brackets close is known.
func (p *Scanner) Raw() (string, error) {
	c := p.blank()
	begin := p.i
	switch {
	case c == '"':
		_, err := p.String()
		return p.s[begin:p.i], err
	case c == '{' || c == '[':
		depth := 0
		for p.i < len(p.s) {
			switch p.s[p.i] {
			case '"':
				if !p.skipString() {
					return "", ErrOdd
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					p.i++
					return p.s[begin:p.i], nil
				}
			}
			p.i++
		}
		return "", ErrOdd
	}
	for p.i < len(p.s) && p.s[p.i] != ',' && p.s[p.i] != '}' && p.s[p.i] != ']' && p.s[p.i] > ' ' {
		p.i++
	}
	text := p.s[begin:p.i]
	if text == "true" || text == "false" || text == "null" || isInteger(text) || json.Valid([]byte(text)) {
		return text, nil
	}
	return "", ErrOdd
}

// skipString goes behind the string that begins here.
func (p *Scanner) skipString() bool {
	for p.i++; ; p.i++ {
		n := strings.IndexByte(p.s[p.i:], '"')
		if n < 0 {
			return false
		}
		p.i += n
		escapes := p.i - 1
		for p.s[escapes] == '\\' { // ends at the quote before, at the latest
			escapes--
		}
		if (p.i-escapes)%2 == 1 {
			p.i++
			return true
		}
	}
}

// Value reads a value as pipeline.Fields holds it: numbers as they are written.
func (p *Scanner) Value() (any, error) {
	switch p.blank() {
	case '"':
		return p.boxed()
	case '{', '[':
		return nil, ErrOdd
	}
	text, err := p.Raw()
	if err != nil {
		return nil, err
	}
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	default:
		return json.Number(text), nil
	}
}

func (p *Scanner) boxed() (any, error) {
	s, err := p.String()
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Time reads a time as RFC 3339 writes it.
func (p *Scanner) Time() (t time.Time, err error) {
	text, err := p.String()
	if err != nil {
		return t, err
	}
	return t, t.UnmarshalText([]byte(text))
}

// null reads null, where that follows.
func (p *Scanner) null() bool {
	if p.blank() != 'n' || !strings.HasPrefix(p.s[p.i:], "null") {
		return false
	}
	p.i += len("null")
	return true
}

// Texts reads an array of strings, or null.
func (p *Scanner) Texts() ([]string, error) {
	if p.null() {
		return nil, nil
	}
	all := []string{}
	err := p.Array(func() error {
		s, err := p.String()
		all = append(all, s)
		return err
	})
	return all, err
}

// Pairs reads an object of strings, or null.
func (p *Scanner) Pairs() (map[string]string, error) { return readMap(p, &pairs, (*Scanner).String) }

// Fields reads an object of scalars, or null.
func (p *Scanner) Fields() (map[string]any, error) { return readMap(p, &fields, (*Scanner).Value) }

// Split cuts an array into its elements; anything else is one. It looks only for where they end: whether body is
// valid, json.Valid says. The elements share body's memory.
func Split(body []byte) (elements []json.RawMessage, ok bool) {
	if len(body) == 0 {
		return nil, false
	}
	if body[0] != '[' {
		return []json.RawMessage{body}, true
	}
	p := NewScanner(textOf(body))
	err := p.Array(func() error {
		p.blank()
		begin := p.i
		_, err := p.Raw()
		elements = append(elements, body[begin:p.i:p.i])
		return err
	})
	return elements, err == nil && p.End()
}
