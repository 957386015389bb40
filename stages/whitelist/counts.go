package whitelist

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/pipeline"
)

// samplePause is the least event time between two samples of what an entry keeps quiet of a rule.
const samplePause = 10 * time.Second

// Counts is what the entries have kept quiet since the process began. It outlives a List, so that a reload
// begins nothing anew. It is safe for concurrent use; counting a hit again allocates nothing.
type Counts struct {
	run string // names this count among those of other processes and of other times

	mu      sync.Mutex // guards what follows
	tallies map[pair]*tally
}

// pair is an entry and a rule that it covered.
type pair struct{ entry, rule string }

// tally counts one pair. Times are of events, in ns since the epoch.
type tally struct {
	hits        uint64
	first, last int64
	sampled     int64 // the latest sample is of then
	sample      *pipeline.Alert
	told        uint64 // hits that Changes has told of
}

// NewCounts begins to count.
func NewCounts() *Counts {
	return &Counts{run: uuid.Must(uuid.NewV7()).String(), tallies: map[pair]*tally{}}
}

func (c *Counts) hit(entry, rule string, at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tallies[pair{entry, rule}]
	if t == nil {
		t = &tally{first: at, last: at}
		c.tallies[pair{entry, rule}] = t
	}
	t.hits++
	t.first, t.last = min(t.first, at), max(t.last, at) // CPUs report out of order
}

func (c *Counts) wants(entry, rule string, at int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tallies[pair{entry, rule}]
	if t == nil || t.sampled != 0 && max(at-t.sampled, t.sampled-at) < int64(samplePause) {
		return false
	}
	t.sampled = at
	return true
}

func (c *Counts) keep(entry string, a pipeline.Alert) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.tallies[pair{entry, a.Rule}]; t != nil {
		t.sample = &a
	}
}

// Changes are the pairs that were hit since the last call: for each its sample, with its account.
func (c *Counts) Changes(host string) []pipeline.Alert {
	return c.told(host, func(t *tally) bool { return t.hits != t.told }, func(t *tally) { t.told = t.hits })
}

// All are all pairs, as Changes tells them.
func (c *Counts) All(host string) []pipeline.Alert {
	return c.told(host, func(*tally) bool { return true }, func(*tally) {})
}

// told lists the pairs that are wanted and have a sample, in a fixed order. Each alert is new to the bus, which
// tells alerts apart by their ID.
func (c *Counts) told(host string, want func(*tally) bool, done func(*tally)) []pipeline.Alert {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []pipeline.Alert
	for p, t := range c.tallies {
		if t.sample == nil || !want(t) {
			continue
		}
		a := *t.sample
		a.ID = uuid.Must(uuid.NewV7()).String()
		a.Covered = &pipeline.Covered{Entry: p.entry, Alert: t.sample.ID, Run: c.run, Host: host, Hits: t.hits,
			First: time.Unix(0, t.first).UTC(), Last: time.Unix(0, t.last).UTC()}
		all = append(all, a)
		done(t)
	}
	slices.SortFunc(all, func(a, b pipeline.Alert) int {
		return cmp.Or(cmp.Compare(a.Covered.Entry, b.Covered.Entry), cmp.Compare(a.Rule, b.Rule))
	})
	return all
}

// EntryStats is how much an entry was used by this process.
type EntryStats struct {
	Hits        uint64
	First, Last time.Time // zero: not at all
}

// Entries are the entries that were hit, by id.
func (c *Counts) Entries() map[string]EntryStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]EntryStats{}
	for p, t := range c.tallies {
		s := all[p.entry]
		s.Hits += t.hits
		if first := time.Unix(0, t.first); s.First.IsZero() || first.Before(s.First) {
			s.First = first
		}
		if last := time.Unix(0, t.last); last.After(s.Last) {
			s.Last = last
		}
		all[p.entry] = s
	}
	return all
}
