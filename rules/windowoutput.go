package rules

import (
	"strings"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// outputPiece is text with fields, or what a window shows.
type outputPiece struct {
	text  syntax.Text
	at    syntax.Pos // of the percent sign
	field string     // window.count and so on
	width int
}

// windowPieces cuts an output at the fields of the window.
func windowPieces(t syntax.Text) []outputPiece {
	var pieces []outputPiece
	s := t.String()
	text := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		p := outputPiece{at: t.Pos(i)}
		from := i + 1
		for ; from < len(s) && s[from] >= '0' && s[from] <= '9'; from++ {
			p.width = min(p.width*10+int(s[from]-'0'), pipeline.MaxWidth)
		}
		end := from + windowName(s[from:])
		if end == from {
			continue
		}
		if text < i {
			pieces = append(pieces, outputPiece{text: t.Slice(text, i)})
		}
		p.field = s[from:end]
		pieces = append(pieces, p)
		text, i = end, end-1
	}
	if text < len(s) {
		pieces = append(pieces, outputPiece{text: t.Slice(text, len(s))})
	}
	return pieces
}

// windowName is how much of s names a field of the window, rightly or not; 0: it names something else.
func windowName(s string) int {
	class := strings.TrimSuffix(windowPrefix, ".")
	if !strings.HasPrefix(s, class) {
		return 0
	}
	n := len(class)
	if n == len(s) || s[n] != '.' {
		if n < len(s) && isWord(s[n]) {
			return 0
		}
		return n
	}
	n++
	for n < len(s) && isWord(s[n]) {
		n++
	}
	return n
}

func isWord(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_'
}

// checkWindowFields refuses fields of a window that a rule without one has, and those that no window has, and
// warns about those that this one leaves empty.
func (b *builder) checkWindowFields(r *Rule, pieces []outputPiece) error {
	for _, p := range pieces {
		if p.field == "" {
			continue
		}
		if r.Window == nil {
			return &syntax.Error{At: p.at, Msg: "%" + p.field + ": the rule has no window", Hint: "give it one, for example window: {within: 5m, count: {over: 10}}"}
		}
		var names []string
		var found *pipeline.SightField
		for _, f := range pipeline.SightFields() {
			names = append(names, f.Name)
			if f.Name == p.field {
				found = &f
			}
		}
		if found == nil {
			hint := syntax.DidYouMean(p.field, names)
			if hint == "" {
				hint = "a window has " + strings.Join(names, ", ")
			}
			return &syntax.Error{At: p.at, Msg: "nonexistent field \"" + p.field + "\"", Hint: hint}
		}
		if found.Clause != "" && !r.Window.has(found.Clause) {
			b.problems.add(Warning, LintWindow, r.Name, p.at, r.Name+": %"+p.field+" is always <NA>: the window does not ask for "+found.Clause,
				"leave it out, or add "+windowExamples[found.Clause])
		}
	}
	return nil
}

// has reports whether the window has a clause.
func (w *Window) has(clause string) bool {
	switch clause {
	case "count":
		return w.Count > 0
	case "distinct":
		return w.Window.Distinct > 0
	case "rate":
		return w.Rate > 0
	case "changed":
		return w.Window.Changed > 0
	case "new":
		return w.Window.New > 0
	default:
		return w.Window.Steps > 0
	}
}

// compileOutput sets Output, and of a window the pieces of it.
func (b *builder) compileOutput(r *Rule, text syntax.Text, program *filter.Program) error {
	pieces := windowPieces(filter.OutputText(text))
	if err := b.checkWindowFields(r, pieces); err != nil {
		return err
	}
	whole, parts, err := program.ParseOutputs(textsOf(pieces))
	if err != nil {
		return err
	}
	r.Output = whole
	if r.Window != nil {
		r.Window.Output = windowParts(pieces, func(n int) WindowPart { return WindowPart{Output: parts[n]} })
	}
	return nil
}

// compilePayloadOutput does the same for structured events.
func (b *builder) compilePayloadOutput(r *Rule, text syntax.Text, schema *payload.Schema) error {
	pieces := windowPieces(text.Trim())
	if err := b.checkWindowFields(r, pieces); err != nil {
		return err
	}
	whole, parts, err := payload.ParseOutputs(textsOf(pieces), schema)
	if err != nil {
		return err
	}
	r.Payload.Output = whole
	if r.Window != nil {
		r.Window.Output = windowParts(pieces, func(n int) WindowPart { return WindowPart{Payload: parts[n]} })
	}
	return nil
}

func textsOf(pieces []outputPiece) []syntax.Text {
	var texts []syntax.Text
	for _, p := range pieces {
		if p.field == "" {
			texts = append(texts, p.text)
		}
	}
	return texts
}

// windowParts puts the compiled texts where they stand; compiled gives the nth.
func windowParts(pieces []outputPiece, compiled func(n int) WindowPart) []WindowPart {
	var parts []WindowPart
	n := 0
	for _, p := range pieces {
		if p.field != "" {
			parts = append(parts, WindowPart{Sight: p.field, Width: p.width})
			continue
		}
		parts = append(parts, compiled(n))
		n++
	}
	return parts
}
