package match

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// Payload asks the rules for structured events. It is safe for concurrent use.
type Payload struct {
	rules     []*payloadRule
	sources   map[string]*sourceRules
	first     bool
	whitelist Whitelist
	places    pipeline.Places
	mu        sync.Mutex // guards the conditions, which are for one goroutine at a time
}

// payloadRule is a rule with its counters.
type payloadRule struct {
	*rules.Rule
	keyPrefix string         // of its window
	asked     []payload.Path // members of the event of which it asks where the address is
	observed  atomic.Uint64
	fired     atomic.Uint64
	bypassed  atomic.Uint64
	failed    atomic.Uint64
}

// NewPayload makes a Payload for the rules of set that run and are for structured events.
func NewPayload(cfg Config, set *rules.Set) *Payload {
	p := &Payload{sources: map[string]*sourceRules{}, first: set.First, whitelist: cfg.Whitelist, places: cfg.Places}
	for _, r := range set.Rules {
		if !r.Runs() || r.Payload == nil {
			continue
		}
		added := &payloadRule{Rule: r}
		_, added.asked = r.AsksPlaces()
		if r.Window != nil {
			added.keyPrefix = keyPrefix(r)
		}
		p.rules = append(p.rules, added)
		if p.sources[r.Source] == nil {
			p.sources[r.Source] = &sourceRules{byValue: map[string]map[string][]int{}}
		}
		p.sources[r.Source].add(added)
	}
	return p
}

// Match returns an alert for every rule that holds for ev and is not bypassed, in the order of the rules;
// those of rules with a window are unjudged, as such a window is always the store's. The error is for an
// event that is no JSON object and for rules that had no answer; the alerts of the others come with it. The
// same event, with the same id, gives the same alerts.
func (p *Payload) Match(ev pipeline.Structured) ([]pipeline.Alert, error) {
	if p.sources[ev.Source] == nil {
		return nil, nil
	}
	e, err := payload.Decode(ev.Body)
	if err != nil {
		return nil, err
	}
	return p.match(ev.ID, ev.Source, e, ev.At)
}

// MatchMap is Match for an event that is no JSON text: one of a rule test.
func (p *Payload) MatchMap(id, source string, event map[string]any, at time.Time) ([]pipeline.Alert, error) {
	return p.match(id, source, payload.FromMap(event), at)
}

func (p *Payload) match(id, source string, e payload.Event, arrival time.Time) (alerts []pipeline.Alert, errs error) {
	s := p.sources[source]
	if s == nil {
		return nil, nil
	}
	e = e.Located(locator(p.places))
	at := e.Time(arrival)
	p.mu.Lock()
	defer p.mu.Unlock()
	for left := s.candidates(e); len(left) > 0; {
		r := s.asked[left[0]].rule
		own := 1 // candidates of this rule: a sequence may have several
		for own < len(left) && s.asked[left[own]].rule == r {
			own++
		}
		holds, steps, err := s.ask(left[:own], e)
		left = left[own:]
		errs = errors.Join(errs, err)
		switch {
		case !holds:
			continue
		case p.bypassed(r, id, e, at):
			continue
		case r.Window != nil:
			r.observed.Add(1)
			alerts = append(alerts, r.unjudged(id, e, at, arrival, steps))
			r.locate(&alerts[len(alerts)-1], e, p.places)
			continue
		}
		r.fired.Add(1)
		alerts = append(alerts, r.alert(id, e, at))
		r.locate(&alerts[len(alerts)-1], e, p.places)
		if p.first {
			break
		}
	}
	return alerts, errs
}

// bypassed asks the whitelist, which sees of a structured event when it was, its source, its host and its
// members. Of what it covers a sample is made now and then.
func (p *Payload) bypassed(r *payloadRule, id string, e payload.Event, at time.Time) bool {
	if p.whitelist == nil {
		return false
	}
	ev := &pipeline.Event{
		Type: pipeline.EventJSON, Time: at.UnixNano(), Source: r.Source, Host: payloadHost(e), Proc: &pipeline.Process{}, Extra: e.Members(),
	}
	entry, ok := p.whitelist.Bypass(r.Name, ev)
	if !ok {
		return false
	}
	r.bypassed.Add(1)
	if p.whitelist.Wants(entry, r.Name, ev) {
		p.whitelist.Keep(entry, r.alert(id, e, at))
	}
	return true
}

// Stats reads the counters, in the order of the rules.
func (p *Payload) Stats() []RuleStats {
	stats := make([]RuleStats, len(p.rules))
	for i, r := range p.rules {
		stats[i] = RuleStats{Rule: r.Name, Priority: r.Priority, Observed: r.observed.Load(), Fired: r.fired.Load(), Bypassed: r.bypassed.Load(),
			Failed: r.failed.Load()}
	}
	return stats
}

// sourceRules are the conditions of one source's rules. Most begin with "this member is that": those are found
// by the member's value instead of being asked one after the other.
type sourceRules struct {
	asked   []payloadAsked
	always  []int
	members []string                    // the keys of byValue
	byValue map[string]map[string][]int // member, its value: conditions that can hold then
}

// payloadAsked is a condition that events are asked for: a rule's, or that of one step of its sequence. Those
// of a rule stand together.
type payloadAsked struct {
	rule      *payloadRule
	condition *payload.Condition
	step      uint16 // its bit; 0: the rule's own condition
}

// add files a rule under its condition, or a sequence under those of its steps, which have the rule's in them.
func (s *sourceRules) add(r *payloadRule) {
	if r.Window == nil || len(r.Window.Steps) == 0 {
		s.file(payloadAsked{r, r.Payload.Condition, 0})
		return
	}
	for i, step := range r.Window.Steps {
		s.file(payloadAsked{r, step.Payload, 1 << i})
	}
}

func (s *sourceRules) file(a payloadAsked) {
	i := len(s.asked)
	s.asked = append(s.asked, a)
	member, value := a.condition.Requires()
	if member == "" {
		s.always = append(s.always, i)
		return
	}
	if s.byValue[member] == nil {
		s.byValue[member] = map[string][]int{}
		s.members = append(s.members, member)
	}
	s.byValue[member][value] = append(s.byValue[member][value], i)
}

// ask asks some conditions of one rule.
func (s *sourceRules) ask(candidates []int, e payload.Event) (holds bool, steps uint16, errs error) {
	for _, i := range candidates {
		c := &s.asked[i]
		yes, err := c.condition.Match(e)
		if err != nil {
			c.rule.failed.Add(1)
			errs = errors.Join(errs, fmt.Errorf("rule %q: %w", c.rule.Name, err))
		} else if yes {
			holds, steps = true, steps|c.step
		}
	}
	return holds, steps, errs
}

// candidates are the conditions that can hold, in order.
func (s *sourceRules) candidates(e payload.Event) []int {
	if len(s.members) == 0 {
		return s.always
	}
	found := slices.Clone(s.always)
	for _, member := range s.members {
		found = append(found, s.byValue[member][e.Get(member)]...)
	}
	slices.Sort(found)
	return found
}
