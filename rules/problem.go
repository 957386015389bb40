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

// Code names a kind of problem: Falco's own names (LOAD_…), and ours.
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

// Codes of warnings.
const (
	UnknownSource          Code = "LOAD_UNKNOWN_SOURCE"
	UnsafeNACheck          Code = "LOAD_UNSAFE_NA_CHECK"
	NoEventType            Code = "LOAD_NO_EVTTYPE"
	UnknownFilter          Code = "LOAD_UNKNOWN_FILTER"
	UnusedMacro            Code = "LOAD_UNUSED_MACRO"
	UnusedList             Code = "LOAD_UNUSED_LIST"
	UnknownItem            Code = "LOAD_UNKNOWN_ITEM"
	DeprecatedItem         Code = "LOAD_DEPRECATED_ITEM"
	AppendNoValues         Code = "LOAD_APPEND_NO_VALUES"
	ExceptionNameNotUnique Code = "LOAD_EXCEPTION_NAME_NOT_UNIQUE"
	InvalidMacroName       Code = "LOAD_INVALID_MACRO_NAME"
	InvalidListName        Code = "LOAD_INVALID_LIST_NAME"
	CompileCondition       Code = "LOAD_COMPILE_CONDITION"
	UnknownKey             Code = "LOAD_UNKNOWN_KEY"
)

// Codes that Falco does not have.
const (
	Blind          Code = "BLIND"             // part of a condition can never have an answer here
	NoEffect       Code = "NO_EFFECT"         // a key that is read and does nothing here
	Alias          Code = "ALIAS"             // a word that is not Falco's was understood as something that is
	LintCommPath   Code = "LINT_COMM_PATH"    // a process's name compared with a path
	LintCommLength Code = "LINT_COMM_LENGTH"  // … with more than a name can hold
	LintAlwaysTrue Code = "LINT_ALWAYS_TRUE"  // "x != a or x != b"
	LintBareWord   Code = "LINT_BARE_WORD"    // a word where a list should be, which no list has as its name
	LintRedefined  Code = "LINT_REDEFINED"    // a name of another file defined again without override
	LintShadowed   Code = "LINT_SHADOWED"     // the rule never fires: an earlier one does whenever it could
	LintIgnoredKey Code = "LINT_IGNORED_KEY"  // a key beside append: true that does nothing
	NoIdentity     Code = "NO_IDENTITY"       // dedupe.by names what is another with every occurrence
	LintWindow     Code = "LINT_WINDOW"       // a window that hardly does what was meant
	LintNoSuchRule Code = "LINT_NO_SUCH_RULE" // the configuration switches a rule or tag that is not there
	NoDatabase     Code = "NO_DATABASE"       // the configuration names an address database that cannot be used
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

// problems collects complaints and finds the line each is about.
type problems struct {
	list []Problem
	docs map[string]*Document
	told map[Problem]bool // without hint and snippet: nothing is said twice
}

func (p *problems) add(severity Severity, code Code, item string, at syntax.Pos, message, hint string) {
	snippet := ""
	if d := p.docs[at.File]; d != nil {
		snippet = d.Line(at.Line)
	}
	p.keep(Problem{Severity: severity, Code: code, File: at.File, Line: at.Line, Col: at.Col, Item: item, Message: message,
		Hint: hint, Snippet: snippet})
}

func (p *problems) keep(problem Problem) {
	same := problem
	same.Hint, same.Snippet = "", ""
	if p.told == nil {
		p.told = map[Problem]bool{}
	}
	if !p.told[same] {
		p.told[same] = true
		p.list = append(p.list, problem)
	}
}

// err adds an error of the parsers; fallback is its place when it has none.
func (p *problems) err(severity Severity, code Code, item string, fallback syntax.Pos, err error) {
	e := *syntax.AsError(err)
	if e.At.Line == 0 {
		e.At = fallback
	}
	if i, ok := errors.AsType[*invalid](err); ok && severity == Error {
		code = i.code
	}
	message := e.Msg
	if item != "" {
		message = item + ": " + message
	}
	p.add(severity, code, item, e.At, message, e.Hint)
}

// invalid is an error that has a code of its own, whatever its place would suggest.
type invalid struct {
	code Code
	err  *syntax.Error
}

// Unwrap returns the error itself.
func (i *invalid) Unwrap() error { return i.err }

// Error is the error's text.
func (i *invalid) Error() string { return i.err.Error() }

// semantic is the error of an element that is well formed and means nothing that could be.
func semantic(at syntax.Pos, hint, format string, args ...any) error {
	return &invalid{code: ErrValidate, err: &syntax.Error{At: at, Msg: fmt.Sprintf(format, args...), Hint: hint}}
}
