package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/api"
	"github.com/tocsin-security/tocsin/pipeline"
)

const deadLettersPath = "/api/v1/deadletters"

// newDeadLetterCommand holds the commands about what nobody got.
func newDeadLetterCommand() *cobra.Command {
	var r remote
	cmd := parentCommand("deadletter", "Look at what could not be delivered, and have it go its way again",
		newDeadLetterListCommand(&r), newDeadLetterShowCommand(&r), newDeadLetterReplayCommand(&r), newDeadLetterPurgeCommand(&r))
	r.addFlags(cmd)
	return cmd
}

// deadLetterFlags say which dead letters are meant.
type deadLetterFlags struct {
	receiver, stage, olderThan string
}

func (f *deadLetterFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.receiver, "receiver", "", "only those for this receiver")
	cmd.Flags().StringVar(&f.stage, "stage", "", "only those of this stage: decode, alerts, events, publish, notify")
	cmd.Flags().StringVar(&f.olderThan, "older-than", "", "only those that are older: 30m, 4h, 2d")
}

func (f *deadLetterFlags) query(now time.Time) (url.Values, error) {
	q := url.Values{"limit": {"1000"}}
	if f.receiver != "" {
		q.Set("receiver", f.receiver)
	}
	if f.stage != "" {
		q.Set("stage", f.stage)
	}
	if f.olderThan != "" {
		age, err := pipeline.ParseDuration(f.olderThan)
		if err != nil {
			return nil, fmt.Errorf("--older-than: %w", err)
		}
		q.Set("before", now.Add(-age).UTC().Format(time.RFC3339))
	}
	return q, nil
}

// all are the dead letters that are meant, however many.
func (f *deadLetterFlags) all(cmd *cobra.Command, r *remote) (all []pipeline.DeadLetter, err error) {
	q, err := f.query(time.Now())
	if err != nil {
		return nil, err
	}
	for {
		var page api.DeadLetterPage
		if err := r.call(cmd.Context(), http.MethodGet, deadLettersPath, q, nil, &page); err != nil {
			return nil, err
		}
		if all = append(all, page.DeadLetters...); page.Next == 0 {
			return all, nil
		}
		q.Set("from", strconv.FormatUint(page.Next, 10))
	}
}

func newDeadLetterListCommand(r *remote) *cobra.Command {
	var which deadLetterFlags
	var output string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters, the oldest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("--output: %q is not one of text, json", output)
			}
			letters, err := which.all(cmd, r)
			if err != nil {
				return err
			}
			if output == "json" {
				return printJSON(cmd.OutOrStdout(), letters)
			}
			return deadLetterTable(cmd.OutOrStdout(), letters)
		},
	}
	which.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

// shownReason is how much of a reason a table has, in characters.
const shownReason = 100

func deadLetterTable(out io.Writer, letters []pipeline.DeadLetter) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSINCE\tSTAGE\tRECEIVER\tALERTS\tRULES\tREASON") // w keeps the error for Flush
	for _, l := range letters {
		reason := []rune(strings.Join(strings.Fields(clean(l.Reason)), " "))
		if len(reason) > shownReason {
			reason = append(reason[:shownReason-1], '…')
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%s\t%s\n", l.ID, l.At.Local().Format(time.DateTime), clean(l.Stage),
			dash(clean(l.Receiver)), l.Alerts, dash(clean(strings.Join(l.Rules, ", "))), string(reason))
	}
	return w.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func newDeadLetterShowCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show all of one dead letter, with what it holds, as JSON",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var letter pipeline.DeadLetter
			if err := r.call(cmd.Context(), http.MethodGet, deadLettersPath+"/"+url.PathEscape(args[0]), nil, nil, &letter); err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), letter)
		},
	}
}

// eachLetter does something to the dead letters that args and flags name. One that fails does not keep the others.
func eachLetter(cmd *cobra.Command, r *remote, args []string, everything bool, which *deadLetterFlags, do func(id string) error) error {
	named := everything || *which != deadLetterFlags{}
	switch {
	case len(args) > 0 && named:
		return errors.New("name dead letters by their ids, or by flags, not by both")
	case len(args) == 0 && !named:
		return errors.New("which? name their ids, or --all, --receiver, --stage or --older-than")
	}
	if named {
		letters, err := which.all(cmd, r)
		if err != nil {
			return err
		}
		for _, l := range letters {
			args = append(args, strconv.FormatUint(l.ID, 10))
		}
	}
	var errs []error
	for _, id := range args {
		if err := do(id); err != nil {
			errs = append(errs, fmt.Errorf("dead letter %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

func newDeadLetterReplayCommand(r *remote) *cobra.Command {
	var which deadLetterFlags
	var everything bool
	cmd := &cobra.Command{
		Use:   "replay ID…",
		Short: "Have dead letters go their way again: to the receiver as it is configured now",
		Long: "Have dead letters go their way again. A notification goes to the channel it was for, or, where that is not configured\n" +
			"any more, to those its receiver has now. What is refused again is a dead letter again, of another id.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return eachLetter(cmd, r, args, everything, &which, func(id string) error {
				var answer struct {
					To []string `json:"to"`
				}
				if err := r.call(cmd.Context(), http.MethodPost, deadLettersPath+"/"+url.PathEscape(id)+"/replay", nil, nil, &answer); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: to %s\n", id, clean(strings.Join(answer.To, ", ")))
				return err
			})
		},
	}
	which.add(cmd)
	cmd.Flags().BoolVar(&everything, "all", false, "all of them")
	return cmd
}

func newDeadLetterPurgeCommand(r *remote) *cobra.Command {
	var which deadLetterFlags
	var everything bool
	cmd := &cobra.Command{
		Use:   "purge ID…",
		Short: "Remove dead letters for good",
		RunE: func(cmd *cobra.Command, args []string) error {
			removed := 0
			err := eachLetter(cmd, r, args, everything, &which, func(id string) error {
				if err := r.call(cmd.Context(), http.MethodDelete, deadLettersPath+"/"+url.PathEscape(id), nil, nil, nil); err != nil {
					return err
				}
				removed++
				return nil
			})
			_, failed := fmt.Fprintf(cmd.OutOrStdout(), "%d removed\n", removed)
			return errors.Join(err, failed)
		},
	}
	which.add(cmd)
	cmd.Flags().BoolVar(&everything, "all", false, "all of them")
	return cmd
}
