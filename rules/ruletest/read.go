package ruletest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// SourceSyscall is the source of tests that name none: the kernel.
const SourceSyscall = "syscall"

// Read reads a test file. The error joins everything that is wrong in it, each a *syntax.Error.
func Read(name string, data []byte) (*File, error) {
	d, body, err := parse(name, data)
	if err != nil {
		return nil, err
	}
	entries, err := d.mapping(body, "a test file")
	if err != nil {
		return nil, err
	}
	r := &reader{document: d}
	f := &File{Name: name}
	for _, e := range entries {
		switch e.name {
		case "rule_files":
			f.RuleFiles = r.texts(e)
		case "whitelist_files":
			f.Whitelist = r.texts(e)
		case "rules":
			f.Matching = r.matching(e)
		case "tests":
			f.Tests = r.tests(e)
		default:
			r.unknown(e, "rule_files", "whitelist_files", "rules", "tests")
		}
	}
	if len(f.RuleFiles) == 0 && len(r.errs) == 0 {
		r.fail(syntax.Pos{File: name, Line: 1, Col: 1}, "rule_files is missing or empty: there is nothing to test")
	}
	if len(f.Tests) == 0 && len(r.errs) == 0 {
		r.fail(syntax.Pos{File: name, Line: 1, Col: 1}, "tests is missing or empty: a file without tests proves nothing")
	}
	return f, errors.Join(r.errs...)
}

// reader goes on after a mistake, so that all of them are told at once.
type reader struct {
	*document
	errs []error
}

func (r *reader) keep(err error) {
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

func (r *reader) fail(at syntax.Pos, format string, args ...any) {
	r.keep(syntax.Errorf(at, format, args...))
}

func (r *reader) unknown(e entry, known ...string) {
	r.keep(&syntax.Error{At: e.at, Msg: fmt.Sprintf("unknown key %q", e.name), Hint: syntax.DidYouMean(e.name, known)})
}

func (r *reader) texts(e entry) []string {
	texts, err := r.document.texts(e.value, e.name)
	r.keep(err)
	return texts
}

func (r *reader) text(e entry) string {
	s, err := r.document.text(e.value, e.name)
	r.keep(err)
	return s
}

func (r *reader) matching(e entry) string {
	entries, err := r.mapping(e.value, e.name)
	r.keep(err)
	how := ""
	for _, e := range entries {
		if e.name != "matching" {
			r.unknown(e, "matching")
			continue
		}
		how = r.text(e)
		if how != rules.MatchAll && how != rules.MatchFirst {
			r.fail(r.pos(e.value), "matching: %q is neither %q nor %q", how, rules.MatchAll, rules.MatchFirst)
		}
	}
	return how
}

func (r *reader) tests(e entry) []Test {
	nodes, err := r.list(e.value, e.name)
	r.keep(err)
	var tests []Test
	for _, n := range nodes {
		t, ok := r.test(n)
		if !ok {
			continue
		}
		if i := slices.IndexFunc(tests, func(other Test) bool { return other.Name == t.Name }); i >= 0 {
			r.fail(t.At, "the name %q is taken by the test at %s", t.Name, tests[i].At)
		}
		tests = append(tests, t)
	}
	return tests
}

func (r *reader) test(n ast.Node) (t Test, ok bool) {
	entries, err := r.mapping(n, "a test")
	if err != nil {
		r.keep(err)
		return t, false
	}
	t = Test{At: r.pos(n), Source: SourceSyscall}
	if len(entries) > 0 {
		t.At = entries[0].at
	}
	var events, alerts *entry
	for i, e := range entries {
		switch e.name {
		case "name":
			t.Name = r.text(e)
		case "skip":
			if t.Skip = strings.TrimSpace(r.text(e)); t.Skip == "" {
				r.fail(r.pos(e.value), "skip: say why the test is not run")
			}
		case "source":
			t.Source = r.text(e)
		case "places":
			t.Places = r.places(e)
		case "events":
			events = &entries[i]
		case "alerts":
			alerts = &entries[i]
		default:
			r.unknown(e, "name", "skip", "source", "places", "events", "alerts")
		}
	}
	switch {
	case strings.TrimSpace(t.Name) == "":
		r.fail(t.At, "name is missing: say in a sentence what is expected")
	case events == nil:
		r.fail(t.At, "test %q: events is missing", t.Name)
	case alerts == nil:
		r.keep(&syntax.Error{At: t.At, Msg: fmt.Sprintf("test %q: alerts is missing", t.Name), Hint: "alerts: [] expects none"})
	case t.Places != nil && t.Source == SourceSyscall:
		r.keep(&syntax.Error{At: t.At, Msg: fmt.Sprintf("test %q: places is for structured events", t.Name), Hint: "give an event of the kernel its geo.country, geo.city, geo.asn and geo.as_org"})
	default:
		t.Events = r.events(*events, t.Source)
		t.Alerts = r.alerts(*alerts)
		return t, true
	}
	return t, false
}

func (r *reader) alerts(e entry) []Expected {
	nodes, err := r.list(e.value, e.name)
	r.keep(err)
	var alerts []Expected
	for _, n := range nodes {
		entries, err := r.mapping(n, "an alert")
		r.keep(err)
		a := Expected{At: r.pos(n)}
		for _, e := range entries {
			switch e.name {
			case "rule":
				a.Rule, a.At, a.RuleAt = r.text(e), e.at, r.pos(e.value)
			case "output":
				text := r.text(e)
				a.Output = &text
			case "at":
				at := r.time(e)
				a.Time = &at
			default:
				r.unknown(e, "rule", "output", "at")
			}
		}
		if a.Rule == "" {
			r.fail(a.At, "an alert needs the name of its rule")
			continue
		}
		alerts = append(alerts, a)
	}
	return alerts
}

// time reads how long after the start of the test something is, or a time of its own.
func (r *reader) time(e entry) time.Time {
	s := r.text(e)
	if d, err := pipeline.ParseDuration(strings.TrimPrefix(s, "+")); err == nil {
		return start.Add(d)
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at
	}
	r.keep(&syntax.Error{At: r.pos(e.value), Msg: fmt.Sprintf("%s: %q is no time", e.name, s),
		Hint: "write +30s, counted from the start of the test, or 2026-01-31T02:30:00+08:00"})
	return start
}
