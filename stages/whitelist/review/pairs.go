package review

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// maxSearches bounds for how many pairs of entries an event is looked for: a few seconds.
const maxSearches = 20_000

// pairs compares every entry with those before it. It reports whether it came to the end.
func (r *reviewer) pairs(subjects []*subject) (whole bool) {
	p := pairing{reviewer: r, book: newBook(), compiled: map[int]*filter.Condition{}, calendar: map[int][]bool{}}
	p.compile(subjects)
	var useful []*subject // those that do something that none before does
	for _, later := range subjects {
		if !p.usable(later) {
			continue
		}
		if by := p.shadow(useful, later); by != nil {
			f := r.add(later.Entry, Shadowed, "entry %q, which comes first, covers all that it does, for as long: remove one of them", by.ID)
			f.Others = []string{by.ID}
			continue // that both are for the same is clear
		}
		var others []*overlap
		for _, earlier := range useful {
			if o := p.overlap(earlier, later); o != nil {
				others = append(others, o)
			}
		}
		p.tell(later, others)
		useful = append(useful, later)
	}
	return p.searches <= maxSearches
}

// pairing compares entries. What it asks twice it asks the engine once.
type pairing struct {
	*reviewer
	book      *book
	evaluator *filter.Evaluator
	compiled  map[int]*filter.Condition // by the entry's index, for events made of fields
	calendar  map[int][]bool            // when entries with a schedule are in force
	searches  int                       // for events that two entries cover
}

// compile puts all conditions into one program.
func (p *pairing) compile(subjects []*subject) {
	program := filter.NewGivenProgram()
	for _, s := range subjects {
		if s.Match() == nil {
			continue
		}
		if condition, err := program.Compile(s.Match()); err == nil { // else it was refused, which has been said
			s.formula, p.compiled[s.index] = p.book.read(s.Match(), false), condition
			s.keys = s.formula.keys()
		}
	}
	p.evaluator = filter.NewEvaluator(program)
}

// usable leaves out what applies to nothing: it covers nothing twice.
func (p *pairing) usable(s *subject) bool {
	state := s.State(p.opts.Now)
	return s.formula != nil && len(s.rules) > 0 && s.Blind() == "" && state != pipeline.EntryExpired && state != pipeline.EntryRefused
}

// shadow finds an entry among those before that covers everything that later does, nil when none is known.
func (p *pairing) shadow(before []*subject, later *subject) *subject {
	for _, s := range before {
		if contains(s.rules, later.rules) && s.AlwaysWith(later.Entry) && outlives(s, later) &&
			(s.Structured() || !later.Structured()) && p.book.implies(later.formula, s.formula) {
			return s
		}
	}
	return nil
}

func outlives(s, later *subject) bool {
	return s.Expires.IsZero() || !later.Expires.IsZero() && !later.Expires.After(s.Expires)
}

// common are the names that are in both.
func common(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return !slices.Contains(b, name) })
}

// contains reports whether every name of some is among those of many; both are in one order.
func contains(many, some []string) bool {
	for _, name := range many {
		if len(some) > 0 && some[0] == name {
			some = some[1:]
		}
	}
	return len(some) == 0
}

// overlap is that two entries cover one event for the same rules.
type overlap struct {
	with  *subject
	rules []string
	event map[string]string
}

// overlap proves that two entries cover one event for the same rule at one time, or returns nil. Entries that ask
// about no field in common are left out: chance may bring any two of those together.
func (p *pairing) overlap(a, b *subject) *overlap {
	if !shares(a.keys, b.keys) || p.book.contradict(a.formula, b.formula) {
		return nil
	}
	both := common(a.rules, b.rules)
	if len(both) == 0 {
		return nil
	}
	if p.searches++; p.searches > maxSearches {
		return nil
	}
	w := witness{book: p.book, evaluator: p.evaluator}
	event := w.find(a.formula, b.formula, p.compiled[a.index], p.compiled[b.index])
	if event == nil || !p.meet(a, b) {
		return nil
	}
	return &overlap{a, both, event}
}

// The times at which schedules are compared: every quarter of an hour for the next five weeks. Entries that
// meet at other times only are not said to meet.
const (
	calendarStep  = 15 * time.Minute
	calendarSteps = 35 * 24 * 4
)

// meet reports whether there is a time at which both entries are in force.
func (p *pairing) meet(a, b *subject) bool {
	if !a.Scheduled() && !b.Scheduled() {
		return true // neither has expired: now is such a time
	}
	ca, cb := p.times(a), p.times(b)
	for i := range ca {
		if ca[i] && cb[i] {
			return true
		}
	}
	return false
}

func (p *pairing) times(s *subject) []bool {
	if known, ok := p.calendar[s.index]; ok {
		return known
	}
	times := make([]bool, calendarSteps)
	begin := p.opts.Now.Truncate(calendarStep).Add(calendarStep)
	for i := range times {
		times[i] = s.InForce(begin.Add(time.Duration(i) * calendarStep))
	}
	p.calendar[s.index] = times
	return times
}

// tell reports all overlaps of an entry in one finding.
func (p *pairing) tell(later *subject, others []*overlap) {
	if len(others) == 0 {
		return
	}
	var names []string
	for _, o := range others {
		names = append(names, o.with.ID)
	}
	first := others[0]
	f := p.add(later.Entry, Overlapping, "%s of the same events for %s: the first in the files gets the hits; e.g. %s",
		covers(names), rulesText(first.rules), fieldsText(first.event))
	f.Others, f.Example = names, first.event
	f.Rules = first.rules[:min(len(first.rules), maxNamed)]
}

func covers(names []string) string {
	if len(names) == 1 {
		return fmt.Sprintf("entry %q covers some", names[0])
	}
	var quoted []string
	for _, n := range names[:min(len(names), maxNamed)] {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	return fmt.Sprintf("entries %s cover some", list(quoted, len(names)))
}

func rulesText(names []string) string {
	if len(names) == 1 {
		return fmt.Sprintf("rule %q", names[0])
	}
	return fmt.Sprintf("%d rules", len(names))
}

func list(named []string, count int) string {
	text := strings.Join(named, ", ")
	if more := count - len(named); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// fieldsText is an event as a test of rules writes it.
func fieldsText(event map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(event)) {
		parts = append(parts, name+"="+syntax.Quote(event[name]))
	}
	return strings.Join(parts, " ")
}
