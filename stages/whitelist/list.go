package whitelist

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// List holds the exceptions. It is safe for concurrent use: it is asked only when a rule is about to
// fire, so that a lock costs nothing.
type List struct {
	entries []*Entry // in the order of the files, those that are refused too
	counts  *Counts

	mu        sync.Mutex           // guards what follows
	byRule    map[string]*covering // of all rules that were known on loading; of others as they are asked for
	coverings coverings
	evaluator *filter.Evaluator
}

// Load reads the files that cfg names, relative to dir. set, when given, is asked whether the rules
// that entries name exist. The error is for files that cannot be read; what is wrong inside one is
// among the problems, and an entry with an error applies to nothing.
func Load(cfg Config, dir string, set *rules.Set) (*List, []rules.Problem, error) {
	names, err := rules.Expand(cfg.Files, dir)
	if err != nil {
		return nil, nil, fmt.Errorf("whitelist.files: %w", err)
	}
	var sources []rules.Source
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, fmt.Errorf("read whitelist: %w", err)
		}
		sources = append(sources, rules.Source{Name: name, Data: data})
	}
	list, problems := Parse(cfg, sources, set, time.Now())
	return list, problems, nil
}

// newList makes a List of what was read.
func newList(entries []*Entry, program *filter.Program, set *rules.Set) *List {
	l := &List{entries: entries, counts: NewCounts(), byRule: map[string]*covering{}, evaluator: filter.NewEvaluator(program),
		coverings: coverings{program: program, shared: map[string]*covering{}}}
	for _, e := range entries {
		if !e.refused {
			l.coverings.entries = append(l.coverings.entries, e)
		}
	}
	if set == nil {
		return l
	}
	for _, r := range set.Rules {
		if r.Runs() {
			l.byRule[r.Name] = l.coverings.of(r.Name, r.Tags)
		}
	}
	return l
}

// Continue makes the List count in c, where one before it has counted. It is called before the List is asked.
func (l *List) Continue(c *Counts) { l.counts = c }

// Counts is where the List counts.
func (l *List) Counts() *Counts { return l.counts }

// Bypass reports whether an exception covers rule on this event, and which one: the first in the order
// of the files. Schedule and expiry are judged by the time of the event. Of a structured event it sees source and
// host, and in Extra the members.
func (l *List) Bypass(rule string, ev *pipeline.Event) (entry string, ok bool) {
	e := l.find(rule, ev)
	if e == nil {
		return "", false
	}
	l.counts.hit(e.ID, rule, ev.Time)
	return e.ID, true
}

func (l *List) find(rule string, ev *pipeline.Event) *Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, known := l.byRule[rule]
	if !known {
		c = l.coverings.of(rule, nil)
		l.byRule[rule] = c
	}
	return c.find(ev, l.evaluator)
}

// Wants reports whether the alert of a rule that an entry has just covered is to be made all the same, for
// Keep: at most one of the pair in ten seconds of event time, so that a flood costs nothing.
func (l *List) Wants(entry, rule string, ev *pipeline.Event) bool {
	return l.counts.wants(entry, rule, ev.Time)
}

// Keep takes such an alert as the sample of what the entry keeps quiet.
func (l *List) Keep(entry string, a pipeline.Alert) { l.counts.keep(entry, a) }

// Entries are all entries in the order of the files, those that are refused too.
func (l *List) Entries() []*Entry { return l.entries }

// Usage lists all entries as they are now, without their account.
func (l *List) Usage(now time.Time) []pipeline.EntryUsage {
	all := make([]pipeline.EntryUsage, len(l.entries))
	for i, e := range l.entries {
		all[i] = e.usage(now)
	}
	return all
}

// ExpiredBetween are the entries that expired after one moment and not after the other.
func (l *List) ExpiredBetween(after, until time.Time) []*Entry {
	var found []*Entry
	for _, e := range l.entries {
		if e.expired(until) && !e.expired(after) {
			found = append(found, e)
		}
	}
	return found
}
