package review

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/tocsin-security/tocsin/templates"
)

// sampleBytes bounds a sample's output where people read it.
const sampleBytes = 300

// Text writes the report for a terminal.
func (r *Report) Text(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "whitelist of %s: %s\n", line(r.Config), r.summary())
	fmt.Fprintln(&b, r.usageLine())
	for _, n := range r.Notes {
		fmt.Fprintln(&b, "note: "+n)
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0) // neither it nor a strings.Builder fails
	if len(r.Findings) > 0 {
		fmt.Fprintln(w, "\nLEVEL\tFINDING\tENTRY\tPLACE\tWHAT")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.Level, f.Kind, line(f.Entry), line(f.Place), line(f.Message))
	}
	w.Flush()
	if len(r.Quiet) > 0 {
		fmt.Fprintln(w, "\nKEPT QUIET\tENTRY\tHITS\tLAST\tHOSTS\tONE OF THE LATEST")
	}
	for _, q := range r.Quiet {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", line(q.Rule), line(q.entry()), q.Hits, moment(q.Last), line(hosts(q.Hosts)), sample(q.Sample))
	}
	w.Flush()
	_, err := io.WriteString(out, trimLines(b.String()))
	return err
}

// summary counts entries and findings.
func (r *Report) summary() string {
	counts := map[Level]int{}
	for _, f := range r.Findings {
		counts[f.Level]++
	}
	var parts []string
	for level := Error; level >= Info; level-- {
		if n := counts[level]; n > 0 {
			parts = append(parts, plural(n, level.String()))
		}
	}
	if len(parts) == 0 {
		return plural(r.Entries, "entry") + ", nothing to do"
	}
	return fmt.Sprintf("%s, %s (%s)", plural(r.Entries, "entry"), plural(len(r.Findings), "finding"), strings.Join(parts, ", "))
}

// usageLine says what the account is worth: without one, silence about unused entries means nothing.
func (r *Report) usageLine() string {
	if r.UsageAt == nil {
		return "usage: NOT KNOWN, so no entry is said to be unused and nothing that was kept quiet is shown: " + line(r.UsageError)
	}
	return fmt.Sprintf("usage: from %s, as of %s", line(r.UsageFrom), moment(*r.UsageAt))
}

func (q Quiet) entry() string {
	if q.Gone {
		return q.Entry + " (gone)"
	}
	return q.Entry
}

// line makes text of any origin one line without control characters.
func line(s string) string { return templates.Clean(s) }

func sample(s string) string { return templates.TruncateBytes(line(s), sampleBytes, "…") }

func hosts(names []string) string {
	return list(names[:min(len(names), maxNamed)], len(names))
}

func plural(n int, word string) string {
	switch {
	case n == 1 || word == "info":
	case strings.HasSuffix(word, "y"):
		word = strings.TrimSuffix(word, "y") + "ies"
	default:
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

// trimLines removes the blanks with which empty columns end.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
