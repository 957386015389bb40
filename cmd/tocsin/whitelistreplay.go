package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/match"
	"github.com/tocsin-security/tocsin/stages/whitelist/suggest"
	"github.com/tocsin-security/tocsin/templates"
)

// extended asks the exceptions there are first, then those that somebody thinks of.
type extended struct {
	match.Whitelist
	more match.Whitelist
}

func (e extended) Bypass(rule string, ev *pipeline.Event) (entry string, ok bool) {
	if entry, ok := e.Whitelist.Bypass(rule, ev); ok {
		return entry, true
	}
	return e.more.Bypass(rule, ev)
}

// Wants is no: a replay keeps no account, and needs no samples for one.
func (e extended) Wants(string, string, *pipeline.Event) bool { return false }

// whatIf replays a capture without and with an entry, and tells the difference.
func whatIf(cmd *cobra.Command, entry *suggest.Entry, alert *pipeline.Alert, flags suggestFlags, log *slog.Logger) error {
	var runs [2][]pipeline.Alert // without the entry, with it
	for i := range runs {
		if i == 1 {
			log = slog.New(slog.DiscardHandler) // everything has been said
		}
		p, err := newPlan(options{config: flags.config, output: "json"}, nil, io.Discard, log)
		if err != nil {
			return err
		}
		exceptions := match.Whitelist(p.whitelist)
		if i == 1 {
			list, err := entry.List(p.rules)
			if err != nil {
				return err
			}
			exceptions = extended{p.whitelist, list}
		}
		if runs[i], err = alertsOf(cmd.Context(), p, exceptions, flags.replay, log); err != nil {
			return err
		}
	}
	return tellDifference(cmd.ErrOrStderr(), flags.replay, alert, runs[0], runs[1])
}

// alertsOf are the alerts that the rules of p give of a capture.
func alertsOf(ctx context.Context, p *plan, exceptions match.Whitelist, name string, log *slog.Logger) (alerts []pipeline.Alert, err error) {
	reader, err := openCapture(name)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	r, err := newReplay(p, reader.Header, log)
	if err != nil {
		return nil, err
	}
	matcher, err := p.newMatcherWith(reader.Header.Hostname, exceptions)
	if err != nil {
		return nil, err
	}
	r.hot.matcher.Store(matcher)
	r.emit = func(a pipeline.Alert) error {
		if a.Completes == nil && r.judge(&a) { // what completes an alert is not another
			alerts = append(alerts, pipeline.Alert{ID: a.ID, Rule: a.Rule, Output: a.Output})
		}
		return nil
	}
	return alerts, r.run(ctx, reader, log)
}

// maxSamples bounds the alerts that are shown, sampleBytes the text of each.
const (
	maxSamples  = 5
	sampleBytes = 300
)

// tellDifference counts what only one of two runs gave, and shows some of what would be quiet besides the alert
// itself, each text once.
func tellDifference(out io.Writer, name string, alert *pipeline.Alert, without, with []pipeline.Alert) error {
	left := map[string]bool{}
	for _, a := range with {
		left[a.ID] = true
	}
	before := map[string]bool{}
	quiet, others, itself := 0, 0, false
	shown := map[string]bool{}
	var samples []string
	for _, a := range without {
		before[a.ID] = true
		if left[a.ID] {
			continue
		}
		if quiet++; a.Rule != alert.Rule {
			others++
		}
		if a.ID == alert.ID {
			itself = true
		} else if !shown[a.Output] && len(samples) < maxSamples {
			shown[a.Output] = true
			samples = append(samples, fmt.Sprintf("  %s: %s", templates.Clean(a.Rule), templates.TruncateBytes(templates.Clean(a.Output), sampleBytes, "…")))
		}
	}
	added := 0
	for _, a := range with {
		if !before[a.ID] {
			added++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "replay of %s: %d alerts without the entry, %d with it: %d kept quiet, %d of them of rule %q\n",
		name, len(without), len(with), quiet, quiet-others, alert.Rule)
	if itself {
		fmt.Fprintln(&b, "the alert itself is among them")
	} else {
		fmt.Fprintln(&b, "the alert itself is not among them: it is not of this capture, or the capture's rules or whitelist are not those it came from")
	}
	if added > 0 { // a window that sees less fires later; where only the first rule fires, the next has its turn
		fmt.Fprintf(&b, "%d alerts come only with it\n", added)
	}
	if len(samples) > 0 {
		fmt.Fprintf(&b, "besides, it keeps quiet:\n%s\n", strings.Join(samples, "\n"))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
