// Package filter compiles conditions into programs that run once per event, and output texts into
// templates.
//
// A Program belongs to a set of rules. Every distinct comparison of all their conditions is one
// predicate in it; an Evaluator remembers per event what a predicate answered, so that a hundred rules
// asking the same question pay once. A condition becomes a chain of jumps from predicate to predicate
// (and, or and not leave no trace), one chain per kind of event: questions about the event's type are
// answered while compiling.
//
// An Index says which conditions an event can satisfy at all: see there.
//
// What a condition cannot mean is an error with a place, never a condition that silently means something
// else. filter/reference_test.go is a second reading of the language, which the compiled form must agree with.
package filter
