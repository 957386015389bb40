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
	seen := append(sensor.Syscalls(), pipeline.EventExecve, pipeline.EventExit)
	var problems []rules.Problem
	for _, r := range set.Rules {
		if !r.Runs() || r.Source != "syscall" {
			continue
		}
		types := r.Code.EventTypes()
		var unseen []string
		for _, t := range types {
			if name := t.String(); !slices.Contains(seen, t) && !slices.Contains(unseen, name) {
				unseen = append(unseen, name)
			}
		}
		if len(unseen) == 0 || len(types) > namedTypes {
			continue
		}
		verdict := "is partly blind"
		if !slices.ContainsFunc(types, func(t pipeline.EventType) bool { return slices.Contains(seen, t) }) {
			verdict = "cannot fire"
		}
		problems = append(problems, rules.Problem{
			Severity: rules.Warning, Code: rules.Blind, File: r.At.File, Line: r.At.Line, Col: r.At.Col, Item: r.Name,
			Message: fmt.Sprintf("%s: the rule %s: the sensor does not report %s yet", r.Name, verdict, strings.Join(unseen, ", ")),
		})
	}
	return problems
}
