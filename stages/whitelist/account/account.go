// Package account keeps what the entries of a whitelist kept quiet, on all nodes and over restarts, so that an
// exception never hides anything silently. Every node sends, for each entry and rule, now and then a sample of
// what was covered with the counts so far (pipeline.Covered); here they are added up in the store.
//
// A message that comes twice, late or out of order changes nothing: counts are cumulative, by the run of the
// process that counts. A store that is away loses nothing as long as this process lives: what could not be written
// is written with what comes next.
package account

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// MaxDocuments is how many documents an account needs at most: some 300 bytes for each entry, rule and host that
// were hit, an alert for each entry and rule, and one for each entry. More forgets those that were hit longest ago.
const MaxDocuments = 50_000

// Account adds up what the entries kept quiet. It is safe for concurrent use.
type Account struct {
	docs pipeline.Documents // nil: this process knows only its own
	log  *slog.Logger

	mu      sync.Mutex                // guards what follows, and keeps one writer at a time
	pending map[string]pipeline.Alert // by key and run: not written yet
}

// New returns an Account in docs, of which MaxDocuments are kept. nil keeps nothing, as in a sensor: Usage then
// tells of this process alone.
func New(docs pipeline.Documents, log *slog.Logger) *Account {
	return &Account{docs: docs, log: log, pending: map[string]pipeline.Alert{}}
}

// Take splits off the alerts that are for the account.
func Take(alerts []pipeline.Alert) (covered, rest []pipeline.Alert) {
	for i := range alerts {
		if alerts[i].Covered != nil {
			covered = append(covered, alerts[i])
		}
	}
	if len(covered) == 0 {
		return nil, alerts
	}
	for i := range alerts {
		if alerts[i].Covered == nil {
			rest = append(rest, alerts[i])
		}
	}
	return covered, rest
}

// Add takes accounts, the alerts that Take split off. On error they are kept, and written with the next call.
func (a *Account) Add(ctx context.Context, covered []pipeline.Alert) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, alert := range covered {
		key := hitsKey(alert.Covered.Entry, alert.Rule, alert.Covered.Host) + alert.Covered.Run
		if before, ok := a.pending[key]; !ok || before.Covered.Hits <= alert.Covered.Hits {
			a.pending[key] = alert
		}
	}
	if a.docs == nil || len(a.pending) == 0 {
		return nil
	}
	if err := a.write(ctx); err != nil {
		return fmt.Errorf("keep the account of the whitelist: %w", err)
	}
	clear(a.pending)
	return nil
}

// write brings what is pending to the store. Two routers may do it at once for messages of one node; the store
// takes the one that knows of the later hit, and the next message of that node is complete again.
func (a *Account) write(ctx context.Context) error {
	records := map[string]*record{}
	var keys []string
	for _, alert := range a.pending {
		c := alert.Covered
		if key := hitsKey(c.Entry, alert.Rule, c.Host); records[key] == nil {
			records[key] = &record{Entry: c.Entry, Rule: alert.Rule, Host: c.Host}
			keys = append(keys, key)
		}
	}
	known, err := a.docs.Get(ctx, keys...)
	if err != nil {
		return err
	}
	for _, doc := range known {
		var r record
		if a.decode(doc, &r) { // else it begins anew: a count that starts again is better than none ever
			records[doc.Key] = &r
		}
	}
	var docs []pipeline.Document
	for _, alert := range a.pending {
		records[hitsKey(alert.Covered.Entry, alert.Rule, alert.Covered.Host)].add(&alert)
		sample := sampleOf(&alert)
		doc, err := encode(sample.key(), sample.Last, &sample)
		if err != nil {
			return err
		}
		if doc.Validate() == nil { // a sample that is too large is left out: the counts matter more
			docs = append(docs, doc)
		}
	}
	for _, key := range keys {
		doc, err := records[key].document()
		if err != nil {
			return err
		}
		docs = append(docs, doc)
	}
	return a.docs.Put(ctx, docs...)
}

// decode reads a document, and tells of one that cannot be read.
func (a *Account) decode(doc pipeline.Document, into any) bool {
	err := json.Unmarshal(doc.Body, into)
	if err != nil {
		a.log.Warn("a part of the whitelist's account cannot be read, and counts nothing", "document", doc.Key, "err", err)
	}
	return err == nil
}

// since is from when on the hits of an entry are in the account: the body of a document.
type since struct {
	Entry string    `json:"entry"`
	Since time.Time `json:"since"`
}

func sinceKey(entry string) string { return sinceKind + keyOf(entry) }

// Begin notes which entries there are: the hits of those that are new are counted from now on.
func (a *Account) Begin(ctx context.Context, entries []pipeline.EntryUsage, now time.Time) error {
	if a.docs == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var keys []string
	for _, e := range entries {
		keys = append(keys, sinceKey(e.ID))
	}
	known, err := a.docs.Get(ctx, keys...)
	if err != nil {
		return fmt.Errorf("read the account of the whitelist: %w", err)
	}
	begun := map[string][]byte{}
	for _, doc := range known {
		begun[doc.Key] = doc.Body
	}
	var docs []pipeline.Document
	for _, e := range entries {
		key := sinceKey(e.ID)
		body, ok := begun[key]
		if !ok {
			if body, err = json.Marshal(since{e.ID, now.UTC()}); err != nil {
				return fmt.Errorf("encode the begin of an account: %w", err)
			}
			begun[key] = body
		}
		docs = append(docs, pipeline.Document{Key: key, At: now, Body: body}) // written again: it is not the oldest
	}
	if err := a.docs.Put(ctx, docs...); err != nil {
		return fmt.Errorf("keep the begin of an account: %w", err)
	}
	return nil
}
