package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/rules/explain"
)

// checkFlags are the flags of tocsin check.
type checkFlags struct {
	config  string
	json    bool
	strict  bool
	verbose bool
}

// newCheckCommand validates everything without opening anything.
func newCheckCommand(logger func() (*slog.Logger, error)) *cobra.Command {
	var flags checkFlags
	cmd := &cobra.Command{
		Use:   "check [RULES...]",
		Short: "Validate a configuration with all it names, or rule files; say which rules are blind",
		Long: "check validates a configuration, its rules, whitelist, templates and receivers, or just the rule files\n" +
			"given. Every problem is printed as file:line:col with a hint, then every rule that cannot fire here, or not\n" +
			"on all that it asks for, with the reason. It exits with 1 when there is an error, with --strict also when\n" +
			"there is a warning or a blind rule.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := logger(); err != nil {
				return err
			}
			report, err := check(flags.config, args)
			if err != nil {
				return err
			}
			return report.print(cmd.OutOrStdout(), flags)
		},
	}
	configFlag(cmd, &flags.config)
	cmd.Flags().BoolVar(&flags.json, "json", false, "print everything as one JSON object")
	cmd.Flags().BoolVar(&flags.strict, "strict", false, "exit with 1 on warnings and blind rules too")
	cmd.Flags().BoolVarP(&flags.verbose, "verbose", "v", false, "list the rules that can fire and those that do not run too")
	return cmd
}

// checkReport is what check found; as JSON, what --json prints.
type checkReport struct {
	Name     string                `json:"config,omitempty"` // "" for rule files alone
	OK       bool                  `json:"ok"`               // no error
	Problems []checkProblem        `json:"problems"`
	Rules    []explain.Verdict     `json:"rules"`
	Counts   map[explain.State]int `json:"counts"`

	problems  []rules.Problem   // of rules and whitelist
	fatal     error             // all errors, those among the problems too
	findings  []configs.Problem // of the configuration, that it can be used with
	running   int
	whitelist int
	receivers int
}

// checkProblem is a rules.Problem, or a complaint about something else, for scripts.
type checkProblem struct {
	Severity string     `json:"severity"`
	Code     rules.Code `json:"code,omitempty"`
	File     string     `json:"file,omitempty"`
	Line     int        `json:"line,omitempty"`
	Col      int        `json:"col,omitempty"`
	Item     string     `json:"item,omitempty"` // the rule, macro, list or entry
	Message  string     `json:"message"`
	Hint     string     `json:"hint,omitempty"`
}

// check looks at rule files, or without any at a configuration. The error says that nothing could be read.
func check(config string, files []string) (*checkReport, error) {
	report := &checkReport{}
	if len(files) > 0 {
		set, err := loadRuleFiles(files)
		if err != nil {
			return nil, err
		}
		report.rules(set, set.Problems)
		return report.finish(), nil
	}
	cfg, err := configs.Load(config)
	if err != nil {
		report.fatal = err
		return report.finish(), nil
	}
	report.Name, report.findings, report.receivers = cfg.Name, cfg.Findings, len(cfg.Receivers)
	places := checkPlaces(cfg)
	set, list, problems, err := cfg.LoadRules()
	if set == nil {
		report.fatal = errors.Join(append(cfg.Errors(), err)...)
		return report.finish(), nil
	}
	report.rules(set, append(problems, places...))
	report.fatal = errors.Join(append(cfg.Errors(), report.fatal)...)
	report.whitelist = len(list.Entries())
	if rules.Err(problems) == nil { // the rest: receivers, templates, routes
		quiet := slog.New(slog.DiscardHandler) // problems are printed, not logged
		_, err := newPlan(options{config: config, output: "json"}, nil, io.Discard, quiet)
		report.fatal = errors.Join(report.fatal, err)
	}
	return report.finish(), nil
}

// rules takes the problems and judges every rule.
func (r *checkReport) rules(set *rules.Set, problems []rules.Problem) {
	r.problems = append(problems, unseenEvents(set)...)
	r.fatal = rules.Err(problems)
	seen := isReported()
	for _, rule := range set.Rules {
		r.Rules = append(r.Rules, explain.Judge(set, rule, seen))
		if rule.Runs() {
			r.running++
		}
	}
}

// finish works out what scripts are told.
func (r *checkReport) finish() *checkReport {
	r.OK = r.fatal == nil
	r.Problems = []checkProblem{}
	for _, p := range r.problems {
		r.Problems = append(r.Problems, newCheckProblem(p))
	}
	for _, p := range r.findings {
		r.Problems = append(r.Problems, newCheckProblem(p))
	}
	for _, err := range flatten(r.fatal) {
		if p := newCheckProblem(err); !slices.Contains(r.Problems, p) {
			r.Problems = append(r.Problems, p)
		}
	}
	r.Counts = map[explain.State]int{explain.CanFire: 0, explain.PartlyBlind: 0, explain.CannotFire: 0, explain.DoesNotRun: 0}
	if r.Rules == nil {
		r.Rules = []explain.Verdict{}
	}
	for _, v := range r.Rules {
		r.Counts[v.State]++
	}
	return r
}

func newCheckProblem(err error) checkProblem {
	if p, ok := errors.AsType[rules.Problem](err); ok {
		return checkProblem{Severity: p.Severity.String(), Code: p.Code, File: p.File, Line: p.Line, Col: p.Col, Item: p.Item,
			Message: p.Message, Hint: p.Hint}
	}
	if p, ok := errors.AsType[configs.Problem](err); ok {
		severity := cmp.Or(p.Severity, rules.Error)
		return checkProblem{Severity: severity.String(), File: p.File, Line: p.Line, Col: p.Col, Message: p.Message, Hint: p.Hint}
	}
	return checkProblem{Severity: rules.Error.String(), Message: err.Error()}
}

// flatten lists the errors that errors.Join put together.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	return []error{err}
}

// print shows the report. The error is what makes the command fail.
func (r *checkReport) print(out io.Writer, flags checkFlags) error {
	if flags.json {
		if err := printJSON(out, r); err != nil {
			return err
		}
	} else if err := r.printText(out, flags.verbose); err != nil {
		return err
	}
	switch {
	case r.fatal != nil && (flags.json || r.Name == "" && len(r.problems) > 0): // they are on stdout
		return errors.New("check found errors")
	case r.fatal != nil:
		return fmt.Errorf("check found errors:\n%w", r.fatal)
	case flags.strict:
		return r.strict()
	default:
		return nil
	}
}

func (r *checkReport) printText(out io.Writer, verbose bool) error {
	var b strings.Builder
	problems := r.problems
	if r.Name != "" { // errors of a configuration go to stderr, all in one place
		problems = slices.DeleteFunc(slices.Clone(problems), func(p rules.Problem) bool { return p.Severity == rules.Error })
	}
	writeProblems(&b, slices.DeleteFunc(slices.Clone(problems), r.inVerdict))
	for _, p := range r.findings {
		if p.Severity != rules.Error {
			fmt.Fprintln(&b, p)
		}
	}
	if r.fatal == nil {
		for i := range r.Rules {
			if v := &r.Rules[i]; verbose || v.State == explain.PartlyBlind || v.State == explain.CannotFire {
				writeVerdict(&b, v, true)
			} else if v.Counted != "" && v.State == explain.CanFire {
				fmt.Fprintf(&b, "window: %s  (%s) is %s\n", v.Rule, v.At, v.Counted)
			}
		}
		fmt.Fprintf(&b, "rules: %d can fire, %d partly blind, %d cannot fire, %d do not run\n", r.Counts[explain.CanFire],
			r.Counts[explain.PartlyBlind], r.Counts[explain.CannotFire], r.Counts[explain.DoesNotRun])
		if r.Name == "" {
			fmt.Fprintf(&b, "ok: %d of %d rules run\n", r.running, len(r.Rules))
		} else {
			fmt.Fprintf(&b, "%s: ok: %d rules run, %d whitelist entries, %d receivers\n", r.Name, r.running, r.whitelist, r.receivers)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// inVerdict reports a problem that the verdict of its rule says too.
func (r *checkReport) inVerdict(p rules.Problem) bool {
	at := syntax.Pos{File: p.File, Line: p.Line, Col: p.Col}.String()
	return p.Code == rules.Blind && slices.ContainsFunc(r.Rules, func(v explain.Verdict) bool {
		return v.Rule == p.Item && len(v.Reasons) > 0 && (v.At == at || slices.ContainsFunc(v.Reasons, func(reason explain.Reason) bool { return reason.At == at }))
	})
}

// strict is the error when something is not plainly fine. A rule that its author switched off is.
func (r *checkReport) strict() error {
	warnings, blind := 0, 0
	for _, p := range r.problems {
		if p.Severity == rules.Warning {
			warnings++
		}
	}
	for _, p := range r.findings {
		if p.Severity == rules.Warning {
			warnings++
		}
	}
	for _, v := range r.Rules {
		if (v.State == explain.PartlyBlind || v.State == explain.CannotFire) && !v.OnPurpose {
			blind++
		}
	}
	if warnings+blind == 0 {
		return nil
	}
	return fmt.Errorf("--strict: %d warnings, %d rules that are blind or cannot fire", warnings, blind)
}

// writeProblems shows each problem with the line it is about.
func writeProblems(b *strings.Builder, problems []rules.Problem) {
	for _, p := range problems {
		fmt.Fprintln(b, p)
		if p.Snippet != "" {
			fmt.Fprintf(b, "    %s\n", p.Snippet)
		}
	}
}
