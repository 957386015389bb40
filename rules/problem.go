package rules

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// Severity of a Problem.
type Severity uint8

// Severities.
const (
	Info    Severity = iota + 1 // good to know: a field that is always null here
	Warning                     // something is probably not what its author meant
	Error                       // the rule, list, macro or file is not used
)

// String is the word before the message.
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Error:
		return "error"
	default:
		return "unknown"
	}
}

// Code names a kind of problem: Falco's own names, and two of ours.
type Code string

// Codes of errors.
const (
	ErrFileRead         Code = "LOAD_ERR_FILE_READ"
	ErrYAMLParse        Code = "LOAD_ERR_YAML_PARSE"
	ErrYAMLValidate     Code = "LOAD_ERR_YAML_VALIDATE"
	ErrCompileCondition Code = "LOAD_ERR_COMPILE_CONDITION"
	ErrCompileOutput    Code = "LOAD_ERR_COMPILE_OUTPUT"
	ErrValidate         Code = "LOAD_ERR_VALIDATE"
)

// Codes of warnings and notes.
const (
	UnknownSource    Code = "LOAD_UNKNOWN_SOURCE"
	NoEventType      Code = "LOAD_NO_EVTTYPE"
	UnknownFilter    Code = "LOAD_UNKNOWN_FILTER"
	UnusedMacro      Code = "LOAD_UNUSED_MACRO"
	UnusedList       Code = "LOAD_UNUSED_LIST"
	UnknownItem      Code = "LOAD_UNKNOWN_ITEM"
	UnknownKey       Code = "LOAD_UNKNOWN_KEY"
	InvalidMacroName Code = "LOAD_INVALID_MACRO_NAME"
	InvalidListName  Code = "LOAD_INVALID_LIST_NAME"
	Blind            Code = "BLIND"         // part of a condition can never have an answer here
	NotEvaluated     Code = "NOT_EVALUATED" // the rule uses what this version does not evaluate yet
)

// Problem is one complaint about a rule file.
type Problem struct {
	Severity Severity
	Code     Code
	File     string
	Line     int    // from 1; 0: the file as a whole
	Col      int    // from 1, in bytes
	Item     string // the rule, macro or list it is about, or ""
	Message  string
	Hint     string // what to do about it, or ""
	Snippet  string // the line, as it stands in the file
}

// String is one line: place, severity, code, message, hint.
func (p Problem) String() string {
	var b strings.Builder
	if at := (syntax.Pos{File: p.File, Line: p.Line, Col: p.Col}).String(); at != "" {
		b.WriteString(at + ": ")
	}
	fmt.Fprintf(&b, "%s: %s: %s", p.Severity, p.Code, p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// Error makes a Problem an error.
func (p Problem) Error() string { return p.String() }

// Err joins the problems that are errors; nil when there are none.
func Err(problems []Problem) error {
	var errs []error
	for _, p := range problems {
		if p.Severity == Error {
			errs = append(errs, p)
		}
	}
	return errors.Join(errs...)
}
