package payload

import (
	"errors"
	"strconv"
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// Path names one value of an event: event.user.name, event.list[0], event.metadata["a.b"]; or something of the
// place of an address that stands there: geo(event.ip).country.
type Path struct {
	Text  string
	keys  []any  // string for a member, int for an element
	place string // the member of the place; "" the value itself
}

// Value is what stands there, or nil.
func (p Path) Value(e Event) any {
	v := p.at(e.Members())
	if p.place == "" {
		return v
	}
	return member(placeOf(e.geo, v), p.place)
}

// In is what stands there in an event's members, or nil. Nobody is asked for places.
func (p Path) In(members map[string]any) any {
	if p.place != "" {
		return nil
	}
	return p.at(members)
}

func (p Path) at(members map[string]any) any {
	v := any(members)
	for _, key := range p.keys {
		if v = member(v, key); v == nil {
			return nil
		}
	}
	return v
}

// ParsePath reads a path that is all of t and checks it against schema. The error is a *syntax.Error.
func ParsePath(t syntax.Text, schema *Schema) (Path, error) {
	t = t.Trim()
	p, n, err := leadingPath(t, schema)
	if err == nil && n < len(t.String()) {
		err = syntax.Errorf(t.Pos(n), "%q does not belong to the path %s", t.String()[n:], p.Text)
	}
	return p, err
}

// leadingPath reads the path that t starts with, and how long it is.
func leadingPath(t syntax.Text, schema *Schema) (Path, int, error) {
	s := t.String()
	n := nameLength(s)
	if strings.HasPrefix(s, geoFunction+"(") {
		return placePath(t, schema)
	}
	if s[:n] != root {
		hint := "members of the payload are event.…"
		if n > 0 {
			hint = "members of the payload are event.…, for example event." + s[:n]
		}
		return Path{}, 0, &syntax.Error{At: t.Pos(0), Msg: "no member of the event: " + strconv.Quote(s[:n]), Hint: hint, Unknown: true}
	}
	p := Path{}
	for {
		key, length, err := nextKey(s[n:])
		if err != nil {
			return Path{}, 0, syntax.Errorf(t.Pos(n), "%s: %v", s[:n], err)
		}
		if length == 0 {
			p.Text = s[:n]
			return p, n, nil
		}
		if err := schema.check(p.keys, key); err != nil {
			e := syntax.AsError(err)
			e.At = t.Pos(n)
			return Path{}, 0, e
		}
		p.keys = append(p.keys, key)
		n += length
	}
}

// nextKey reads .name, [3] or ["name"]; a length of 0 says that the path ends before s.
func nextKey(s string) (key any, length int, err error) {
	if strings.HasPrefix(s, ".") {
		n := nameLength(s[1:])
		if n == 0 {
			return nil, 0, nil // a full stop
		}
		return s[1 : 1+n], 1 + n, nil
	}
	if !strings.HasPrefix(s, "[") {
		return nil, 0, nil
	}
	if len(s) > 1 && (s[1] == '"' || s[1] == '\'') {
		end := strings.IndexByte(s[2:], s[1])
		if end < 0 || !strings.HasPrefix(s[2+end+1:], "]") {
			return nil, 0, errors.New(`expected a name such as ["a.b"]`)
		}
		return s[2 : 2+end], 2 + end + 2, nil
	}
	inside, _, closed := strings.Cut(s[1:], "]")
	i, err := strconv.Atoi(inside)
	if !closed || err != nil {
		return nil, 0, errors.New(`expected a number or a quoted name in [ ]`)
	}
	return i, len(inside) + 2, nil
}

// nameLength is how much of s is a name that needs no quotes.
func nameLength(s string) int {
	for i := range len(s) {
		letter := s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z' || s[i] == '_' || s[i] == '$'
		if !letter && (i == 0 || s[i] < '0' || s[i] > '9') {
			return i
		}
	}
	return len(s)
}
