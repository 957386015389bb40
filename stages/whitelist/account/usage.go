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
	records, begun, err := a.read(ctx)
	if err != nil {
		return pipeline.WhitelistUsage{}, fmt.Errorf("read the account of the whitelist: %w", err)
	}
	for _, alert := range append(a.unwritten(), own...) {
		c := alert.Covered
		key := keyOf(c.Entry, alert.Rule, c.Host)
		if records[key] == nil {
			records[key] = &record{Entry: c.Entry, Rule: alert.Rule, Host: c.Host}
		}
		records[key].add(&alert)
	}
	byEntry := map[string][]*record{}
	for _, r := range records {
		byEntry[r.Entry] = append(byEntry[r.Entry], r)
	}
	for i := range entries {
		e := &entries[i]
		e.Since = begun[e.ID]
		fill(e, byEntry[e.ID])
		delete(byEntry, e.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(byEntry)) {
		gone := pipeline.EntryUsage{ID: id, State: pipeline.EntryGone, Since: begun[id]}
		fill(&gone, byEntry[id])
		entries = append(entries, gone)
	}
	return pipeline.WhitelistUsage{At: now.UTC(), Entries: entries}, nil
}

// read reads the store.
func (a *Account) read(ctx context.Context) (records map[string]*record, begun map[string]time.Time, err error) {
	records, begun = map[string]*record{}, map[string]time.Time{}
	if a.docs == nil {
		return records, begun, nil
	}
	docs, err := a.docs.All(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, doc := range docs {
		if strings.HasPrefix(doc.Key, "since/") {
			var s since
			if a.decode(doc, &s) {
				begun[s.Entry] = s.Since
			}
			continue
		}
		if r := new(record); a.decode(doc, r) {
			records[doc.Key] = r
		}
	}
	return records, begun, nil
}

func (a *Account) unwritten() []pipeline.Alert {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Values(a.pending))
}

// fill adds records of an entry up, by rule over all hosts.
func fill(e *pipeline.EntryUsage, records []*record) {
	e.Rules = []pipeline.RuleUsage{}
	slices.SortFunc(records, func(a, b *record) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Host, b.Host)) })
	for _, r := range records {
		if n := len(e.Rules); n == 0 || e.Rules[n-1].Rule != r.Rule {
			e.Rules = append(e.Rules, pipeline.RuleUsage{Rule: r.Rule, Hosts: []string{}})
		}
		rule := &e.Rules[len(e.Rules)-1]
		if rule.Sample == nil || r.Last.After(rule.Last) {
			rule.Sample = cmp.Or(r.Sample, rule.Sample)
		}
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
