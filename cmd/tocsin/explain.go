package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/rules/explain"
	"github.com/tocsin-security/tocsin/stages/enrich"
)

// explainFlags are the flags of tocsin explain.
type explainFlags struct {
	config string
	rules  []string
	events string
	json   bool
}

// newExplainCommand shows what becomes of a rule.
func newExplainCommand(logger func() (*slog.Logger, error)) *cobra.Command {
	var flags explainFlags
	cmd := &cobra.Command{
		Use:   "explain RULE",
		Short: "Show how a rule is evaluated, what it needs and what it costs",
		Long: "explain shows a rule's condition with its macros put in, in the order in which its parts are asked; the events it\n" +
			"is asked about and how it is found among the others; the fields it needs; and what it is blind for. With --events\n" +
			"it runs the rule over a capture (tocsin record) and says how often each part was reached, held, and what it cost.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := logger()
			if err != nil {
				return err
			}
			return explainRule(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), flags, args[0], log)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			set, err := flags.load()
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return ruleNames(set), cobra.ShellCompDirectiveNoFileComp
		},
	}
	configFlag(cmd, &flags.config)
	cmd.Flags().StringSliceVar(&flags.rules, "rules", nil, "rule files, instead of those of the configuration")
	cmd.Flags().StringVar(&flags.events, "events", "", "capture to measure the rule on")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print the explanation as one JSON object")
	return cmd
}

// load reads the rules. What is wrong with some of them is among the set's problems.
func (f explainFlags) load() (*rules.Set, error) {
	if len(f.rules) > 0 {
		return loadRuleFiles(f.rules)
	}
	cfg, err := configs.Load(f.config)
	if err != nil {
		return nil, err
	}
	set, _, _, err := cfg.LoadRules()
	if set == nil {
		return nil, err
	}
	return set, nil
}

// loadRuleFiles compiles the rule files given on the command line.
func loadRuleFiles(files []string) (*rules.Set, error) {
	cfg := rules.DefaultConfig()
	var err error
	if cfg.Sources, err = configs.OwnSources(); err != nil {
		return nil, err
	}
	for _, f := range files {
		abs, err := filepath.Abs(f)
		if err != nil {
			return nil, err
		}
		cfg.Files = append(cfg.Files, abs)
	}
	return rules.Load(cfg, "")
}

func ruleNames(set *rules.Set) []string {
	var names []string
	for _, r := range set.Rules {
		names = append(names, r.Name)
	}
	return names
}

func explainRule(ctx context.Context, out, complaints io.Writer, flags explainFlags, name string, log *slog.Logger) error {
	set, err := flags.load()
	if err != nil {
		return err
	}
	r := set.Rule(name)
	if r == nil {
		if err := set.Err(); err != nil { // the rule may be one of those with an error
			fmt.Fprintln(complaints, err)
		}
		e := &syntax.Error{Msg: fmt.Sprintf("there is no rule %q", name), Hint: syntax.DidYouMean(name, ruleNames(set))}
		if e.Hint == "" {
			e.Hint = "tocsin check --verbose lists the rules"
		}
		return e
	}
	e := explain.Explain(set, r, isReported())
	if flags.events != "" {
		if err := measure(ctx, set, r, e, flags.events, log); err != nil {
			return fmt.Errorf("--events: %w", err)
		}
	}
	if flags.json {
		return printJSON(out, e)
	}
	return printExplanation(out, e)
}

// measure puts the events of a capture to the rule.
func measure(ctx context.Context, set *rules.Set, r *rules.Rule, e *explain.Explanation, name string, log *slog.Logger) (err error) {
	m, err := explain.NewMeter(set, r, e)
	if err != nil {
		return err
	}
	reader, err := openCapture(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	h := newReplayHot(reader.Header, enrich.DefaultConfig().Containers.Wait, log)
	err = h.walk(ctx, reader.Reader, follower{
		wants: func(pipeline.Sample) bool { return true },
		asks:  func(t pipeline.EventType) bool { return slices.Contains(r.Code.EventTypes(), t) },
		judge: measuring{m},
	})
	return errors.Join(reader.ended(err, "measured", log), m.Finish())
}

// measuring puts events to a rule without making alerts.
type measuring struct{ *explain.Meter }

func (m measuring) Match(ev *pipeline.Event) ([]pipeline.Alert, error) {
	m.Observe(ev)
	return nil, nil
}

func (m measuring) Complete(*pipeline.Event, *pipeline.Alert) (done bool, err error) {
	return false, nil
}
