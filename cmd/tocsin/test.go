package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/rules/ruletest"
)

// testFlags are the flags of tocsin test.
type testFlags struct {
	junit    string
	run      string
	json     bool
	coverage bool
	verbose  bool
}

// newTestCommand runs tests of rules.
func newTestCommand() *cobra.Command {
	var flags testFlags
	cmd := &cobra.Command{
		Use:   "test FILE...",
		Short: "Run tests of rules: events in, alerts expected",
		Long: "test runs the tests in the files given: events written down field by field, and the alerts that are\n" +
			"expected of them. It needs neither rights nor a kernel. It exits with 1 when a test fails or a file is bad.\n" +
			"docs/rule-testing.md describes the files.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			return testRules(cmd.OutOrStdout(), cmd.ErrOrStderr(), flags, files)
		},
	}
	cmd.Flags().StringVar(&flags.junit, "junit", "", "write a report in JUnit's XML to this file")
	cmd.Flags().StringVar(&flags.run, "run", "", "run only tests whose name matches this regular expression")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print the results as one JSON object")
	cmd.Flags().BoolVar(&flags.coverage, "coverage", false, "also print which rules never fired and which comparisons gave one answer only")
	cmd.Flags().BoolVarP(&flags.verbose, "verbose", "v", false, "also print the tests that passed")
	return cmd
}

// testReport is what --json prints.
type testReport struct {
	Passed  int                `json:"passed"`
	Failed  int                `json:"failed"`
	Skipped int                `json:"skipped"`
	Files   []*ruletest.Result `json:"files"`
	Errors  []string           `json:"errors"` // files that could not be run
}

func testRules(out, complaints io.Writer, flags testFlags, files []string) error {
	opts := ruletest.Options{Coverage: flags.coverage}
	if flags.run != "" {
		var err error
		if opts.Only, err = regexp.Compile(flags.run); err != nil {
			return fmt.Errorf("--run: %w", err)
		}
	}
	report := testReport{Files: []*ruletest.Result{}, Errors: []string{}}
	var broken []ruletest.Broken
	for _, file := range files {
		result, err := testFile(file, opts)
		if err != nil {
			broken = append(broken, ruletest.Broken{File: file, Err: err})
			report.Errors = append(report.Errors, err.Error())
			continue
		}
		passed, failed, skipped := result.Counts()
		report.Passed, report.Failed, report.Skipped = report.Passed+passed, report.Failed+failed, report.Skipped+skipped
		report.Files = append(report.Files, result)
	}
	if err := report.print(out, complaints, flags); err != nil {
		return err
	}
	if flags.junit != "" {
		if err := writeJUnit(flags.junit, report.Files, broken); err != nil {
			return err
		}
	}
	return report.err(flags)
}

func testFile(name string, opts ruletest.Options) (*ruletest.Result, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read tests: %w", err)
	}
	f, err := ruletest.Read(name, data)
	if err != nil {
		return nil, err
	}
	return ruletest.Run(f, opts)
}

func (r *testReport) print(out, complaints io.Writer, flags testFlags) error {
	if flags.json {
		return printJSON(out, r)
	}
	for _, result := range r.Files {
		if err := result.WriteText(out, flags.verbose); err != nil {
			return err
		}
	}
	for _, e := range r.Errors {
		if _, err := fmt.Fprintln(complaints, e); err != nil {
			return err
		}
	}
	return nil
}

// err is why the command fails: a test did, a file was bad, or there was nothing to do.
func (r *testReport) err(flags testFlags) error {
	switch {
	case len(r.Errors) > 0:
		return fmt.Errorf("%d of the test files could not be run", len(r.Errors))
	case r.Failed > 0:
		return fmt.Errorf("%d tests failed", r.Failed)
	case r.Passed+r.Skipped == 0:
		return fmt.Errorf("--run: no test's name matches %q", flags.run)
	default:
		return nil
	}
}

func writeJUnit(name string, results []*ruletest.Result, broken []ruletest.Broken) error {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	return errors.Join(ruletest.WriteJUnit(file, results, broken), file.Close())
}

// printJSON prints a value for scripts.
func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
