package whitelist

import (
	"encoding/binary"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/pipeline"
)

// covering are the entries for one rule. Those for the kernel's events are found by an index over their
// conditions, as rules are: what a hit costs hardly grows with their number.
type covering struct {
	entries    []*Entry // for the kernel's events, in the order of the files
	index      *filter.Index
	structured memberIndex // for structured events, likewise
}

// coverings makes what covers each rule. Rules that are covered by the same entries share it.
type coverings struct {
	program *filter.Program
	entries []*Entry
	shared  map[string]*covering
}

// of is what covers a rule.
func (c *coverings) of(rule string, tags []string) *covering {
	var key []byte
	found := &covering{}
	for i, e := range c.entries {
		if !covers(e.Rules, rule, tags) {
			continue
		}
		key = binary.AppendUvarint(key, uint64(i))
		if e.forKernel() {
			found.entries = append(found.entries, e)
		}
		if e.forStructured() {
			found.structured.add(e)
		}
	}
	if before := c.shared[string(key)]; before != nil {
		return before
	}
	conditions := make([]*filter.Condition, len(found.entries))
	for i, e := range found.entries {
		conditions[i] = e.condition
	}
	if len(conditions) > 0 {
		found.index = filter.NewIndex(c.program, conditions)
	}
	c.shared[string(key)] = found
	return found
}

// find is the first entry that applies to an event, or nil.
func (c *covering) find(ev *pipeline.Event, evaluator *filter.Evaluator) *Entry {
	at := ev.At()
	if ev.Type == pipeline.EventJSON {
		evaluator.Reset(ev)
		for _, e := range c.structured.candidates(ev.Extra) {
			if e.membersHold(ev) && (e.condition == nil || evaluator.Match(e.condition)) && e.inForce(at) {
				return e
			}
		}
		return nil
	}
	if c.index == nil || !c.index.Has(ev.Type) {
		return nil
	}
	evaluator.Reset(ev)
	for _, i := range evaluator.Candidates(c.index) {
		if e := c.entries[i]; evaluator.Match(e.condition) && e.inForce(at) {
			return e
		}
	}
	return nil
}
