package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

// maxOutput is how much of an alert's text a line of a list shows, in bytes.
const maxOutput = 120

// clean makes a text from an alert one line that is safe for a terminal.
func clean(s string) string { return templates.Clean(s) }

func cut(s string) string { return templates.TruncateBytes(clean(s), maxOutput, "…") }

// printAlerts prints a line for each alert.
func printAlerts(out io.Writer, alerts []listedAlert, now time.Time) error {
	if len(alerts) == 0 {
		_, err := fmt.Fprintln(out, "no alert is live")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row(w, "FINGERPRINT", "STATE", "FOR", "PRIORITY", "RULE", "RECEIVER", "OUTPUT")
	for _, a := range alerts {
		state := a.State
		if len(a.Suppressed) > 0 {
			state = a.Suppressed[0].Why
		}
		row(w, a.Fingerprint.String(), state, since(now, a.StartsAt), a.Alert.Priority.String(), clean(a.Alert.Rule), receiversOf(a.Groups), cut(a.Alert.Output))
	}
	return w.Flush()
}

// row is a line of a table. What cannot be written comes out of Flush.
func row(w io.Writer, cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }

func since(now, at time.Time) string { return now.Sub(at).Round(time.Second).String() }

func receiversOf(groups []pipeline.InGroup) string {
	var names []string
	for _, g := range groups {
		if !slices.Contains(names, g.Receiver) {
			names = append(names, clean(g.Receiver))
		}
	}
	return strings.Join(names, ",")
}

// printOccurrences prints a line for each.
func printOccurrences(out io.Writer, found []foundOccurrence) error {
	if len(found) == 0 {
		_, err := fmt.Fprintln(out, "nothing was found")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row(w, "TIME", "KIND", "FINGERPRINT", "PRIORITY", "RULE", "OUTPUT")
	for _, o := range found {
		row(w, stamp(o.At), o.Kind, o.Alert.Fingerprint.String(), o.Alert.Priority.String(), clean(o.Alert.Rule), cut(o.Alert.Output))
	}
	return w.Flush()
}

// printExplained prints the sentence first, then where the alert goes, then what happened.
func printExplained(out io.Writer, e *explained, now time.Time) error {
	var b bytes.Buffer
	a := &e.Alert
	fmt.Fprintf(&b, "%s\n\n", clean(e.Why))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row(w, "alert", a.Fingerprint.String()+"  "+clean(a.Alert.Rule))
	row(w, "priority", a.Alert.Priority.String())
	row(w, "output", clean(a.Alert.Output))
	row(w, "labels", labelsText(a.Alert.Labels))
	row(w, "state", fmt.Sprintf("%s, since %s", a.State, stamp(a.StartsAt)))
	if a.Alert.Stateful == nil {
		row(w, "occurred", fmt.Sprintf("%d times, first %s, last %s", a.Occurrences, stamp(a.First), stamp(a.Last)))
	}
	for _, s := range a.Suppressed {
		row(w, "kept back", suppressedText(s))
	}
	for _, x := range e.Exceptions {
		row(w, "whitelist", fmt.Sprintf("entry %s has kept %d alerts of this rule quiet, the last %s", clean(x.Entry), x.Hits, stamp(x.Last)))
	}
	for _, g := range a.Groups {
		groupRows(w, g, now)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(e.Steps) > 0 {
		b.WriteString("\n")
	}
	w = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, s := range e.Steps {
		row(w, s.At.Local().Format("15:04:05.000"), s.Stage, stepText(s))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := out.Write(b.Bytes())
	return err
}

func stamp(t time.Time) string { return t.Local().Format(time.DateTime) }

func labelsText(labels map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, clean(name)+"="+clean(labels[name]))
	}
	return strings.Join(parts, ", ")
}

func suppressedText(s pipeline.Suppressed) string {
	text := s.Why + " " + clean(s.By)
	if s.Rule != "" {
		text += " (rule " + clean(s.Rule) + ")"
	}
	if !s.Until.IsZero() {
		text += " until " + stamp(s.Until)
	}
	return text
}

// groupRows print an alert's place in one route.
func groupRows(w io.Writer, g pipeline.InGroup, now time.Time) {
	row(w, "route", clean(strings.Join(g.Path, " > ")+" > "+g.Receiver))
	text := labelsText(g.Labels)
	if text == "" {
		text = "all alerts of the route"
	}
	row(w, "  group", fmt.Sprintf("%s (wait %s, interval %s, repeat %s)", text, g.Wait, g.Interval, g.Repeat))
	for _, m := range g.Muted {
		row(w, "  muted", suppressedText(m))
	}
	switch {
	case g.Due.IsZero():
	case g.Due.After(now):
		row(w, "  next", "in "+g.Due.Sub(now).Round(100*time.Millisecond).String())
	default:
		row(w, "  next", "now")
	}
}

// stepText is what happened at a step.
func stepText(s pipeline.Step) string {
	text := s.Verdict
	if s.Attempt > 0 {
		text = fmt.Sprintf("attempt %d: %s", s.Attempt, text)
	}
	if s.Integration != "" {
		text += " " + clean(s.Integration)
	} else if s.Receiver != "" {
		text += " " + clean(s.Receiver)
	}
	if s.Detail != "" {
		text += "  " + clean(s.Detail)
	}
	return text
}
