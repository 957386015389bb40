package syntax

import (
	"sort"
	"strings"
)

// Text is a string that remembers where each of its bytes stands in a file, through everything a loader
// does to it. The zero value is empty.
type Text struct {
	s string
	// runs are stretches of bytes that stand side by side in a file. They count from the start of the
	// text that s was cut out of, base bytes before s.
	runs []run
	base int
}

// run is where the bytes from one on stand, until the next run.
type run struct {
	from  int
	at    Pos
	fixed bool // all of them stand for one place
}

// NewText is s standing at a place in a file exactly as it is there.
func NewText(s string, at Pos) Text {
	var b Builder
	for i := range len(s) {
		b.Byte(s[i], at)
		at.Col++
		if s[i] == '\n' {
			at.Line, at.Col = at.Line+1, 1
		}
	}
	return b.Text()
}

// FixedText is s whose every byte stands for one place: what was substituted for a name.
func FixedText(s string, at Pos) Text {
	if s == "" {
		return Text{}
	}
	return Text{s: s, runs: []run{{at: at, fixed: true}}}
}

// Builder puts a Text together.
type Builder struct {
	s    strings.Builder
	runs []run
}

// Byte adds a byte that stands at a place.
func (b *Builder) Byte(c byte, at Pos) {
	if !b.goesOn(at) {
		b.runs = append(b.runs, run{from: b.s.Len(), at: at})
	}
	b.s.WriteByte(c)
}

// goesOn reports whether at is the place right behind the last byte.
func (b *Builder) goesOn(at Pos) bool {
	if len(b.runs) == 0 {
		return false
	}
	last := &b.runs[len(b.runs)-1]
	return !last.fixed && last.at.Line == at.Line && last.at.Col+b.s.Len()-last.from == at.Col && last.at.File == at.File
}

// Add adds a text.
func (b *Builder) Add(t Text) {
	if t.s == "" {
		return
	}
	first := t.run(0)
	for i := first; i < len(t.runs) && t.runs[i].from < t.base+len(t.s); i++ {
		r := t.runs[i]
		if i == first {
			r.at, r.from = t.Pos(0), t.base
		}
		r.from += b.s.Len() - t.base
		b.runs = append(b.runs, r)
	}
	b.s.WriteString(t.s)
}

// Text is what was put together.
func (b *Builder) Text() Text { return Text{s: b.s.String(), runs: b.runs} }

// String is the text alone.
func (t Text) String() string { return t.s }

// run finds the run that byte i is in.
func (t Text) run(i int) int {
	i += t.base
	return sort.Search(len(t.runs), func(r int) bool { return t.runs[r].from > i }) - 1
}

// Pos is the place of byte i, and for i at or past the end the place of the last byte.
func (t Text) Pos(i int) Pos {
	i = min(i, len(t.s)-1)
	if i < 0 {
		return Pos{}
	}
	r := t.runs[t.run(i)]
	if !r.fixed {
		r.at.Col += i + t.base - r.from
	}
	return r.at
}

// Slice is the part from byte lo up to hi.
func (t Text) Slice(lo, hi int) Text { return Text{s: t.s[lo:hi], runs: t.runs, base: t.base + lo} }

// Join puts texts one after the other.
func Join(texts ...Text) Text {
	var b Builder
	size := 0
	for _, t := range texts {
		size += len(t.s)
	}
	b.s.Grow(size)
	for _, t := range texts {
		b.Add(t)
	}
	return b.Text()
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
		at := t.Pos(lo)
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

// Words are the stretches of s between delimiters: all that ReplaceName can find in s of a name that
// holds no delimiter.
func Words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(nameDelimiters, r) })
}

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
