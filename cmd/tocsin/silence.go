package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/api"
	"github.com/tocsin-security/tocsin/pipeline"
)

const silencesPath = "/api/v1/silences"

// newSilenceCommand holds the commands about silences of a tocsin that runs.
func newSilenceCommand() *cobra.Command {
	var r remote
	cmd := parentCommand("silence", "Keep alerts quiet for a time, and see what is",
		newSilenceAddCommand(&r), newSilenceListCommand(&r), newSilenceShowCommand(&r), newSilenceExpireCommand(&r), newSilenceUpdateCommand(&r))
	r.addFlags(cmd)
	return cmd
}

// silenceFlags are what silences are said to be by add and update.
type silenceFlags struct {
	lasts, start, end string
	author, comment   string
	ticket, idleEnd   string
	force             bool
	output            string
}

func (f *silenceFlags) add(cmd *cobra.Command, lasts string) {
	flags := cmd.Flags()
	flags.StringVarP(&f.lasts, "for", "d", lasts, "how long it lasts, from now or its start: 30m, 4h, 2d")
	flags.StringVar(&f.end, "end", "", "when it ends, in place of --for: 2030-01-01T06:00:00Z")
	flags.StringVarP(&f.author, "author", "a", author(), "whose it is (default: $USER)")
	flags.StringVarP(&f.comment, "comment", "c", "", "why")
	flags.StringVar(&f.ticket, "ticket", "", "where the reason is kept")
	flags.StringVar(&f.idleEnd, "idle-end", "", "end it when nothing has matched for so long: 24h; 0: never (default: the configuration's)")
	flags.BoolVar(&f.force, "force", false, "take it although it names neither a rule nor a workload")
	flags.StringVarP(&f.output, "output", "o", "text", "text or json")
}

// fill writes what flags say into s.
func (f *silenceFlags) fill(cmd *cobra.Command, s *pipeline.Silence, now time.Time) error {
	said := cmd.Flags().Changed
	if err := f.fillTimes(s, now, said("for")); err != nil {
		return err
	}
	if f.idleEnd != "" {
		d, err := pipeline.ParseDuration(f.idleEnd)
		if err != nil {
			return fmt.Errorf("--idle-end: %w", err)
		}
		s.IdleEnd = pipeline.Duration(d)
		if s.Annotations == nil {
			s.Annotations = map[string]string{}
		}
		s.Annotations["tocsin_idle_end"] = s.IdleEnd.String() // so that 0 is said, not left out
	}
	for flag, field := range map[string]struct {
		text string
		into *string
	}{"author": {f.author, &s.CreatedBy}, "comment": {f.comment, &s.Comment}, "ticket": {f.ticket, &s.Ticket}} {
		if said(flag) || s.ID == "" {
			*field.into = field.text
		}
	}
	s.Forced = s.Forced || f.force
	if s.Comment == "" {
		return errors.New("--comment: whoever wonders where an alert went will read it")
	}
	if s.CreatedBy == "" {
		return errors.New("--author: neither $USER nor the flag says who you are")
	}
	return nil
}

// fillTimes is fill's part about when.
func (f *silenceFlags) fillTimes(s *pipeline.Silence, now time.Time, saidFor bool) (err error) {
	if f.start != "" {
		if s.StartsAt, err = time.Parse(time.RFC3339, f.start); err != nil {
			return fmt.Errorf("--start: %w", err)
		}
	}
	switch {
	case f.end != "" && saidFor:
		return errors.New("--for and --end: say only one of them")
	case f.end != "":
		if s.EndsAt, err = time.Parse(time.RFC3339, f.end); err != nil {
			return fmt.Errorf("--end: %w", err)
		}
	case f.lasts != "":
		lasts, err := pipeline.ParseDuration(f.lasts)
		if err != nil {
			return fmt.Errorf("--for: %w", err)
		}
		s.EndsAt = now.Add(lasts)
		if s.StartsAt.After(now) {
			s.EndsAt = s.StartsAt.Add(lasts)
		}
	}
	return nil
}

func newSilenceAddCommand(r *remote) *cobra.Command {
	var f silenceFlags
	cmd := &cobra.Command{
		Use:   "add MATCHER…",
		Short: "Keep alerts quiet that match",
		Long: "add keeps alerts quiet for which all matchers hold: name=value, name!=value, name=~expression, name!~expression.\n" +
			"A first argument without an operator is a rule's name. A silence has to name a rule or a workload (namespace,\n" +
			"pod, container, image, host, service, job, instance); --force takes others.",
		Example: "  tocsin silence add 'Shadow file read' k8s_ns_name=shop --for 2h --comment 'audit until noon' --ticket OPS-17",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s := pipeline.Silence{}
			var err error
			if s.Matchers, err = matchersFrom(args); err != nil {
				return err
			}
			if err := f.fill(cmd, &s, time.Now()); err != nil {
				return err
			}
			return f.post(cmd, r, s)
		},
	}
	f.add(cmd, "1h")
	cmd.Flags().StringVar(&f.start, "start", "", "when it begins (default: now)")
	return cmd
}

func newSilenceUpdateCommand(r *remote) *cobra.Command {
	var f silenceFlags
	cmd := &cobra.Command{
		Use:   "update ID",
		Short: "Change how long a silence lasts, or why",
		Long:  "update changes what its flags say. One that is over is copied, under a new id.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var was api.SilenceView
			if err := r.call(cmd.Context(), http.MethodGet, silencesPath+"/"+url.PathEscape(args[0]), nil, nil, &was); err != nil {
				return err
			}
			s := was.Silence
			if err := f.fill(cmd, &s, time.Now()); err != nil {
				return err
			}
			return f.post(cmd, r, s)
		},
	}
	f.add(cmd, "")
	return cmd
}

// post sends a silence and says under which id it is kept, and for how much it is.
func (f *silenceFlags) post(cmd *cobra.Command, r *remote, s pipeline.Silence) error {
	if f.output != "text" && f.output != "json" {
		return fmt.Errorf("--output: %q is not one of text, json", f.output)
	}
	var kept struct {
		ID string `json:"id"`
	}
	if err := r.call(cmd.Context(), http.MethodPost, silencesPath, nil, s, &kept); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if f.output == "json" {
		return printJSON(out, kept)
	}
	if _, err := fmt.Fprintln(out, clean(kept.ID)); err != nil {
		return err
	}
	return tellMatches(cmd, r, s.Matchers)
}

// tellMatches says on stderr which alerts match now, where the other side can say so.
func tellMatches(cmd *cobra.Command, r *remote, ms []pipeline.Matcher) error {
	query := url.Values{}
	for _, m := range ms {
		query.Add("filter", matcherText(m))
	}
	var alerts []struct {
		Labels map[string]string `json:"labels"`
	}
	if err := r.call(cmd.Context(), http.MethodGet, "/api/v2/alerts", query, nil, &alerts); err != nil {
		return nil // a courtesy: the silence is kept, and nobody waits for this
	}
	rules := map[string]int{}
	for _, a := range alerts {
		rules[a.Labels["alertname"]]++
	}
	_, err := fmt.Fprintf(cmd.ErrOrStderr(), "it matches %d alerts now, of %d rules\n", len(alerts), len(rules))
	return err
}

func newSilenceListCommand(r *remote) *cobra.Command {
	var states []string
	var output string
	var quiet bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List silences, with what they have kept quiet",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var views []api.SilenceView
			if err := r.call(cmd.Context(), http.MethodGet, silencesPath, url.Values{"state": states}, nil, &views); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			switch {
			case quiet:
				for _, v := range views {
					if _, err := fmt.Fprintln(out, clean(v.ID)); err != nil {
						return err
					}
				}
				return nil
			case output == "json":
				return printJSON(out, views)
			case output != "text":
				return fmt.Errorf("--output: %q is not one of text, json", output)
			}
			return silenceTable(out, views)
		},
	}
	cmd.Flags().StringSliceVar(&states, "state", []string{"active", "pending"}, "which: active, pending, expired")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "only their ids")
	return cmd
}

func newSilenceShowCommand(r *remote) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show all of one silence",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var v api.SilenceView
			if err := r.call(cmd.Context(), http.MethodGet, silencesPath+"/"+url.PathEscape(args[0]), nil, nil, &v); err != nil {
				return err
			}
			switch output {
			case "json":
				return printJSON(cmd.OutOrStdout(), v)
			case "text":
				return silenceText(cmd.OutOrStdout(), v)
			}
			return fmt.Errorf("--output: %q is not one of text, json", output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

func newSilenceExpireCommand(r *remote) *cobra.Command {
	var by string
	cmd := &cobra.Command{
		Use:   "expire ID…",
		Short: "End silences now: what still fires is told at once",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var errs []error
			for _, id := range args {
				err := r.call(cmd.Context(), http.MethodDelete, silencesPath+"/"+url.PathEscape(id), url.Values{"by": {by}}, nil, nil)
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		},
	}
	cmd.Flags().StringVarP(&by, "author", "a", author(), "who ends them (default: $USER)")
	return cmd
}
