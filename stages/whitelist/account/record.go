package account

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// maxRuns is how many runs of a node's process are told apart. Of older ones only the sum is kept: by then no
// message of theirs is on its way any more.
const maxRuns = 8

// record is the account of one entry and one rule on one host: the body of a document.
type record struct {
	Entry string    `json:"entry"`
	Rule  string    `json:"rule"`
	Host  string    `json:"host"`
	Past  uint64    `json:"past,omitempty"` // hits of runs that are no longer told apart
	Runs  []run     `json:"runs"`           // the latest hit last
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// run is what one run of a process counted.
type run struct {
	ID   string    `json:"id"`
	Hits uint64    `json:"hits"`
	Last time.Time `json:"last"`
}

// Kinds of documents, with which their keys begin.
const (
	hitsKind   = "hits/"   // records, by entry, rule and host
	sampleKind = "sample/" // samples, by entry and rule
	sinceKind  = "since/"  // sinces, by entry
)

// keyOf is the key of a document about something. Names may be longer than a key.
func keyOf(names ...string) string {
	sum := sha256.New()
	for _, part := range names {
		fmt.Fprintf(sum, "%d:%s", len(part), part) // a hash takes everything
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// add takes the account that an alert brings. One that was taken before, or one that a later one of its run has
// overtaken, changes nothing.
func (r *record) add(a *pipeline.Alert) {
	c := a.Covered
	if r.First.IsZero() || c.First.Before(r.First) {
		r.First = c.First
	}
	if !c.Last.Before(r.Last) {
		r.Last = c.Last
	}
	i := slices.IndexFunc(r.Runs, func(known run) bool { return known.ID == c.Run })
	if i < 0 {
		i = len(r.Runs)
		r.Runs = append(r.Runs, run{ID: c.Run})
	}
	if c.Hits > r.Runs[i].Hits {
		r.Runs[i].Hits, r.Runs[i].Last = c.Hits, c.Last
	}
	slices.SortStableFunc(r.Runs, func(a, b run) int { return cmp.Compare(a.Last.UnixNano(), b.Last.UnixNano()) })
	for len(r.Runs) > maxRuns {
		r.Past += r.Runs[0].Hits
		r.Runs = r.Runs[1:]
	}
}

func (r *record) hits() uint64 {
	n := r.Past
	for _, known := range r.Runs {
		n += known.Hits
	}
	return n
}

// document is the record as it is kept.
func (r *record) document() (pipeline.Document, error) {
	return encode(hitsKey(r.Entry, r.Rule, r.Host), r.Last, r)
}

func hitsKey(entry, rule, host string) string { return hitsKind + keyOf(entry, rule, host) }

// sample is the latest alert of a rule that an entry kept quiet anywhere: the body of a document, of which the
// store keeps the one with the latest hit.
type sample struct {
	Entry string          `json:"entry"`
	Last  time.Time       `json:"last"` // the latest hit of the account that it came with
	Alert *pipeline.Alert `json:"alert"`
}

// sampleOf is the alert as nobody was told it.
func sampleOf(a *pipeline.Alert) sample {
	alert := *a
	alert.ID, alert.Covered = a.Covered.Alert, nil
	return sample{a.Covered.Entry, a.Covered.Last, &alert}
}

func (s *sample) key() string { return sampleKind + keyOf(s.Entry, s.Alert.Rule) }

func encode(key string, at time.Time, body any) (pipeline.Document, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return pipeline.Document{}, fmt.Errorf("encode document %s: %w", key, err)
	}
	return pipeline.Document{Key: key, At: at, Body: text}, nil
}
