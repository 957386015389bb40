package whitelist

import (
	"reflect"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/rules"
)

// Match is what has to hold, with the demands that its fields are known put in. It is nil for an entry that asks
// for members of structured events, which the language of rules cannot say. It must not be changed.
func (e *Entry) Match() syntax.Node {
	if e.node == nil || len(e.members) > 0 {
		return nil
	}
	return knownOnly(e.node, false)
}

// Covers reports whether the entry is for a rule.
func (e *Entry) Covers(r *rules.Rule) bool { return covers(e.Rules, r.Name, r.Tags) }

// InForce reports whether the entry applies at a time: within its schedule, and before it expires.
func (e *Entry) InForce(at time.Time) bool { return e.inForce(at) }

// Scheduled reports whether the entry applies at some times only.
func (e *Entry) Scheduled() bool { return len(e.schedule) > 0 }

// AlwaysWith reports whether the entry's schedule is known to let it apply whenever other's lets that one: it has
// none, or each of the other's intervals is one of its own.
func (e *Entry) AlwaysWith(other *Entry) bool {
	if len(e.schedule) == 0 {
		return true
	}
	for i := range other.schedule {
		if !slices.ContainsFunc(e.schedule, other.schedule[i].same) {
			return false
		}
	}
	return len(other.schedule) > 0
}

func (i *interval) same(other interval) bool {
	return slices.Equal(i.spans, other.spans) && i.location.String() == other.location.String() && reflect.DeepEqual(i.days, other.days)
}

// Structured reports whether the entry can apply to structured events.
func (e *Entry) Structured() bool { return e.forStructured() }

// Blind says why the entry can never apply here, or is empty.
func (e *Entry) Blind() string {
	if e.condition == nil || len(e.condition.EventTypes()) > 0 {
		return ""
	}
	if notes := e.condition.Notes(); len(notes) > 0 {
		return notes[0].Msg
	}
	return "no kind of event can satisfy its match"
}
