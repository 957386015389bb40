package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// expectation is one entry of a file for tocsin route test.
type expectation struct {
	Name      string            `yaml:"name"`
	Labels    map[string]string `yaml:"labels"`
	Receivers []string          `yaml:"receivers"` // in whatever order
	Group     map[string]string `yaml:"group"`     // the group's labels, of every route that takes it; not given: any
	At        string            `yaml:"at"`        // RFC 3339; default now
	Muted     any               `yaml:"muted"`     // true: all, false: none, or the receivers that are; not given: any

	file string
	line int
	at   time.Time
}

// verdict is what became of an expectation; as JSON, what --json prints of it.
type verdict struct {
	Name string   `json:"name"`
	At   string   `json:"at"` // file:line
	OK   bool     `json:"ok"`
	Diff []string `json:"diff,omitempty"` // what differs, a line each
}

// testRouteFiles compares where alerts go with what files expect.
func testRouteFiles(out io.Writer, v *routes, files []string, flags routeFlags) error {
	if flags.tree || flags.verify != "" || flags.at != "" {
		return errors.New("--tree, --verify.receivers and --at go with labels, not with files")
	}
	var all []expectation
	var errs []error
	for _, file := range files {
		some, err := readExpectations(file)
		all, errs = append(all, some...), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	verdicts, failed := []verdict{}, 0
	for _, e := range all {
		diff := e.compare(v.ask(e.Labels, e.at))
		if len(diff) > 0 {
			failed++
		}
		verdicts = append(verdicts, verdict{Name: e.Name, At: fmt.Sprintf("%s:%d", e.file, e.line), OK: len(diff) == 0, Diff: diff})
	}
	if err := printVerdicts(out, verdicts, flags.json); err != nil {
		return err
	}
	if failed > 0 {
		return exitError{1, fmt.Errorf("%d of %d alerts do not go where they should", failed, len(all))}
	}
	return nil
}

func printVerdicts(out io.Writer, verdicts []verdict, asJSON bool) error {
	if asJSON {
		return printJSON(out, verdicts)
	}
	var b strings.Builder
	ok := 0
	for _, v := range verdicts {
		if v.OK {
			ok++
			continue
		}
		fmt.Fprintf(&b, "FAIL  %s: %s\n", v.At, v.Name)
		for _, d := range v.Diff {
			fmt.Fprintf(&b, "      %s\n", d)
		}
	}
	fmt.Fprintf(&b, "%d of %d as expected\n", ok, len(verdicts))
	_, err := io.WriteString(out, b.String())
	return err
}

// readExpectations reads a file; every mistake is in the error, with its place.
func readExpectations(file string) (all []expectation, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, at(file, err)
	}
	var list *ast.SequenceNode
	if len(parsed.Docs) == 1 {
		list, _ = parsed.Docs[0].Body.(*ast.SequenceNode)
	}
	if list == nil || len(list.Values) == 0 {
		return nil, fmt.Errorf("%s: write a list of {name, labels, receivers, group, at, muted}", file)
	}
	var errs []error
	for _, item := range list.Values {
		e := expectation{file: file, line: item.GetToken().Position.Line}
		if err := yaml.NodeToValue(item, &e, yaml.Strict()); err != nil {
			errs = append(errs, at(file, err))
			continue
		}
		if err := e.check(); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", file, e.line, err))
		}
		all = append(all, e)
	}
	return all, errors.Join(errs...)
}

// at puts the place before a YAML error.
func at(file string, err error) error {
	var y yaml.Error
	if !errors.As(err, &y) || y.GetToken() == nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	pos := y.GetToken().Position
	return fmt.Errorf("%s:%d:%d: %s", file, pos.Line, pos.Column, y.GetMessage())
}

func (e *expectation) check() (err error) {
	if e.Name == "" || len(e.Receivers) == 0 {
		return errors.New("name and receivers are needed: the receivers that hear of it")
	}
	e.at = time.Now()
	if e.At != "" {
		if e.at, err = time.Parse(time.RFC3339, e.At); err != nil {
			return fmt.Errorf("at: %q is no time: write it as in 2027-01-31T22:00:00+08:00", e.At)
		}
	}
	switch muted := e.Muted.(type) {
	case nil, bool:
	case []any:
		if slices.ContainsFunc(muted, func(one any) bool { _, ok := one.(string); return !ok }) {
			return errors.New("muted: write true, false, or a list of receivers")
		}
	default:
		return errors.New("muted: write true, false, or a list of receivers")
	}
	return nil
}

// compare says what of an answer is not as expected.
func (e *expectation) compare(got routeAnswer) (diff []string) {
	bad := func(what, want, is string) { diff = append(diff, what+": expected "+want+", is "+is) }
	if !sameNames(e.Receivers, got.Receivers) {
		bad("receivers", strings.Join(e.Receivers, ", "), strings.Join(got.Receivers, ", "))
	}
	var muted []string
	for _, r := range got.Routes {
		if want, is := labelText(e.Group), labelText(r.InGroup.Labels); e.Group != nil && want != is {
			bad("group of "+r.Receiver, "{"+want+"}", "{"+is+"}")
		}
		if r.IsMuted {
			muted = append(muted, r.Receiver)
		}
	}
	var want []string
	switch of := e.Muted.(type) {
	case nil:
		return diff
	case bool:
		if of {
			want = got.Receivers
		}
	case []any:
		for _, name := range of {
			want = append(want, name.(string))
		}
	}
	if !sameNames(want, muted) {
		bad("muted", "["+strings.Join(want, ", ")+"]", "["+strings.Join(muted, ", ")+"]")
	}
	return diff
}
