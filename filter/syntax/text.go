package syntax

import (
	"errors"
	"fmt"
	"strings"
)

// Pos is a place in a rule file. Line and Col count from 1, columns in bytes; Line 0 means unknown.
type Pos struct {
	File string
	Line int
	Col  int
}

// String is file:line:col, without the parts that are unknown.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.File == "":
		return fmt.Sprintf("%d:%d", p.Line, p.Col)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
	}
}

// Error is a complaint about a place in a rule file.
type Error struct {
	At   Pos
	Msg  string
	Hint string // what to write instead, or ""
	// Unknown says that a field or event type does not exist: rules may ask to be skipped then.
	Unknown bool
	Cause   error // what another parser said, or nil
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Error is the place, what is wrong there, and the hint in parentheses.
func (e *Error) Error() string {
	var b strings.Builder
	if at := e.At.String(); at != "" {
		b.WriteString(at + ": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Errorf makes an Error without a hint.
func Errorf(at Pos, format string, args ...any) error {
	return &Error{At: at, Msg: fmt.Sprintf(format, args...)}
}

// AsError finds the Error in err, or makes one without a place.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Msg: err.Error()}
}

// Text is a string that remembers where each of its bytes stands in a file. The zero value is empty.
// It spends a few words per byte, which only the loading of rules pays.
type Text struct {
	s  string
	at []Pos // at[i] is the place of s[i]
}

// NewText is s standing at a place in a file exactly as it is there.
func NewText(s string, at Pos) Text {
	t := Text{s: s, at: make([]Pos, len(s))}
	for i := range len(s) {
		t.at[i] = at
		at.Col++
		if s[i] == '\n' {
			at.Line, at.Col = at.Line+1, 1
		}
	}
	return t
}

// FixedText is s whose every byte stands for one place: what was substituted for a name.
func FixedText(s string, at Pos) Text {
	t := Text{s: s, at: make([]Pos, len(s))}
	for i := range t.at {
		t.at[i] = at
	}
	return t
}

// PlacedText is s with the place of each byte given; at must be as long as s.
func PlacedText(s string, at []Pos) Text { return Text{s: s, at: at} }

// String is the text alone.
func (t Text) String() string { return t.s }

// Pos is the place of byte i, and for i at or past the end the place of the last byte.
func (t Text) Pos(i int) Pos {
	if len(t.at) == 0 {
		return Pos{}
	}
	return t.at[min(i, len(t.at)-1)]
}

// Slice is the part from byte lo up to hi.
func (t Text) Slice(lo, hi int) Text { return Text{s: t.s[lo:hi], at: t.at[lo:hi]} }

// Join puts texts one after the other.
func Join(texts ...Text) Text {
	var b strings.Builder
	var at []Pos
	for _, t := range texts {
		b.WriteString(t.s)
		at = append(at, t.at...)
	}
	return Text{s: b.String(), at: at}
}

// Trim drops white space at both ends.
func (t Text) Trim() Text {
	left := len(t.s) - len(strings.TrimLeft(t.s, whiteSpace))
	right := len(strings.TrimRight(t.s, whiteSpace))
	if left >= right {
		return Text{}
	}
	return t.Slice(left, right)
}

// ReplaceName puts with in the place of every occurrence of name that stands alone, that is, whose
// neighbours are a delimiter or the end of the text. This is how lists get into conditions: before
// parsing, inside quotes too. An empty with takes one neighbouring comma along, so that "(a, name)"
// stays a list.
func (t Text) ReplaceName(name, with string) Text {
	if name == "" || !strings.Contains(t.s, name) {
		return t
	}
	var parts []Text
	done := 0
	for i := 0; ; {
		k := strings.Index(t.s[i:], name)
		if k < 0 {
			break
		}
		lo := i + k
		hi := lo + len(name)
		i = lo + 1
		if !t.standsAlone(lo, hi) {
			continue
		}
		at := t.at[lo]
		if with == "" {
			lo, hi = t.withComma(done, lo, hi)
		}
		parts = append(parts, t.Slice(done, lo), FixedText(with, at))
		done, i = hi, hi
	}
	if done == 0 {
		return t
	}
	return Join(append(parts, t.Slice(done, len(t.s)))...)
}

const (
	whiteSpace     = " \t\b\r\n"
	nameDelimiters = whiteSpace + "(),="
)

func (t Text) standsAlone(lo, hi int) bool {
	return (lo == 0 || strings.IndexByte(nameDelimiters, t.s[lo-1]) >= 0) &&
		(hi == len(t.s) || strings.IndexByte(nameDelimiters, t.s[hi]) >= 0)
}

// withComma widens [lo,hi) by the comma before it, else by the one after it; never below floor.
func (t Text) withComma(floor, lo, hi int) (int, int) {
	before := floor + len(strings.TrimRight(t.s[floor:lo], whiteSpace))
	if before > floor && t.s[before-1] == ',' {
		return before - 1, hi
	}
	after := len(t.s) - len(strings.TrimLeft(t.s[hi:], whiteSpace))
	if after < len(t.s) && t.s[after] == ',' {
		return lo, after + 1
	}
	return lo, hi
}
