package account

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Usage is the account of entries, which come without one. own is what this process itself has counted, which
// may not be in the store yet.
func (a *Account) Usage(ctx context.Context, entries []pipeline.EntryUsage, own []pipeline.Alert, now time.Time) (pipeline.WhitelistUsage, error) {
	known, err := a.read(ctx)
	if err != nil {
		return pipeline.WhitelistUsage{}, fmt.Errorf("read the account of the whitelist: %w", err)
	}
	for _, alert := range append(a.unwritten(), own...) {
		known.add(&alert)
	}
	byEntry := map[string][]*record{}
	for _, r := range known.records {
		byEntry[r.Entry] = append(byEntry[r.Entry], r)
	}
	for i := range entries {
		e := &entries[i]
		known.fill(e, byEntry[e.ID])
		delete(byEntry, e.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(byEntry)) {
		gone := pipeline.EntryUsage{ID: id, State: pipeline.EntryGone}
		known.fill(&gone, byEntry[id])
		entries = append(entries, gone)
	}
	return pipeline.WhitelistUsage{At: now.UTC(), Entries: entries}, nil
}

// book is all that is known, by the keys of the documents.
type book struct {
	records map[string]*record
	samples map[string]sample
	begun   map[string]time.Time
}

// read reads the store.
func (a *Account) read(ctx context.Context) (book, error) {
	b := book{map[string]*record{}, map[string]sample{}, map[string]time.Time{}}
	if a.docs == nil {
		return b, nil
	}
	docs, err := a.docs.All(ctx)
	if err != nil {
		return b, err
	}
	for _, doc := range docs {
		switch kind, _, _ := strings.Cut(doc.Key, "/"); kind + "/" {
		case hitsKind:
			if r := new(record); a.decode(doc, r) {
				b.records[doc.Key] = r
			}
		case sampleKind:
			if s := (sample{}); a.decode(doc, &s) {
				b.samples[doc.Key] = s
			}
		case sinceKind:
			if s := (since{}); a.decode(doc, &s) {
				b.begun[doc.Key] = s.Since
			}
		}
	}
	return b, nil
}

// add takes an account that is not in the store yet.
func (b book) add(a *pipeline.Alert) {
	c := a.Covered
	key := hitsKey(c.Entry, a.Rule, c.Host)
	if b.records[key] == nil {
		b.records[key] = &record{Entry: c.Entry, Rule: a.Rule, Host: c.Host}
	}
	b.records[key].add(a)
	s := sampleOf(a)
	if before := b.samples[s.key()]; !s.Last.Before(before.Last) {
		b.samples[s.key()] = s
	}
}

func (a *Account) unwritten() []pipeline.Alert {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Values(a.pending))
}

// fill adds the records of an entry up, by rule over all hosts.
func (b book) fill(e *pipeline.EntryUsage, records []*record) {
	e.Since, e.Rules = b.begun[sinceKey(e.ID)], []pipeline.RuleUsage{}
	slices.SortFunc(records, func(a, b *record) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Host, b.Host)) })
	for _, r := range records {
		if n := len(e.Rules); n == 0 || e.Rules[n-1].Rule != r.Rule {
			e.Rules = append(e.Rules, pipeline.RuleUsage{Rule: r.Rule, Hosts: []string{}, Sample: b.samples[sampleKind+keyOf(e.ID, r.Rule)].Alert})
		}
		rule := &e.Rules[len(e.Rules)-1]
		rule.Hits += r.hits()
		rule.First, rule.Last = span(rule.First, rule.Last, r.First, r.Last)
		rule.Hosts = append(rule.Hosts, r.Host)
	}
	for _, rule := range e.Rules {
		e.Hits += rule.Hits
		e.First, e.Last = span(e.First, e.Last, rule.First, rule.Last)
	}
}

// span is the time from the earlier begin to the later end; a zero one is none yet.
func span(first, last, otherFirst, otherLast time.Time) (time.Time, time.Time) {
	if first.IsZero() || otherFirst.Before(first) {
		first = otherFirst
	}
	if otherLast.After(last) {
		last = otherLast
	}
	return first, last
}
