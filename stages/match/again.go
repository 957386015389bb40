package match

import (
	"maps"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Asks reports whether some rule can hold for events of a type.
func (m *Matcher) Asks(t pipeline.EventType) bool { return m.index.Has(t) }

// Completable reports whether Again can be asked about an alert: it lacks its container's metadata, and no window
// in the store has to be asked first.
func Completable(a *pipeline.Alert) bool {
	return a.Enrichment == pipeline.Partial && a.Unjudged == nil
}

// Again makes an alert about ev again that was made when the metadata of ev's container was not there. It keeps
// the identity, and what the rule's window had in view; no window and no exception is asked a second time. It
// can not be made when it is not Completable, or the rule is gone. One whose rule would not
// have fired on what is known now stays an alert, marked Late: it was raised on what was known, and repeats may have
// been kept quiet for it.
func (m *Matcher) Again(ev *pipeline.Event, partial *pipeline.Alert) (again pipeline.Alert, ok bool) {
	r := m.rule(partial.Rule)
	if r == nil || !Completable(partial) || (r.Window != nil) != (partial.Window != nil) {
		return again, false
	}
	m.evaluator.Reset(ev)
	v := m.evaluator.View()
	if r.Window == nil {
		again = m.builder.alert(r, v)
	} else {
		again = m.builder.unjudged(r, v, m.counter.observe(r, v, 0))
		again.Show(*partial.Window, partial.Degraded)
	}
	again.Lossy, again.Fingerprint = partial.Lossy, partial.Fingerprint
	again.Completes = &pipeline.Completes{Labels: maps.Clone(partial.Labels)}
	if !m.holds(r) {
		again.Enrichment = pipeline.Late
	}
	return again, true
}

func (m *Matcher) rule(name string) *rule {
	for _, r := range m.rules {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// holds reports whether the rule's condition, or that of a step of its sequence, holds for the event.
func (m *Matcher) holds(r *rule) bool {
	for i := range m.asked {
		if a := &m.asked[i]; a.rule == r && m.evaluator.Match(a.Condition) {
			return true
		}
	}
	return false
}
