package syntax

import (
	"errors"
	"fmt"
	"strings"
)

// Pos is a place in a rule file. Line and Col count from 1, columns in bytes; Line 0 means unknown.
type Pos struct {
	File string
	Line int
	Col  int
}

// String is file:line:col, without the parts that are unknown.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.File == "":
		return fmt.Sprintf("%d:%d", p.Line, p.Col)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
	}
}

// Error is a complaint about a place in a rule file.
type Error struct {
	At   Pos
	Msg  string
	Hint string // what to write instead, or ""
	// Unknown says that a field or event type does not exist: rules may ask to be skipped then.
	Unknown bool
	Cause   error // what another parser said, or nil
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Error is the place, what is wrong there, and the hint in parentheses.
func (e *Error) Error() string {
	var b strings.Builder
	if at := e.At.String(); at != "" {
		b.WriteString(at + ": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Errorf makes an Error without a hint.
func Errorf(at Pos, format string, args ...any) error {
	return &Error{At: at, Msg: fmt.Sprintf(format, args...)}
}

// AsError finds the Error in err, or makes one without a place.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Msg: err.Error()}
}
