package finding

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Deps are what Findings works with.
type Deps struct {
	Subjects pipeline.Documents // what alerts are told
	Accounts pipeline.Documents // what rules were asked about
	// Publish makes events of a source durable.
	Publish func(ctx context.Context, source string, events []json.RawMessage) error
	Log     *slog.Logger
}

// Findings takes reports and tells alerts what is known. It is safe for concurrent use; two replicas that take
// reports on one constraint at one moment may forget a resource until its next audit.
type Findings struct {
	cfg   Config
	deps  Deps
	cache cache
	names names

	keeping sync.Mutex // reports are kept one after the other
	reports atomic.Uint64
	older   atomic.Uint64
	fresh   atomic.Uint64
	failed  atomic.Uint64
}

// New makes a Findings.
func New(cfg Config, deps Deps) *Findings {
	return &Findings{cfg: cfg, deps: deps, cache: cache{known: map[string]cached{}}}
}

// Stats are counts since the start.
type Stats struct {
	Reports uint64 // kept
	Older   uint64 // not kept, since a later one is known
	New     uint64 // findings that the report before did not have
	Failed  uint64 // times that alerts went on without findings, because the store did not answer
}

// Stats reads the counts.
func (f *Findings) Stats() Stats {
	return Stats{f.reports.Load(), f.older.Load(), f.fresh.Load(), f.failed.Load()}
}

// Read reads a report of a scanner, node being what the address says of it. The error says what is wrong with
// the report. keep keeps it and asks the rules: nil says that all of it is durable; after an error posting it
// again does what is left.
func (f *Findings) Read(scanner string, body io.Reader, node string) (keep func(context.Context) (map[string]int, error), err error) {
	var reports []Report
	now := time.Now()
	switch scanner {
	case pipeline.Trivy:
		reports, err = ReadTrivy(body, now)
	case pipeline.KubeBench:
		reports, err = ReadKubeBench(body, node, now)
	case pipeline.Gatekeeper:
		reports, err = ReadGatekeeper(body, now)
	default:
		err = fmt.Errorf("unknown scanner %q", scanner)
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (map[string]int, error) { return f.keep(ctx, reports) }, nil
}

// keep stores what alerts are told, then asks the rules, then notes that they were asked: whatever fails, the
// same report does the rest.
func (f *Findings) keep(ctx context.Context, reports []Report) (map[string]int, error) {
	f.keeping.Lock()
	defer f.keeping.Unlock()
	outcomes, err := f.compare(ctx, reports)
	if err != nil {
		return nil, err
	}
	if err := f.store(ctx, outcomes); err != nil {
		return nil, err
	}
	answer := map[string]int{"accepted": 0, "older": 0, "new": 0, "left_out": 0}
	for i := range outcomes {
		o := &outcomes[i]
		answer["left_out"] += o.report.Left
		if o.older {
			answer["older"]++
			f.older.Add(1)
			continue
		}
		if err := f.ask(ctx, o); err != nil {
			return nil, err
		}
		answer["accepted"]++
		answer["new"] += len(o.fresh)
	}
	return answer, nil
}

// compare looks up what is known of the units.
func (f *Findings) compare(ctx context.Context, reports []Report) ([]outcome, error) {
	keys := make([]string, len(reports))
	for i := range reports {
		keys[i] = documentKey(reports[i].Scanner, reports[i].Unit)
	}
	docs, err := f.deps.Accounts.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	accounts := make(map[string]*account, len(docs))
	for _, doc := range docs {
		a := &account{}
		if err := json.Unmarshal(doc.Body, a); err != nil {
			f.deps.Log.Warn("an account of findings in the store cannot be read and begins anew", "key", doc.Key, "err", err)
			continue
		}
		accounts[doc.Key] = a
	}
	outcomes := make([]outcome, len(reports))
	for i := range reports {
		outcomes[i] = compare(accounts[keys[i]], &reports[i])
		if !outcomes[i].older {
			accounts[keys[i]] = &outcomes[i].next // a list may have a unit twice
		}
	}
	return outcomes, nil
}

// store brings what alerts are told up to date.
func (f *Findings) store(ctx context.Context, outcomes []outcome) error {
	change, err := f.changes(ctx, outcomes)
	if err != nil {
		return err
	}
	var docs []pipeline.Document
	var empty []string
	for _, key := range slices.Sorted(maps.Keys(change)) {
		c := change[key]
		if len(c.Units) == 0 {
			empty = append(empty, key)
			continue
		}
		doc, err := document(key, c.at, c.known)
		if err != nil {
			return err
		}
		docs = append(docs, doc)
	}
	defer f.cache.forget(slices.Collect(maps.Keys(change)))
	if err := f.deps.Subjects.Put(ctx, docs...); err != nil {
		return err
	}
	return f.deps.Subjects.Remove(ctx, empty...)
}

// changing is a subject that a report changes.
type changing struct {
	known
	at time.Time
}

// changes works out what becomes of each subject, by the key of its document. Subjects of a report as a whole
// are said anew; in those of single findings the part of the report's unit is exchanged.
func (f *Findings) changes(ctx context.Context, outcomes []outcome) (map[string]*changing, error) {
	var own []string
	for i := range outcomes {
		for subject := range outcomes[i].next.Subjects {
			own = append(own, documentKey(outcomes[i].report.Scanner, subject))
		}
		for _, subject := range outcomes[i].gone {
			own = append(own, documentKey(outcomes[i].report.Scanner, subject))
		}
	}
	slices.Sort(own)
	own = slices.Compact(own)
	docs, err := f.deps.Subjects.Get(ctx, own...)
	if err != nil {
		return nil, err
	}
	all := map[string]*changing{}
	for _, doc := range docs {
		c := &changing{at: doc.At}
		if err := json.Unmarshal(doc.Body, &c.known); err != nil {
			f.deps.Log.Warn("findings in the store cannot be read and begin anew", "key", doc.Key, "err", err)
		}
		all[doc.Key] = c
	}
	for i := range outcomes {
		if o := &outcomes[i]; !o.older {
			o.change(all)
		}
	}
	return all, nil
}

// change applies one report.
func (o *outcome) change(all map[string]*changing) {
	r := o.report
	for _, subject := range r.Subjects {
		all[documentKey(r.Scanner, subject)] = &changing{known{map[string]said{r.Unit: sayAll(r.At, r.Findings)}}, r.At}
	}
	of := func(subject string) *changing {
		key := documentKey(r.Scanner, subject)
		c := all[key]
		if c == nil {
			c = &changing{}
			all[key] = c
		}
		if c.Units == nil {
			c.Units = map[string]said{}
		}
		if c.at.Before(r.At) {
			c.at = r.At
		}
		return c
	}
	for _, subject := range o.gone {
		delete(of(subject).Units, r.Unit)
	}
	for _, one := range r.Findings {
		if one.Subject != "" {
			of(one.Subject).Units[r.Unit] = sayAll(r.At, []Finding{one})
		}
	}
}

// ask publishes what is new, and notes that.
func (f *Findings) ask(ctx context.Context, o *outcome) error {
	events, err := o.events()
	if err != nil {
		return err
	}
	if len(events) > 0 {
		if err := f.deps.Publish(ctx, o.report.Scanner, events); err != nil {
			return fmt.Errorf("publish what is new in a report: %w", err)
		}
	}
	doc, err := document(documentKey(o.report.Scanner, o.report.Unit), o.next.At, o.next)
	if err != nil {
		return err
	}
	if err := f.deps.Accounts.Put(ctx, doc); err != nil {
		return err
	}
	f.reports.Add(1)
	f.fresh.Add(uint64(len(o.fresh)))
	return nil
}
