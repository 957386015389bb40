package main

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/pipeline"
)

// listedAlert is an alert as GET /api/v1/alerts lists it.
type listedAlert struct {
	Fingerprint pipeline.Fingerprint  `json:"fingerprint"`
	State       string                `json:"state"`
	StartsAt    time.Time             `json:"starts_at"`
	EndsAt      time.Time             `json:"ends_at"`
	Suppressed  []pipeline.Suppressed `json:"suppressed"`
	Groups      []pipeline.InGroup    `json:"groups"`
	Alert       pipeline.Alert        `json:"alert"`
	Occurrences uint64                `json:"occurrences"` // not in lists; likewise what follows
	First       time.Time             `json:"first"`
	Last        time.Time             `json:"last"`
}

func newAlertListCommand(r *remote) *cobra.Command {
	query, asJSON := url.Values{}, false
	var filter []string
	var state, receiver string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the alerts that are live",
		Long: "list shows alerts that fire: an event does until resolve_timeout after its last occurrence. Suppressed\n" +
			"are those that a silence, an inhibition, an acknowledgement or a time interval keeps back.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query["filter"] = filter
			setParam(query, "state", state)
			setParam(query, "receiver", receiver)
			if limit > 0 {
				query.Set("limit", strconv.Itoa(limit))
			}
			if asJSON {
				return passOn(cmd, r, "/api/v1/alerts", query)
			}
			var alerts []listedAlert
			if err := r.call(cmd.Context(), http.MethodGet, "/api/v1/alerts", query, nil, &alerts); err != nil {
				return err
			}
			return printAlerts(cmd.OutOrStdout(), alerts, time.Now())
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&filter, "filter", nil, `a matcher such as k8s_ns_name="payments"; several have to hold all`)
	f.StringVar(&state, "state", "", "active or suppressed (default: both)")
	f.StringVar(&receiver, "receiver", "", "regular expression for the name of a receiver")
	f.IntVar(&limit, "limit", 0, "at most so many (default: all)")
	f.BoolVar(&asJSON, "json", false, "print what the API answers")
	return cmd
}

func setParam(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

// passOn prints an answer as it is.
func passOn(cmd *cobra.Command, r *remote, path string, query url.Values) error {
	var answer any
	if err := r.call(cmd.Context(), http.MethodGet, path, query, nil, &answer); err != nil {
		return err
	}
	return printJSON(cmd.OutOrStdout(), answer)
}
