package field

import (
	"fmt"
	"math"
	"net/netip"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// Set gives a field a value: a string, int64 or bool, nil for null, or for lists, fields of all ancestors and
// of both ends of a connection a []any of them, nearest ancestor or client first. The error has ErrUnknown in
// it when there is no such field.
func (g Given) Set(o syntax.Operand, value any) error {
	r, err := Lookup(o)
	switch {
	case err != nil:
		return err
	case r.Null():
		return fmt.Errorf("%s is always null here, no event can have a value for it: %s", r.Text, r.Def.Unavailable)
	case value == nil:
		return nil
	}
	n := nameOf(o)
	switch {
	case n.generation() > 0:
		one, err := typed(r, value)
		if err != nil {
			return err
		}
		list, _ := g[n.def.Name].([]any)
		for len(list) < n.generation() {
			list = append(list, nil)
		}
		list[n.generation()-1] = one
		g[n.def.Name] = list
		return nil
	case r.OfProcess != nil || r.IntOfProcess != nil:
		return g.setAncestors(r, n.key(), value)
	case r.Some != nil || r.Def.IsList || r.List != nil && isList(value):
		return g.setTexts(r, n.key(), value)
	case r.Ends != nil:
		return g.setEnds(r, n.key(), value)
	}
	if g[n.key()], err = typed(r, value); err != nil {
		delete(g, n.key())
	}
	return err
}

func (g Given) setAncestors(r Ref, key string, value any) error {
	known, _ := g[key].([]any)
	values := asList(value)
	for len(known) < len(values) {
		known = append(known, nil)
	}
	for i, v := range values {
		if v == nil {
			continue
		}
		one, err := typed(r, v)
		if err != nil {
			return err
		}
		known[i] = one
	}
	g[key] = known
	return nil
}

func (g Given) setTexts(r Ref, key string, value any) error {
	texts := []string{}
	for _, v := range asList(value) {
		one, err := typed(r, v)
		if err != nil {
			return err
		}
		text, _ := one.(string) // lists are of text
		texts = append(texts, text)
	}
	g[key] = texts
	return nil
}

func (g Given) setEnds(r Ref, key string, value any) error {
	values := asList(value)
	if len(values) > 2 {
		return fmt.Errorf("%s stands for the two ends of a connection: it has at most two values, client first", r.Text)
	}
	var ends [2]netip.AddrPort
	for i, v := range values {
		if v == nil {
			continue
		}
		one, err := typed(r, v)
		switch one := one.(type) {
		case netip.Addr:
			ends[i] = netip.AddrPortFrom(one, 0)
		case int64: // the address only makes the end valid
			ends[i] = netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(one))
		default:
			return err
		}
	}
	g[key] = ends
	return nil
}

func isList(value any) bool {
	_, ok := value.([]any)
	return ok
}

func asList(value any) []any {
	if list, ok := value.([]any); ok {
		return list
	}
	return []any{value}
}

// typed is value as the field's getters return it.
func typed(r Ref, value any) (any, error) {
	t := r.Def.Type
	switch v := value.(type) {
	case []any:
		return nil, fmt.Errorf("%s is a %s, not a list", r.Text, t)
	case int64:
		if t.IsNumber() {
			return v, inRange(r, v)
		}
		if t == String || t == Buffer {
			return nil, fmt.Errorf("%s is a %s, %d is a number: put it in quotes", r.Text, t, v)
		}
	case bool:
		if t == Bool {
			return v, nil
		}
		if t == String || t == Buffer {
			return nil, fmt.Errorf("%s is a %s, %t is a bool: put it in quotes", r.Text, t, v)
		}
	case string:
		switch t {
		case String, Buffer:
			return v, nil
		case IP, Net:
			a, err := netip.ParseAddr(v)
			if err != nil {
				return nil, fmt.Errorf("%s is an %s, %q is none", r.Text, IP, v)
			}
			return a, nil
		}
	}
	return nil, fmt.Errorf("%s is a %s, %#v is none", r.Text, t, value)
}

func inRange(r Ref, n int64) error {
	limit := int64(math.MaxInt64)
	switch r.Def.Type {
	case Int:
		return nil
	case Port:
		limit = math.MaxUint16
	case Uint:
		limit = math.MaxUint32
	}
	if n < 0 || n > limit {
		return fmt.Errorf("%s is a %s: it is never %d", r.Text, r.Def.Type, n)
	}
	return nil
}
