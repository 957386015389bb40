package whitelist

import (
	"reflect"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// Entries lists the entries in the order of the files: the first that applies is the one that counts.
func (l *List) Entries() []*Entry { return l.entries }

// Match is what has to hold, with the demands that its fields are known put in. It must not be changed.
func (e *Entry) Match() syntax.Node { return e.match }

// Covers reports whether the entry is for a rule.
func (e *Entry) Covers(r *rules.Rule) bool {
	return slices.ContainsFunc(e.Rules, func(pattern string) bool { return rules.MatchName(pattern, r.Name) })
}

// InForce reports whether the entry applies at a time: within its schedule, and before it expires.
func (e *Entry) InForce(at time.Time) bool { return e.inForce(at.UTC()) }

// Scheduled reports whether the entry applies at some times only.
func (e *Entry) Scheduled() bool { return len(e.schedule) > 0 }

// AlwaysWith reports whether the entry's schedule is known to let it apply whenever other's lets that one.
// It knows two cases: no schedule, and the same one.
func (e *Entry) AlwaysWith(other *Entry) bool {
	return len(e.schedule) == 0 || reflect.DeepEqual(e.schedule, other.schedule)
}

// Structured reports whether the entry can apply to structured events.
func (e *Entry) Structured() bool { return e.structured() }

// Blind says why the entry can never apply here, or "".
func (e *Entry) Blind() string {
	if len(e.condition.EventTypes()) > 0 {
		return ""
	}
	if notes := e.condition.Notes(); len(notes) > 0 {
		return notes[0].Msg
	}
	return "no kind of event can satisfy its match"
}

// Broad and State are h-wl's; these stand in until it is merged.
func (e *Entry) Broad() string { return "" }

// State is what the entry does at a time.
func (e *Entry) State(at time.Time) pipeline.EntryState {
	switch {
	case !e.Expires.IsZero() && !at.Before(e.Expires):
		return pipeline.EntryExpired
	case !e.inForce(at):
		return pipeline.EntryOff
	}
	return pipeline.EntryActive
}
