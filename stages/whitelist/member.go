package whitelist

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/rules"
)

// member asks a structured event for a member of its payload. What is not there has none of the values.
type member struct {
	path  payload.Path
	exact []string
	globs []string
	nets  []netip.Prefix
}

// isMember reports whether a key of match names a member of structured events' payloads, as event.user.name.
func isMember(name string) bool {
	return strings.HasPrefix(name, "event.") || strings.HasPrefix(name, "event[")
}

// readMember reads a path with its values. schemas are those of the sources that the entry is about: one of them
// has to know the path.
func readMember(k rules.Key, schemas []*payload.Schema) (m member, err error) {
	for _, schema := range schemas {
		if m.path, err = payload.ParsePath(syntax.FixedText(k.Name, k.At), schema); err == nil {
			break
		}
	}
	if err != nil {
		return m, err
	}
	values, err := k.Texts(true)
	if err != nil {
		return m, err
	}
	if len(values) == 0 {
		return m, syntax.Errorf(k.At, "%s has no values: the entry would never apply", k.Name)
	}
	for _, t := range values {
		text := t.String()
		network, err := netip.ParsePrefix(text)
		switch {
		case err == nil:
			m.nets = append(m.nets, network.Masked())
		case isGlob(text):
			m.globs = append(m.globs, text)
		default:
			m.exact = append(m.exact, text)
		}
	}
	return m, nil
}

// isGlob reports whether a value of match is a pattern.
func isGlob(s string) bool { return strings.ContainsAny(s, "*?[") }

// narrows reports whether the values are not just anything.
func (m *member) narrows() bool {
	return !slices.ContainsFunc(slices.Concat(m.exact, m.globs), isAnything) && !slices.ContainsFunc(m.nets, func(n netip.Prefix) bool { return n.Bits() == 0 })
}

// holds reports whether the payload has one of the values there. A list has a value that one of its elements is.
func (m *member) holds(members map[string]any) bool {
	return slices.ContainsFunc(texts(m.path.In(members)), m.has)
}

// texts is a value as it is compared: text, numbers and bools as they print, of a list those of its elements.
// Nothing, and an object, has none.
func texts(v any) []string {
	switch v := v.(type) {
	case nil, map[string]any:
		return nil
	case []any:
		var all []string
		for _, element := range v {
			if _, nested := element.([]any); !nested {
				all = append(all, texts(element)...)
			}
		}
		return all
	default:
		return []string{payload.Text(v)}
	}
}

func (m *member) has(text string) bool {
	if slices.Contains(m.exact, text) || slices.ContainsFunc(m.globs, func(g string) bool { return field.Glob(g, text) }) {
		return true
	}
	if len(m.nets) == 0 {
		return false
	}
	addr, err := netip.ParseAddr(text)
	return err == nil && slices.ContainsFunc(m.nets, func(n netip.Prefix) bool { return n.Contains(addr.Unmap()) })
}
