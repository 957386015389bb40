package ruletest

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/match"
	"github.com/tocsin-security/tocsin/stages/whitelist"
)

// Options say what to run and how.
type Options struct {
	Only     *regexp.Regexp // tests whose name it matches; nil: all
	Coverage bool           // watch what of the rules the tests reach
}

// Run runs the tests of a file that was read from the given name. The error says that the file, its rules
// or its whitelist cannot be used; a test that fails is in the Result.
func Run(f *File, opts Options) (*Result, error) {
	s, err := load(f, opts)
	if err != nil {
		return nil, err
	}
	result := &Result{File: f.Name}
	for i := range f.Tests {
		t := &f.Tests[i]
		if opts.Only != nil && !opts.Only.MatchString(t.Name) {
			continue
		}
		begun := time.Now()
		one, err := s.run(t)
		if err != nil {
			return nil, fmt.Errorf("test %q: %w", t.Name, err)
		}
		one.Seconds = time.Since(begun).Seconds()
		result.Tests = append(result.Tests, one)
	}
	if opts.Coverage {
		result.Coverage = s.coverage.report()
	}
	return result, nil
}

// suite is what the tests of a file share.
type suite struct {
	opts      Options
	set       *rules.Set
	whitelist *whitelist.List
	coverage  *coverage // nil: not asked for
}

func load(f *File, opts Options) (*suite, error) {
	dir := filepath.Dir(f.Name)
	cfg := rules.DefaultConfig()
	cfg.Given, cfg.Files = true, f.RuleFiles
	cfg.Sources = map[string]*payload.Schema{}
	for _, t := range f.Tests {
		if t.Source != SourceSyscall {
			cfg.Sources[t.Source] = nil // known, without a schema
		}
	}
	if f.Matching != "" {
		cfg.Matching = f.Matching
	}
	set, err := rules.Load(cfg, dir)
	if err != nil {
		return nil, err
	}
	// What may not be in a whitelist is for check to say; here it is asked what it does.
	policy := whitelist.Config{Files: f.Whitelist, MissingReason: whitelist.Warn, Broad: whitelist.Allow, Expired: whitelist.Ignore}
	list, problems, err := whitelist.Load(policy, dir, set)
	if err != nil {
		return nil, err
	}
	if err := rules.Err(append(set.Problems, problems...)); err != nil {
		return nil, err
	}
	s := &suite{opts: opts, set: set, whitelist: list}
	if opts.Coverage {
		s.coverage = newCoverage(set)
	}
	return s, s.checkNames(f)
}

// checkNames refuses alerts of rules that are not there.
func (s *suite) checkNames(f *File) error {
	var names []string
	for _, r := range s.set.Rules {
		names = append(names, r.Name)
	}
	var errs []error
	for _, t := range f.Tests {
		for _, a := range t.Alerts {
			if s.set.Rule(a.Rule) == nil {
				errs = append(errs, &syntax.Error{At: a.RuleAt, Msg: fmt.Sprintf("there is no rule %q", a.Rule),
					Hint: syntax.DidYouMean(a.Rule, names)})
			}
		}
	}
	return errors.Join(errs...)
}

// run runs one test, with a Matcher and windows of its own: what one test counts is nothing to the next.
func (s *suite) run(t *Test) (TestResult, error) {
	result := TestResult{Name: t.Name, At: t.At.String(), Status: Pass}
	if t.Skip != "" {
		result.Status, result.Skipped = Skip, t.Skip
		return result, nil
	}
	windows := newWindows()
	came, err := s.play(t, windows)
	if err != nil {
		return result, err
	}
	result.Missing, result.Unexpected = compare(t.Alerts, came)
	for i := range result.Missing {
		if m := &result.Missing[i]; m.Instead == nil {
			m.Why = s.why(t, m.Rule, windows)
		}
	}
	if len(result.Missing)+len(result.Unexpected) > 0 {
		result.Status = Fail
	}
	return result, nil
}

// play puts the events of a test to the rules, and returns the alerts that came.
func (s *suite) play(t *Test, windows *windows) (came []Alert, err error) {
	matcher, err := match.New(match.Config{Whitelist: s.whitelist, Windows: windows}, s.set)
	if err != nil {
		return nil, err
	}
	structured := match.NewPayload(match.Config{Whitelist: s.whitelist, Places: t.Places}, s.set)
	emit := func(a pipeline.Alert) {
		if windows.finish(&a) {
			came = append(came, Alert{Rule: a.Rule, Output: a.Output, Time: Time{a.Time}})
			s.coverage.fired(a.Rule)
		}
	}
	number := uint64(0)
	for i := range t.Events {
		for n := range t.Events[i].Repeat {
			number++
			e := &t.Events[i]
			at := e.Time.Add(time.Duration(n) * e.Every)
			if t.Source != SourceSyscall {
				alerts, err := structured.MatchMap(strconv.FormatUint(number, 10), t.Source, e.Payload, at)
				if err != nil {
					return nil, err
				}
				for _, a := range alerts {
					emit(a)
				}
				continue
			}
			ev := e.event(at, number)
			matcher.Match(ev, emit)
			if n == 0 {
				s.coverage.watch(ev)
			}
		}
	}
	return came, nil
}

// event is the kernel's event of that number.
func (e *Event) event(at time.Time, number uint64) *pipeline.Event {
	return &pipeline.Event{
		Type: e.Type, Source: SourceSyscall, Num: number, Time: at.UnixNano(), Proc: e.Fields.Process(), Extra: e.Fields,
	}
}
