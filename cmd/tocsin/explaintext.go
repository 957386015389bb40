package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/tocsin-security/tocsin/rules/explain"
	"github.com/tocsin-security/tocsin/rules/ruletest"
)

// printExplanation shows an explanation to people.
func printExplanation(out io.Writer, e *explain.Explanation) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  (%s)\n", e.Rule, e.At)
	if e.Desc != "" {
		fmt.Fprintf(&b, "  %s\n", e.Desc)
	}
	fmt.Fprintf(&b, "  priority %s, source %s", e.Severity, e.Source)
	if len(e.Tags) > 0 {
		fmt.Fprintf(&b, ", tags %s", strings.Join(e.Tags, ", "))
	}
	b.WriteString("\n\n")
	writeVerdict(&b, &e.Verdict, false)
	if e.Window != nil {
		writeWindow(&b, e.Window)
	}
	if e.Condition == nil {
		_, err := io.WriteString(out, b.String())
		return err
	}
	if isSequence := e.Window != nil && len(e.Window.Steps) > 0; !isSequence || e.Measured != nil {
		b.WriteString("\ncondition, its parts in the order in which they are asked:\n")
		if e.Measured != nil {
			b.WriteString("    reached       true         ns\n")
		}
		writePart(&b, e.Condition, "", "", nil)
	}
	if m := e.Measured; m != nil {
		fmt.Fprintf(&b, "\nmeasured: %d events, %d of them of its types; the index named the rule for %d, for %d of those in vain; it held for %d\n",
			m.Events, m.OfItsTypes, m.Candidate, m.InVain, m.Held)
	}
	fmt.Fprintf(&b, "\nevents: %s\n", strings.Join(e.EventTypes, ", "))
	for _, f := range e.Found {
		writeFound(&b, f, len(e.Found) > 1)
	}
	writeFields(&b, "fields of the condition", e.Fields)
	writeFields(&b, "fields of the output", e.Output)
	_, err := io.WriteString(out, b.String())
	return err
}

// writeVerdict writes whether a rule can fire, and why not.
func writeVerdict(b *strings.Builder, v *explain.Verdict, named bool) {
	b.WriteString(string(v.State))
	if named {
		fmt.Fprintf(b, ": %s  (%s)", v.Rule, v.At)
	}
	b.WriteString("\n")
	if v.Counted != "" && named {
		fmt.Fprintf(b, "    %s\n", v.Counted)
	}
	for _, r := range v.Reasons {
		b.WriteString("    ")
		if r.At != "" {
			b.WriteString(r.At + ": ")
		}
		b.WriteString(r.Text + "\n")
	}
}

// writePart draws a part of the condition and those below it. parent is the macro already named above.
func writePart(b *strings.Builder, p *explain.Part, branch, indent string, parent []string) {
	if m := p.Measured; m != nil {
		fmt.Fprintf(b, "%11d%11d%11.1f", m.Reached, m.True, m.Ns)
	}
	text := p.Kind
	if p.Kind == "check" {
		text = ruletest.Shorten(p.Text)
	}
	fmt.Fprintf(b, "  %s%s", branch, text)
	if len(p.Macro) > len(parent) {
		fmt.Fprintf(b, "   [%s]", strings.Join(p.Macro[len(parent):], " → "))
		parent = p.Macro
	}
	if p.ByType {
		b.WriteString("   answered by the event's type")
	}
	for _, note := range p.Notes {
		b.WriteString("   ! " + note)
	}
	b.WriteString("\n")
	for i, k := range p.Kids {
		if i == len(p.Kids)-1 {
			writePart(b, k, indent+"└─ ", indent+"   ", parent)
		} else {
			writePart(b, k, indent+"├─ ", indent+"│  ", parent)
		}
	}
}

// maxShown is how many facts and events are named before the rest is only counted.
const maxShown = 12

func someOf(texts []string, sep string) string {
	if len(texts) <= maxShown {
		return strings.Join(texts, sep)
	}
	return fmt.Sprintf("%s%sand %d more", strings.Join(texts[:maxShown], sep), sep, len(texts)-maxShown)
}

func writeFound(b *strings.Builder, f explain.Found, several bool) {
	b.WriteString("found: ")
	if several {
		fmt.Fprintf(b, "(%s) ", someOf(f.Events, ", "))
	}
	if len(f.Facts) == 0 {
		b.WriteString("no fact is worth an index: asked for every such event")
	} else {
		fmt.Fprintf(b, "asked only when %s", someOf(f.Facts, ", or "))
	}
	if len(f.Gates) > 0 {
		fmt.Fprintf(b, "; first asked for all rules: %s", strings.Join(f.Gates, ", "))
	}
	b.WriteString("\n")
}

func writeFields(b *strings.Builder, title string, fields []explain.Field) {
	if len(fields) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, f := range fields {
		source := "from the " + f.Source
		if f.Unavailable != "" {
			source = "not available: " + f.Unavailable
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", f.Name, f.Type, source)
	}
	_ = w.Flush() // into memory: it cannot fail
}

// writeWindow writes what a rule's occurrences amount to, and the plan of each step.
func writeWindow(b *strings.Builder, w *explain.Window) {
	by := "all occurrences of the rule together"
	if len(w.By) > 0 {
		by = "by " + strings.Join(w.By, ", ")
	}
	fmt.Fprintf(b, "\nwindow: %s, %s\n", w.Counted, by)
	if w.Within != "" {
		fmt.Fprintf(b, "  within %s\n", w.Within)
	}
	for _, c := range w.Clauses {
		fmt.Fprintf(b, "  %s\n", c)
	}
	cooldown := "no cooldown: each occurrence for which it holds is an alert"
	if w.Cooldown != "" {
		cooldown = "cooldown " + w.Cooldown
	}
	fmt.Fprintf(b, "  %s\n", cooldown)
	for i, s := range w.Steps {
		fmt.Fprintf(b, "\nstep %d, %s:\n", i+1, s.Name)
		writePart(b, s.Condition, "", "", nil)
		fmt.Fprintf(b, "  events: %s\n", strings.Join(s.EventTypes, ", "))
		for _, f := range s.Found {
			b.WriteString("  ")
			writeFound(b, f, len(s.Found) > 1)
		}
	}
}
