package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/rules"
)

// newCheckCommand validates everything without opening anything.
func newCheckCommand(logger func() (*slog.Logger, error)) *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "check [RULES...]",
		Short: "Validate a configuration with all it names, or rule files",
		Long: "check validates a configuration, its rules, whitelist, templates and receivers, or just the rule files\n" +
			"given. Every problem is printed as file:line:col with a hint. It exits with 1 when there is an error.",
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := logger()
			if err != nil {
				return err
			}
			if len(args) > 0 {
				return checkRules(cmd.OutOrStdout(), args)
			}
			return checkConfig(cmd.OutOrStdout(), config, log)
		},
	}
	configFlag(cmd, &config)
	return cmd
}

func checkConfig(out io.Writer, config string, log *slog.Logger) error {
	quiet := slog.New(slog.DiscardHandler) // problems are printed, not logged
	p, err := newPlan(options{config: config, output: "json"}, io.Discard, quiet)
	if err != nil {
		return fmt.Errorf("check found errors:\n%w", err)
	}
	printProblems(out, p.problems)
	for _, note := range p.cfg.NotYet() {
		fmt.Fprintln(out, note)
	}
	_, err = fmt.Fprintf(out, "%s: ok: %d rules run, %d whitelist entries, %d receivers\n",
		p.cfg.Name, p.rulesRunning(), len(p.whitelist.Stats()), len(p.cfg.Receivers))
	return err
}

func checkRules(out io.Writer, files []string) error {
	cfg := rules.DefaultConfig()
	for _, f := range files {
		abs, err := filepath.Abs(f)
		if err != nil {
			return err
		}
		cfg.Files = append(cfg.Files, abs)
	}
	set, err := rules.Load(cfg, "")
	if err != nil {
		return err
	}
	printProblems(out, append(set.Problems, unseenEvents(set)...))
	if set.Err() != nil {
		return errors.New("check found errors")
	}
	p := plan{rules: set}
	_, err = fmt.Fprintf(out, "ok: %d of %d rules run\n", p.rulesRunning(), len(set.Rules))
	return err
}

// printProblems shows each problem with the line it is about.
func printProblems(out io.Writer, problems []rules.Problem) {
	for _, p := range problems {
		fmt.Fprintln(out, p)
		if p.Snippet != "" {
			fmt.Fprintf(out, "    %s\n", p.Snippet)
		}
	}
}
