package review

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Markdown writes the report for a ticket. Whatever comes from outside, names and outputs of alerts above all,
// stands in code spans: there it can be no link, mention, image or tag. There are no tables, since a bar would
// end a cell even there.
func (r *Report) Markdown(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## Whitelist review of %s\n\n", code(r.Config))
	fmt.Fprintf(&b, "%s, %s. ", r.At.UTC().Format("2006-01-02 15:04 UTC"), r.summary())
	if r.UsageAt == nil {
		fmt.Fprintf(&b, "**How often entries were used is not known**, so none is said to be unused: %s\n", code(r.UsageError))
	} else {
		fmt.Fprintf(&b, "Usage as of %s.\n", moment(*r.UsageAt))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\n%s\n", n)
	}
	if len(r.Findings) > 0 {
		fmt.Fprint(&b, "\n### Findings\n\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "- [ ] **%s: %s** %s at %s\n  %s\n", f.Level, f.Kind, code(f.Entry), code(f.Place), code(f.Message))
	}
	if len(r.Quiet) > 0 {
		fmt.Fprint(&b, "\n### Kept quiet\n\n")
	}
	for _, q := range r.Quiet {
		fmt.Fprintf(&b, "- %s by %s: %s, last %s", code(q.Rule), code(q.entry()), plural(int(q.Hits), "time"), moment(q.Last))
		if len(q.Hosts) > 0 {
			fmt.Fprintf(&b, " on %s", code(hosts(q.Hosts)))
		}
		fmt.Fprintln(&b)
		if q.Sample != "" {
			fmt.Fprintf(&b, "  %s\n", code(sample(q.Sample)))
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// code is s as a code span: one line, between more backticks than it has in a row (CommonMark, section 6.1).
func code(s string) string {
	s = line(s)
	if strings.TrimSpace(s) == "" {
		return "(none)"
	}
	longest, run := 0, 0
	for _, c := range s {
		if run++; c != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	if longest > 0 { // a backtick at an end would make the fence longer; blanks are taken off again
		s = " " + s + " "
	}
	return fence + s + fence
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}
