package main

import (
	"github.com/tocsin-security/tocsin/stages/match"
	"github.com/tocsin-security/tocsin/stages/window"
)

// ruleStats is what a rule did in this process.
type ruleStats struct {
	match.RuleStats
	observes   bool // it has a window
	structured bool
}

// ruleStats are the counts of the rules that this process asks or finishes alerts of. A rule whose window is the
// store's fires where that is asked: in a router for all its sensors.
func (a *app) ruleStats() []ruleStats {
	asked := map[string]match.RuleStats{}
	if a.hot != nil {
		for _, m := range []*match.Matcher{a.hot.matcher.Load(), a.hot.after.Load()} {
			for _, r := range m.Stats().Rules {
				asked[r.Rule] = r.Plus(asked[r.Rule])
			}
		}
	}
	finished := map[string]uint64{}
	if a.durable != nil {
		for _, r := range a.durable.payload.Load().Stats() {
			asked[r.Rule] = r
		}
		finished = a.durable.windows.Fired()
	}
	var all []ruleStats
	for _, r := range a.active.Load().rules.Rules {
		s, here := asked[r.Name]
		if !here && finished[r.Name] == 0 {
			continue
		}
		s.Rule = r.Name
		s.Fired += finished[r.Name]
		all = append(all, ruleStats{s, here && r.Window != nil, r.Payload != nil})
	}
	return all
}

// memories are where windows are counted in this process, by whose they are.
func (a *app) memories() map[string]*window.Memory {
	all := map[string]*window.Memory{}
	if a.hot != nil {
		all["node"] = a.active.Load().windows
	}
	if a.durable != nil && a.durable.counts != nil {
		all["store"] = a.durable.counts
	}
	return all
}
