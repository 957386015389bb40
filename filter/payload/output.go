package payload

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// null is what an output shows for a member that is not there.
const null = "<NA>"

// Bounds of what an alert takes out of an event. An alert has to fit into a bus message with all its
// fields twice and everything escaped; who writes the rule decides how many there are.
const (
	maxValue  = 1024  // bytes of one value
	maxValues = 16384 // bytes of all values of an output
	MaxOutput = 4096  // bytes of the text
)

// Output is a compiled output text. It is safe for concurrent use.
type Output struct {
	parts []part
	paths []Path
	share int // how many paths share the bound on all values
}

// part is literal text, then a value unless it is the last.
type part struct {
	literal string
	path    *Path
}

// ParseOutput compiles text with %event.… members. The error is a *syntax.Error.
func ParseOutput(t syntax.Text, schema *Schema) (*Output, error) { return piece(t.Trim(), schema) }

// ParseOutputs compiles the pieces of an output, between which something else is shown, and joins them to a
// whole that has the members of all. The error is a *syntax.Error.
func ParseOutputs(pieces []syntax.Text, schema *Schema) (whole *Output, parts []*Output, err error) {
	whole = &Output{}
	for _, t := range pieces {
		o, err := piece(t, schema)
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, o)
		whole.parts = append(whole.parts, o.parts...)
		for _, p := range o.paths {
			if !slices.ContainsFunc(whole.paths, func(q Path) bool { return p.Text == q.Text }) {
				whole.paths = append(whole.paths, p)
			}
		}
	}
	whole.share = len(whole.paths)
	for _, o := range parts {
		o.share = whole.share
	}
	return whole, parts, nil
}

// piece compiles text of which every byte is shown.
func piece(t syntax.Text, schema *Schema) (*Output, error) {
	o := &Output{}
	seen := map[string]bool{}
	s := t.String()
	literal := 0
	for i := 0; i < len(s); {
		if s[i] != '%' {
			i++
			continue
		}
		if nameLength(s[i+1:]) == 0 {
			return nil, &syntax.Error{At: t.Pos(i), Msg: "no member after %", Hint: "an output cannot hold a literal percent sign"}
		}
		p, n, err := leadingPath(t.Slice(i+1, len(s)), schema)
		if err != nil {
			return nil, err
		}
		o.parts = append(o.parts, part{literal: s[literal:i], path: &p})
		if !seen[p.Text] {
			seen[p.Text] = true
			o.paths = append(o.paths, p)
		}
		i += 1 + n
		literal = i
	}
	o.parts = append(o.parts, part{literal: s[literal:]})
	o.share = len(o.paths)
	return o, nil
}

// Paths are the members of the output, each once, in order.
func (o *Output) Paths() []Path { return o.paths }

// limit is how long one value may be.
func (o *Output) limit() int { return min(maxValue, maxValues/max(o.share, 1)) }

// Text is the output for an event.
func (o *Output) Text(e Event) string {
	var b strings.Builder
	limit := o.limit()
	for _, p := range o.parts {
		b.WriteString(p.literal)
		if p.path != nil {
			b.WriteString(Cut(Text(p.path.Value(e)), limit))
		}
	}
	return Cut(b.String(), MaxOutput)
}

// Value is the value at p as an alert carries it: text, a number, a bool or nil; lists and objects as
// JSON text.
func (o *Output) Value(e Event, p Path) any {
	switch v := p.Value(e).(type) {
	case string:
		return Cut(v, o.limit())
	case []any, map[string]any:
		return Cut(Text(v), o.limit())
	default:
		return v
	}
}

// Cut shortens s to at most limit bytes, whole characters and an ellipsis.
func Cut(s string, limit int) string {
	const ellipsis = "…"
	if len(s) <= limit {
		return s
	}
	end := max(limit-len(ellipsis), 0)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}
