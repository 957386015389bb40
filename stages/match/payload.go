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
	mu        sync.Mutex // guards the conditions, which are for one goroutine at a time
}

// payloadRule is a rule with its counters.
type payloadRule struct {
	*rules.Rule
	fired    atomic.Uint64
	bypassed atomic.Uint64
	failed   atomic.Uint64
}

// NewPayload makes a Payload for the rules of set that run and are for structured events.
func NewPayload(cfg Config, set *rules.Set) *Payload {
	p := &Payload{sources: map[string]*sourceRules{}, first: set.First, whitelist: cfg.Whitelist}
	for _, r := range set.Rules {
		if !r.Runs() || r.Payload == nil {
			continue
		}
		added := &payloadRule{Rule: r}
		p.rules = append(p.rules, added)
		if p.sources[r.Source] == nil {
			p.sources[r.Source] = &sourceRules{byValue: map[string]map[string][]int{}}
		}
		p.sources[r.Source].add(added)
	}
	return p
}

// Match returns an alert for every rule that holds for ev and is not bypassed, in the order of the
// rules. The error is for an event that is no JSON object and for rules that had no answer; the alerts of
// the others come with it. The same event, with the same id, gives the same alerts.
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
	at := e.Time(arrival)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range s.candidates(e) {
		r := s.rules[i]
		holds, err := r.Payload.Condition.Match(e)
		switch {
		case err != nil:
			r.failed.Add(1)
			errs = errors.Join(errs, fmt.Errorf("rule %q: %w", r.Name, err))
			continue
		case !holds:
			continue
		case p.bypassed(r, e, at):
			r.bypassed.Add(1)
			continue
		}
		r.fired.Add(1)
		alerts = append(alerts, payloadAlert(r.Rule, id, e, at))
		if p.first {
			break
		}
	}
	return alerts, errs
}

// bypassed asks the whitelist, which sees of a structured event when it was, its source and its host.
func (p *Payload) bypassed(r *payloadRule, e payload.Event, at time.Time) bool {
	if p.whitelist == nil {
		return false
	}
	_, ok := p.whitelist.Bypass(r.Name, &pipeline.Event{
		Type: pipeline.EventJSON, Time: at.UnixNano(), Source: r.Source, Host: payloadHost(e), Proc: &pipeline.Process{},
	})
	return ok
}

// Stats reads the counters, in the order of the rules.
func (p *Payload) Stats() []RuleStats {
	stats := make([]RuleStats, len(p.rules))
	for i, r := range p.rules {
		stats[i] = RuleStats{Rule: r.Name, Priority: r.Priority, Fired: r.fired.Load(), Bypassed: r.bypassed.Load(), Failed: r.failed.Load()}
	}
	return stats
}

// sourceRules are the rules of one source. Most begin with "this member is that": those are found by the
// member's value instead of being asked one after the other.
type sourceRules struct {
	rules   []*payloadRule
	always  []int
	members []string                    // the keys of byValue
	byValue map[string]map[string][]int // member, its value: rules that can hold then
}

func (s *sourceRules) add(r *payloadRule) {
	i := len(s.rules)
	s.rules = append(s.rules, r)
	member, value := r.Payload.Condition.Requires()
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

// candidates are the rules that can hold, in order.
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
