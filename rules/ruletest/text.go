package ruletest

import (
	"fmt"
	"io"
	"strings"
)

// WriteText prints what did not pass, and a line with the counts; with all set, what passed too.
func (r *Result) WriteText(out io.Writer, all bool) error {
	var b strings.Builder
	for i := range r.Tests {
		t := &r.Tests[i]
		switch {
		case t.Status == Fail:
			fmt.Fprintf(&b, "FAIL  %s  (%s)\n%s", t.Name, t.At, t.Difference())
		case t.Status == Skip:
			fmt.Fprintf(&b, "SKIP  %s  (%s)\n      %s\n", t.Name, t.At, t.Skipped)
		case all:
			fmt.Fprintf(&b, "ok    %s\n", t.Name)
		}
	}
	passed, failed, skipped := r.Counts()
	fmt.Fprintf(&b, "%s: %d passed, %d failed, %d skipped\n", r.File, passed, failed, skipped)
	if r.Coverage != nil {
		r.Coverage.write(&b)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// Difference is what was expected and what came, for people: "-" expected, "+" came.
func (t *TestResult) Difference() string {
	var b strings.Builder
	for _, m := range t.Missing {
		at := ""
		if m.Time != nil {
			at = " at " + m.Time.String()
		}
		if m.Instead == nil {
			fmt.Fprintf(&b, "    - %s%s  (%s)\n", m.Rule, at, m.At)
			if m.Output != nil {
				fmt.Fprintf(&b, "      %s\n", *m.Output)
			}
			m.Why.write(&b)
			continue
		}
		fmt.Fprintf(&b, "    %s fired, but not as expected  (%s)\n", m.Rule, m.At)
		if m.Output != nil && *m.Output != m.Instead.Output {
			fmt.Fprintf(&b, "      - %s\n      + %s\n        %s\n", *m.Output, m.Instead.Output, pointer(*m.Output, m.Instead.Output))
		}
		if m.Time != nil && !m.Time.Equal(m.Instead.Time.Time) {
			fmt.Fprintf(&b, "      - at %s\n      + at %s\n", m.Time, m.Instead.Time)
		}
	}
	for _, a := range t.Unexpected {
		fmt.Fprintf(&b, "    + %s at %s\n      %s\n", a.Rule, a.Time, a.Output)
	}
	return b.String()
}

// pointer marks the first character in which two texts differ.
func pointer(a, b string) string {
	ra, rb := []rune(a), []rune(b)
	n := 0
	for n < len(ra) && n < len(rb) && ra[n] == rb[n] {
		n++
	}
	return strings.Repeat(" ", n) + "^"
}

func (w *Why) write(b *strings.Builder) {
	if w == nil {
		return
	}
	fmt.Fprintf(b, "        %s", w.Reason)
	if w.Part == "" {
		b.WriteString("\n")
		return
	}
	fmt.Fprintf(b, ": %s\n", Shorten(w.Part))
	from := "at " + w.At
	if w.Macro != "" {
		from += ", macro " + w.Macro
	}
	fmt.Fprintf(b, "        %s, for the event at %s\n", from, w.Event)
	for _, v := range w.Values {
		fmt.Fprintf(b, "        %s\n", v)
	}
}

// maxPart is how much of a condition's part is shown: enough to know which it is.
const maxPart = 160

// Shorten cuts a long part of a condition in the middle, where lists have their items.
func Shorten(s string) string {
	r := []rune(s)
	if len(r) <= maxPart {
		return s
	}
	return string(r[:maxPart*2/3]) + " … " + string(r[len(r)-maxPart/3:])
}

func (c *Coverage) write(b *strings.Builder) {
	fmt.Fprintf(b, "coverage: %d of %d rules fired, %d of %d comparisons were both true and false\n", c.Fired, c.Rules, c.Complete, c.Checks)
	for _, r := range c.NeverFired {
		fmt.Fprintf(b, "  %s: never fired: %s\n", r.At, r.Rule)
	}
	for _, g := range c.Incomplete {
		fmt.Fprintf(b, "  %s: never %s: %s\n", g.At, g.Never, Shorten(g.Check))
	}
}
