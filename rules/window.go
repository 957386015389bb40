package rules

import (
	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Window is the window key of a rule, compiled. Of the fields those of Payload are set for structured
// events, the others for the kernel's.
type Window struct {
	pipeline.Window
	At syntax.Pos

	By                     []field.Ref // what is counted together; empty: all occurrences of the rule
	Distinct, Changed, New *field.Ref  // nil: not asked for
	Payload                *PayloadWindow

	// Local says that a key lives on one node, so that its memory can count alone.
	Local  bool
	Steps  []Step
	Output []WindowPart // in place of Rule.Output
}

// PayloadWindow is the fields of a window over structured events.
type PayloadWindow struct {
	By                     []payload.Path
	Distinct, Changed, New *payload.Path
}

// Step is one step of a sequence. Whenever one holds, so does the rule's Code, or the Condition of its Payload.
type Step struct {
	Name    string
	Node    syntax.Node        // the rule's condition and the step's own
	Code    *filter.Condition  // of a rule for the kernel's events
	Payload *payload.Condition // of one for structured events
	Text    string             // of such a one: the step as it is written
}

// WindowPart is a piece of an output: text with fields, or what the window shows there.
type WindowPart struct {
	Output  *filter.Output
	Payload *payload.Output
	Sight   string // window.count and so on; "" for the other two
	Width   int
}

// Fields are what the window counts by, and the fields it compares, as they are written.
func (w *Window) Fields() (by []string, distinct, changed, unseen string) {
	text := func(f *field.Ref, p *payload.Path) string {
		switch {
		case f != nil:
			return f.Text
		case p != nil:
			return p.Text
		default:
			return ""
		}
	}
	for i := range w.By {
		by = append(by, w.By[i].Text)
	}
	p := w.Payload
	if p == nil {
		p = &PayloadWindow{}
	}
	for i := range p.By {
		by = append(by, p.By[i].Text)
	}
	return by, text(w.Distinct, p.Distinct), text(w.Changed, p.Changed), text(w.New, p.New)
}
