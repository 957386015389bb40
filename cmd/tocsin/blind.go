package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/sensor"
)

// namedTypes is how many kinds of event a rule may name and still mean each of them: one that asks for
// nearly all of them just names no event.
const namedTypes = 20

// unseenEvents says which rules wait for events that the sensor does not report, so that no rule is
// silently blind.
func unseenEvents(set *rules.Set) []rules.Problem {
	seen := isReported()
	var problems []rules.Problem
	for _, r := range set.Rules {
		if !r.Runs() || r.Source != "syscall" {
			continue
		}
		types := r.Code.EventTypes() // of a sequence, those of all its steps
		var unseen []string
		for _, t := range types {
			if name := t.String(); !seen(t) && !slices.Contains(unseen, name) {
				unseen = append(unseen, name)
			}
		}
		if len(unseen) == 0 || len(types) > namedTypes {
			continue
		}
		verdict := "is partly blind"
		if !slices.ContainsFunc(types, seen) || hasBlindStep(r, seen) {
			verdict = "cannot fire"
		}
		problems = append(problems, rules.Problem{
			Severity: rules.Warning, Code: rules.Blind, File: r.At.File, Line: r.At.Line, Col: r.At.Col, Item: r.Name,
			Message: fmt.Sprintf("%s: the rule %s: the sensor does not report %s yet", r.Name, verdict, strings.Join(unseen, ", ")),
		})
	}
	return problems
}

// hasBlindStep reports a sequence with a step that no reported event can be.
func hasBlindStep(r *rules.Rule, seen func(pipeline.EventType) bool) bool {
	return r.Window != nil && slices.ContainsFunc(r.Window.Steps, func(s rules.Step) bool {
		return !slices.ContainsFunc(s.Code.EventTypes(), seen)
	})
}

// isReported says which events the sensor reports on this architecture.
func isReported() func(pipeline.EventType) bool {
	var seen [pipeline.NumEventTypes]bool
	for _, t := range append(sensor.Syscalls(), pipeline.EventExecve, pipeline.EventExit) {
		seen[t] = true
	}
	return func(t pipeline.EventType) bool { return seen[t] }
}
