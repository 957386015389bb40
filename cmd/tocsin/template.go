package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/api"
	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/pipeline"
)

// templateFlags are the flags of tocsin template render.
type templateFlags struct {
	config      string
	receiver    string
	alert       string // file; "-" stdin
	fingerprint string
	kind        string
	html        string // file to write mail's HTML to
}

// newTemplateCommand holds the commands about templates.
func newTemplateCommand() *cobra.Command {
	return parentCommand("template", "Show what messages would look like", newTemplateRenderCommand())
}

func newTemplateRenderCommand() *cobra.Command {
	var flags templateFlags
	var r remote
	cmd := &cobra.Command{
		Use:   "render --receiver NAME {--alert FILE | --fingerprint FINGERPRINT}",
		Short: "Show what each channel of a receiver would be sent for an alert; nothing is sent",
		Long: "render writes the message for each channel of a receiver as it would go out for the alerts of a file: title,\n" +
			"text, and the requests to the channel, byte for byte, with their sizes beside the channel's limits. Only their\n" +
			"headers and addresses are not shown. The file has tocsin's alerts, Falco's, those of Alertmanager's API, or what\n" +
			"its webhook sends. With --fingerprint it is the alert's latest occurrence in the history of the tocsin at --url.\n\n" +
			"It exits with 1 when a template fails, and says where: such a message would go out in the built-in form.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := configs.Load(flags.config)
			if err != nil {
				return err
			}
			alerts, err := flags.alerts(cmd, &r, cfg)
			if err != nil {
				return err
			}
			n, err := flags.notification(alerts, time.Now().UTC())
			if err != nil {
				return err
			}
			return renderAll(cmd.Context(), cmd.OutOrStdout(), cfg, n, flags)
		},
	}
	configFlag(cmd, &flags.config)
	f := cmd.Flags()
	f.StringVar(&flags.receiver, "receiver", "", "name of the receiver")
	f.StringVar(&flags.alert, "alert", "", "JSON file with the alerts; - is stdin")
	f.StringVar(&flags.fingerprint, "fingerprint", "", "an alert of the past, from the history")
	f.StringVar(&flags.kind, "kind", "firing", "what the message is: "+strings.Join(messageKinds, ", "))
	f.StringVar(&flags.html, "html", "", "file to write the HTML of mail to")
	r.addFlags(cmd)
	return cmd
}

// alerts are those that the flags name.
func (f templateFlags) alerts(cmd *cobra.Command, r *remote, cfg *configs.Loaded) ([]pipeline.Alert, error) {
	switch {
	case f.receiver == "":
		return nil, errors.New("--receiver is missing")
	case (f.alert == "") == (f.fingerprint == ""):
		return nil, errors.New("give --alert FILE, or --fingerprint")
	case f.fingerprint != "":
		found, err := (&historyFlags{fingerprint: f.fingerprint, limit: 1}).search(cmd.Context(), r)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("the history has no alert %s; `tocsin alert history` lists what there is", f.fingerprint)
		}
		return []pipeline.Alert{found[0].Alert}, nil
	}
	text, err := f.read(cmd.InOrStdin())
	if err != nil {
		return nil, fmt.Errorf("--alert: %w", err)
	}
	alerts, err := api.ReadAlerts(text, time.Now().UTC(), resolveTimeout(cfg))
	if err != nil {
		return nil, fmt.Errorf("--alert: %s: %w", f.alert, err)
	}
	return alerts, nil
}

func (f templateFlags) read(stdin io.Reader) ([]byte, error) {
	if f.alert == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(f.alert)
}

// messageKinds are what a message can be.
var messageKinds = []string{"firing", "resolved", "repeated", "digest", "held", "again"}

// notification is a message of that kind about alerts, made now.
func (f templateFlags) notification(alerts []pipeline.Alert, now time.Time) (pipeline.Notification, error) {
	n := pipeline.Notification{ID: "preview", Receiver: f.receiver, GroupKey: "{}:{}", GroupLabels: map[string]string{},
		Reason: "first notification", Alerts: alerts, CreatedAt: now}
	if name := alerts[0].Labels["alertname"]; !slices.ContainsFunc(alerts, func(a pipeline.Alert) bool { return a.Labels["alertname"] != name }) {
		n.GroupLabels["alertname"] = name
	}
	for i := range alerts {
		a := &alerts[i]
		if a.Stateful != nil && !a.Stateful.Resolved(now) {
			a.Stateful.EndsAt = time.Time{} // in a notification what fires has no end
		}
		switch f.kind {
		case "resolved":
			if a.Stateful == nil {
				a.Stateful = &pipeline.Stateful{StartsAt: a.Time}
			}
			a.Stateful.EndsAt = now
		case "repeated":
			a.Count, a.FirstSeen, a.LastSeen = 37, a.Time.Add(-time.Hour), a.Time
		}
	}
	switch f.kind {
	case "firing", "resolved", "repeated":
	case "again":
		n.Again = true
	case "digest":
		n.Held, n.Alerts, n.Reason = []pipeline.Held{heldOf(alerts, pipeline.ByQuota, fmt.Sprint(len(alerts)))}, nil, "digest"
	case "held":
		n.Held, n.Alerts, n.Reason = []pipeline.Held{heldOf(alerts, pipeline.ByMuteInterval, "nights")}, nil, "summary"
	default:
		return n, fmt.Errorf("--kind: %q is not one of %s", f.kind, strings.Join(messageKinds, ", "))
	}
	return n, nil
}

// heldOf sums alerts up, as when they were kept back.
func heldOf(alerts []pipeline.Alert, why, by string) pipeline.Held {
	h := pipeline.Held{Why: why, By: []string{by}, From: alerts[0].Time, To: alerts[0].Time, Worst: pipeline.Debug}
	rows := map[string]int{}
	for i := range alerts {
		a := &alerts[i]
		h.Alerts++
		h.Worst = min(h.Worst, a.Priority)
		if a.Time.Before(h.From) {
			h.From = a.Time
		}
		if a.Time.After(h.To) {
			h.To = a.Time
		}
		at, known := rows[a.Rule]
		if !known {
			at = len(h.Rules)
			rows[a.Rule] = at
			h.Rules = append(h.Rules, pipeline.HeldRule{Rule: a.Rule, Worst: a.Priority, First: a.Time, Sample: a.Output})
		}
		row := &h.Rules[at]
		row.Alerts++
		row.Worst, row.Last = min(row.Worst, a.Priority), a.Time
	}
	return h
}
