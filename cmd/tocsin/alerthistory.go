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
