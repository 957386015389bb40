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

// Config is the whitelist block of the configuration.
type Config struct {
	Files []string `yaml:"files"` // files, folders or globs; none: no exceptions
}

// List holds the exceptions. It is safe for concurrent use: it is asked only when a rule is about to
// fire, so that a lock costs nothing.
type List struct {
	entries   []*Entry
	mu        sync.Mutex          // guards what follows
	byRule    map[string][]*Entry // filled as rules are asked for
	evaluator *filter.Evaluator
}

// Load reads the files that cfg names, relative to dir. set, when given, is asked whether the rules
// that entries name exist. The error is for files that cannot be read; what is wrong inside one is
// among the problems, and an entry with an error is not in the List.
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
	list, problems := Parse(sources, set, time.Now())
	return list, problems, nil
}

// Bypass reports whether an exception covers rule on this event, and which one: the first in the order
// of the files. Schedule and expiry are judged by the time of the event. A structured event is covered
// only by an entry that asks for nothing but its source and host: it has no other field.
func (l *List) Bypass(rule string, ev *pipeline.Event) (entry string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	candidates, known := l.byRule[rule]
	if !known {
		candidates = l.covering(rule)
		l.byRule[rule] = candidates
	}
	if len(candidates) == 0 {
		return "", false
	}
	at := ev.At().UTC()
	l.evaluator.Reset(ev)
	for _, e := range candidates {
		if ev.Type == pipeline.EventJSON && !e.structured() {
			continue
		}
		if e.inForce(at) && l.evaluator.Match(e.condition) {
			e.hit(ev.Time)
			return e.ID, true
		}
	}
	return "", false
}

// covering lists the entries that name a rule.
func (l *List) covering(rule string) []*Entry {
	var found []*Entry
	for _, e := range l.entries {
		for _, pattern := range e.Rules {
			if rules.MatchName(pattern, rule) {
				found = append(found, e)
				break
			}
		}
	}
	return found
}

// Stats lists every entry with its hits, in the order of the files.
func (l *List) Stats() []EntryStats {
	stats := make([]EntryStats, len(l.entries))
	for i, e := range l.entries {
		stats[i] = e.stats()
	}
	return stats
}
