package main

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/whitelist/review"
)

// newWhitelistCommand holds the commands about exceptions.
func newWhitelistCommand(logger func() (*slog.Logger, error)) *cobra.Command {
	return withExitCodes(parentCommand("whitelist", "Review the exceptions there are, or suggest one for an alert",
		newWhitelistReviewCommand(), newWhitelistSuggestCommand(logger)))
}

// reviewFlags are the flags of tocsin whitelist review.
type reviewFlags struct {
	config   string
	usage    string
	unused   string
	expiring string
	output   string
	failOn   string
	now      string
}

// newWhitelistReviewCommand looks for what somebody should decide about.
func newWhitelistReviewCommand() *cobra.Command {
	var flags reviewFlags
	cmd := &cobra.Command{
		Use:   "review",
		Short: "Say which exceptions are expired, unused, too broad, shadowed or doubtful otherwise",
		Long: "review looks at every entry of the configuration's whitelist: expired or soon so, not hit for long, too\n" +
			"broad, without effect since an earlier entry does it all, for the same events as another, for rules that\n" +
			"do not exist, without owner. How often entries were hit it asks the tocsin that runs, at the\n" +
			"configuration's http.listen, and where none runs its store; --usage names another address, or a file with its\n" +
			"answer. Without an answer no entry is said to be unused.\n\n" +
			"It exits with 0 when there is nothing to do, 1 when there is a finding of the level of --fail-on or above,\n" +
			"2 when the configuration or its rules cannot be read.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return reviewWhitelist(cmd, flags) },
	}
	configFlag(cmd, &flags.config)
	f := cmd.Flags()
	f.StringVar(&flags.usage, "usage", "", "where to ask how often entries were hit: http(s)://[TOKEN@]host:port, a file with the answer, or none (default: the configuration's http.listen, or its store)")
	f.StringVar(&flags.unused, "unused", "30d", "how long an entry that is needed may go without a hit; 0 turns the finding off")
	f.StringVar(&flags.expiring, "expiring", "14d", "how long before its expiry an entry is told; 0 turns the finding off")
	f.StringVar(&flags.output, "output", "text", "text, json, or markdown for a ticket")
	f.StringVar(&flags.failOn, "fail-on", "warning", "the level from which findings make the exit code 1: info, warning or error")
	f.StringVar(&flags.now, "now", "", "the time to review at, as 2030-01-01 or 2030-01-01T02:00:00Z (default: now)")
	return withExitCodes(cmd)
}

func reviewWhitelist(cmd *cobra.Command, flags reviewFlags) error {
	opts, failOn, err := flags.read(time.Now())
	if err != nil {
		return err
	}
	write := (*review.Report).Text
	switch flags.output {
	case "text":
	case "markdown":
		write = (*review.Report).Markdown
	case "json":
		write = func(r *review.Report, out io.Writer) error { return printJSON(out, r) }
	default:
		return fmt.Errorf("--output: %q is not one of text, json, markdown", flags.output)
	}
	cfg, err := configs.Load(flags.config)
	if err != nil {
		return err
	}
	set, list, problems, err := cfg.LoadRules()
	if set == nil {
		return err
	}
	if err := rules.Err(set.Problems); err != nil { // what is wrong with the whitelist is what this is about
		return fmt.Errorf("the rules cannot be used, so nothing can be said about exceptions to them:\n%w", err)
	}
	from, usage, usageErr := readUsage(cmd.Context(), flags.usage, cfg, list)
	opts.Usage = usage
	report := review.Review(list, set, problems, opts)
	report.Config, report.UsageFrom = cfg.Name, from
	if usageErr != nil {
		report.UsageError = usageErr.Error()
		if _, err := fmt.Fprintln(cmd.ErrOrStderr(), "tocsin: no account of the whitelist, entries that nobody needs are not found:", usageErr); err != nil {
			return err
		}
	}
	if err := write(report, cmd.OutOrStdout()); err != nil {
		return err
	}
	if n := report.AtLeast(failOn); n > 0 {
		return exitError{1, fmt.Errorf("whitelist review: %d of level %s or above", n, failOn)}
	}
	return nil
}

// read turns flags into what they mean.
func (f reviewFlags) read(now time.Time) (opts review.Options, failOn review.Level, err error) {
	opts.Now = now.UTC()
	if f.now != "" {
		if opts.Now, err = readDay(f.now); err != nil {
			return opts, failOn, fmt.Errorf("--now: %w", err)
		}
	}
	for _, d := range []struct {
		name, text string
		to         *time.Duration
	}{{"unused", f.unused, &opts.Unused}, {"expiring", f.expiring, &opts.Expiring}} {
		if *d.to, err = pipeline.ParseDuration(d.text); err != nil {
			return opts, failOn, fmt.Errorf("--%s: %w", d.name, err)
		}
	}
	if err := failOn.UnmarshalText([]byte(f.failOn)); err != nil {
		return opts, failOn, fmt.Errorf("--fail-on: %w", err)
	}
	return opts, failOn, nil
}

func readDay(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a day such as 2030-01-01 nor a time such as 2030-01-01T02:00:00Z", s)
}
