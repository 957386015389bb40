package ruletest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The elements of JUnit's XML that CI systems read.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitMessage `xml:"failure"`
		Error   *junitMessage `xml:"error"`
		Skipped *junitMessage `xml:"skipped"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// Broken is a test file that could not be run.
type Broken struct {
	File string
	Err  error
}

// WriteJUnit writes all results as one JUnit report. A file that could not be run is a suite with an error.
func WriteJUnit(out io.Writer, results []*Result, broken []Broken) error {
	report := junitSuites{Name: "tocsin test"}
	seconds := 0.0
	for _, r := range results {
		passed, failed, skipped := r.Counts()
		suite := junitSuite{Name: clean(r.File), Tests: passed + failed + skipped, Failures: failed, Skipped: skipped}
		took := 0.0
		for i := range r.Tests {
			suite.Cases = append(suite.Cases, newCase(r.File, &r.Tests[i]))
			took += r.Tests[i].Seconds
		}
		suite.Time = inSeconds(took)
		seconds += took
		report.add(suite)
	}
	for _, b := range broken {
		text := clean(b.Err.Error())
		first, _, _ := strings.Cut(text, "\n")
		report.add(junitSuite{Name: clean(b.File), Tests: 1, Errors: 1, Time: inSeconds(0), Cases: []junitCase{{
			Name: "the file can be run", Class: clean(b.File), File: clean(b.File), Time: inSeconds(0),
			Error: &junitMessage{Message: first, Text: text},
		}}})
	}
	report.Time = inSeconds(seconds)
	if _, err := io.WriteString(out, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(out)
	enc.Indent("", "  ")
	if err := enc.Encode(report); err != nil {
		return fmt.Errorf("write the JUnit report: %w", err)
	}
	_, err := io.WriteString(out, "\n")
	return err
}

func (s *junitSuites) add(suite junitSuite) {
	s.Suites = append(s.Suites, suite)
	s.Tests += suite.Tests
	s.Failures += suite.Failures
	s.Errors += suite.Errors
	s.Skipped += suite.Skipped
}

func newCase(file string, t *TestResult) junitCase {
	c := junitCase{Name: clean(t.Name), Class: clean(file), File: clean(file), Time: inSeconds(t.Seconds)}
	switch t.Status {
	case Fail:
		c.Failure = &junitMessage{
			Message: fmt.Sprintf("%d alerts missing or different, %d unexpected", len(t.Missing), len(t.Unexpected)),
			Text:    clean(t.At + "\n" + t.Difference()),
		}
	case Skip:
		c.Skipped = &junitMessage{Message: clean(t.Skipped)}
	}
	return c
}

func inSeconds(s float64) string { return fmt.Sprintf("%.3f", s) }

// clean is s without what XML 1.0 cannot hold.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r == 0xFFFE || r == 0xFFFF {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
