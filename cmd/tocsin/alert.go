package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/pipeline"
)

// newAlertCommand holds the questions about alerts, put to a tocsin that runs.
func newAlertCommand() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "alert",
		Short: "List what fires, search what happened, explain what became of an alert, take care of it",
		Long: "alert asks a tocsin that runs, over HTTP, with a token that may read, and for ack and unack write: --url and\n" +
			"--token-file, or TOCSIN_URL and TOCSIN_TOKEN. A fingerprint names what an alert is about; messages and lists show it.",
		Args: cobra.NoArgs, // what is no command below is an error
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	r.addFlags(cmd)
	cmd.AddCommand(newAlertListCommand(&r), newAlertHistoryCommand(&r), newAlertExplainCommand(&r),
		newAlertAckCommand(&r), newAlertUnackCommand(&r))
	return cmd
}

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

// foundOccurrence is what GET /api/v1/history finds.
type foundOccurrence struct {
	At    time.Time      `json:"at"`
	Kind  string         `json:"kind"`
	Alert pipeline.Alert `json:"alert"`
}

// historyFlags are the flags of tocsin alert history.
type historyFlags struct {
	rule, text, kind, priority, since, until, fingerprint string
	filter                                                []string
	limit                                                 int
}

func newAlertHistoryCommand(r *remote) *cobra.Command {
	var flags historyFlags
	asJSON := false
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Search what happened, the latest first",
		Long: "history finds events that were let through to people, and when stateful alerts began to fire and ended, as far\n" +
			"back as the history of that tocsin reaches. What is given has to hold all.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := flags.search(cmd.Context(), r)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), found)
			}
			return printOccurrences(cmd.OutOrStdout(), found)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.rule, "rule", "", "name of a rule")
	f.StringArrayVar(&flags.filter, "filter", nil, `a matcher such as k8s_ns_name="payments"; several have to hold all`)
	f.StringVar(&flags.text, "text", "", "text in the output, the rule's name or a label's value, whatever the letter case")
	f.StringVar(&flags.kind, "kind", "", "event, firing or resolved")
	f.StringVar(&flags.priority, "priority", "", "no less severe than this, e.g. critical")
	f.StringVar(&flags.since, "since", "", "not before: how long ago (2h, 7d), or a time (2026-07-01T03:00:00Z)")
	f.StringVar(&flags.until, "until", "", "before: likewise")
	f.StringVar(&flags.fingerprint, "fingerprint", "", "of one alert")
	f.IntVar(&flags.limit, "limit", 50, "at most so many")
	f.BoolVar(&asJSON, "json", false, "print them as JSON")
	return cmd
}

// search asks for page after page, since each is bounded by how much is looked at for it.
func (f *historyFlags) search(ctx context.Context, r *remote) ([]foundOccurrence, error) {
	if f.limit < 1 {
		return nil, errors.New("--limit: must be above 0")
	}
	query := url.Values{"filter": f.filter}
	for name, value := range map[string]string{
		"rule": f.rule, "q": f.text, "kind": f.kind, "priority": f.priority, "since": f.since, "until": f.until, "fingerprint": f.fingerprint,
	} {
		setParam(query, name, value)
	}
	found := []foundOccurrence{}
	for {
		query.Set("limit", strconv.Itoa(min(f.limit-len(found), 1000)))
		var page struct {
			Occurrences []foundOccurrence `json:"occurrences"`
			Next        string            `json:"next"`
		}
		if err := r.call(ctx, http.MethodGet, "/api/v1/history", query, nil, &page); err != nil {
			return nil, err
		}
		found = append(found, page.Occurrences...)
		if page.Next == "" || len(found) >= f.limit {
			return found, nil
		}
		query.Set("cursor", page.Next)
	}
}

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
