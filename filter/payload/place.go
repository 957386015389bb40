package payload

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// Locator says where an address is, given as text, with a port or without: an object with the members of
// placeMembers, those that are known; nil when nothing is. It is safe for concurrent use.
type Locator func(address string) map[string]any

// geoFunction is its name in conditions, outputs and paths.
const geoFunction = "geo"

// place is what rules are checked against.
type place struct {
	Country string `expr:"country"` // two letters (ISO 3166-1)
	City    string `expr:"city"`
	ASN     int    `expr:"asn"`
	ASOrg   string `expr:"as_org"`
}

var placeMembers = []string{"country", "city", "asn", "as_org"}

// geoType declares the function for the type check; there, it is never called.
var geoType = expr.Function(geoFunction, func(...any) (any, error) { return &place{}, nil }, new(func(string) *place))

// locate is the function as conditions run it.
func locate(m *meter, a []any) any { return placeOf(m.geo, a[0]) }

// placeOf is nil for what is no text and for what is not known, as a value that events can have.
func placeOf(geo Locator, address any) any {
	text, ok := address.(string)
	if !ok || geo == nil {
		return nil
	}
	if found := geo(text); found != nil {
		return found
	}
	return nil
}

// Located is the event with somebody who knows where addresses are.
func (e Event) Located(by Locator) Event {
	e.geo = by
	return e
}

// AsksPlaces reports whether the condition asks where an address is, and what members of the event have those
// addresses.
func (c *Condition) AsksPlaces() (asks bool, of []Path) { return c.asks, c.places }

// notePlaces is shown every node of the condition.
func (c *Condition) notePlaces(n ast.Node) {
	call, ok := n.(*ast.CallNode) // inspect saw that it is geo
	if !ok {
		return
	}
	c.asks = true
	if len(call.Arguments) == 1 {
		if keys, ok := pathOf(call.Arguments[0]); ok {
			c.places = append(c.places, Path{keys: keys})
		}
	}
}

// AsksPlaces reports whether the path asks where an address is, and of which member.
func (p Path) AsksPlaces() (asks bool, of Path) { return p.place != "", Path{keys: p.keys} }

// placePath reads geo(PATH).MEMBER, which t starts with, and how long it is.
func placePath(t syntax.Text, schema *Schema) (Path, int, error) {
	s := t.String()
	open := len(geoFunction) + 1
	p, n, err := leadingPath(t.Slice(open, len(s)), schema)
	if err != nil {
		return Path{}, 0, err
	}
	n += open
	if p.place != "" || !strings.HasPrefix(s[n:], ").") {
		return Path{}, 0, &syntax.Error{At: t.Pos(n), Msg: "expected ). and a member of the place", Hint: "as in geo(event.ip).country"}
	}
	n += len(").")
	name := s[n : n+nameLength(s[n:])]
	if !slices.Contains(placeMembers, name) {
		return Path{}, 0, &syntax.Error{At: t.Pos(n), Msg: "a place has no member " + `"` + name + `"`, Hint: "they are " + strings.Join(placeMembers, ", ")}
	}
	n += len(name)
	return Path{Text: s[:n], keys: p.keys, place: name}, n, nil
}
