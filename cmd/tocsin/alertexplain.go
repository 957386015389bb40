package main

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/pipeline"
)

// explained is what GET /api/v1/alerts/FINGERPRINT/explain answers.
type explained struct {
	Why        string          `json:"why"`
	Alert      listedAlert     `json:"alert"`
	Steps      []pipeline.Step `json:"steps"`
	Exceptions []struct {
		Entry string    `json:"entry"`
		Hits  uint64    `json:"hits"`
		Last  time.Time `json:"last"`
	} `json:"exceptions"`
}

func newAlertExplainCommand(r *remote) *cobra.Command {
	last, asJSON := false, false
	cmd := &cobra.Command{
		Use:   "explain FINGERPRINT | --last",
		Short: "Say what happened to an alert, step by step, and why people were told or not",
		Long: "explain shows each stage's verdict, the route and its group with its timers, what keeps the alert back, and every\n" +
			"attempt to deliver with what the channel answered.",
		Args: func(cmd *cobra.Command, args []string) error {
			if last == (len(args) == 1) || len(args) > 1 {
				return errors.New("give one fingerprint, or --last; `tocsin alert list` shows fingerprints")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if last {
				latest, err := (&historyFlags{limit: 1}).search(cmd.Context(), r)
				if err != nil {
					return err
				}
				if len(latest) == 0 {
					return errors.New("nothing has happened yet, as far as the history reaches")
				}
				args = []string{latest[0].Alert.Fingerprint.String()}
			}
			path := "/api/v1/alerts/" + url.PathEscape(args[0]) + "/explain"
			if asJSON {
				return passOn(cmd, r, path, nil)
			}
			var e explained
			if err := r.call(cmd.Context(), http.MethodGet, path, nil, nil, &e); err != nil {
				return err
			}
			return printExplained(cmd.OutOrStdout(), &e, time.Now())
		},
	}
	cmd.Flags().BoolVar(&last, "last", false, "the alert that occurred last")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what the API answers")
	return cmd
}
