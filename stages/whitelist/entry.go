package whitelist

import (
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// Entry is one exception. It does not change once loaded.
type Entry struct {
	ID       string
	Reason   string
	Owner    string
	Approver string
	Rules    []rules.Pattern // whose alerts it keeps quiet
	Expires  time.Time       // from then on it does not apply; zero: never
	At       syntax.Pos

	node      syntax.Node       // match, as it was written; nil: it asks for members only
	condition *filter.Condition // of node, made so that nothing unknown lets it hold
	members   []member          // of structured events; all have to hold
	schedule  schedule
	broad     string
	problem   string // why it is refused, or what is doubtful about it
	refused   bool
}

// Broad says why the entry covers more than anybody can have meant, or is empty.
func (e *Entry) Broad() string { return e.broad }

// Condition is match as a condition of the rule language. It is nil for an entry that asks for members of structured
// events only.
func (e *Entry) Condition() syntax.Node { return e.node }

// State is what the entry does at a time.
func (e *Entry) State(at time.Time) pipeline.EntryState {
	switch {
	case e.refused:
		return pipeline.EntryRefused
	case e.expired(at):
		return pipeline.EntryExpired
	case !e.schedule.contains(at):
		return pipeline.EntryOff
	default:
		return pipeline.EntryActive
	}
}

func (e *Entry) expired(at time.Time) bool { return !e.Expires.IsZero() && !at.Before(e.Expires) }

// inForce reports whether the entry applies at the time of an event.
func (e *Entry) inForce(at time.Time) bool { return !e.expired(at) && e.schedule.contains(at) }

// forKernel reports whether the entry can apply to an event of the kernel.
func (e *Entry) forKernel() bool { return len(e.members) == 0 }

// forStructured reports whether the entry can apply to a structured event: that has a source, a host and
// members, and no other field.
func (e *Entry) forStructured() bool {
	return e.condition == nil || !slices.ContainsFunc(e.condition.Fields(), func(f field.Ref) bool {
		return f.Text != "evt.source" && f.Text != "evt.hostname"
	})
}

// membersHold reports whether a structured event has what the entry asks of its payload.
func (e *Entry) membersHold(ev *pipeline.Event) bool {
	for i := range e.members {
		if !e.members[i].holds(ev.Extra) {
			return false
		}
	}
	return true
}

// usage is what is told of the entry besides its account.
func (e *Entry) usage(now time.Time) pipeline.EntryUsage {
	return pipeline.EntryUsage{
		ID: e.ID, Reason: e.Reason, Owner: e.Owner, Approver: e.Approver, Place: e.At.String(), Expires: e.Expires,
		State: e.State(now), Problem: e.problem, Broad: e.broad, Rules: []pipeline.RuleUsage{},
	}
}
