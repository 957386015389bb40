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

// maxSample bounds the sample in a record, in bytes of JSON, so that the record fits into a document.
const maxSample = pipeline.MaxDocumentBody / 2

// record is the account of one entry and one rule on one host: the body of a document.
type record struct {
	Entry  string          `json:"entry"`
	Rule   string          `json:"rule"`
	Host   string          `json:"host"`
	Past   uint64          `json:"past,omitempty"` // hits of runs that are no longer told apart
	Runs   []run           `json:"runs"`           // the latest hit last
	First  time.Time       `json:"first"`
	Last   time.Time       `json:"last"`
	Sample *pipeline.Alert `json:"sample,omitempty"`
}

// run is what one run of a process counted.
type run struct {
	ID   string    `json:"id"`
	Hits uint64    `json:"hits"`
	Last time.Time `json:"last"`
}

// keyOf is the key of the document that an account belongs to. Names may be longer than a key.
func keyOf(entry, rule, host string) string {
	sum := sha256.New()
	for _, part := range []string{entry, rule, host} {
		fmt.Fprintf(sum, "%d:%s", len(part), part) // a hash takes everything
	}
	return "hits/" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// add takes the account that an alert brings. One that was taken before, or one that a later one of its run has
// overtaken, changes nothing.
func (r *record) add(a *pipeline.Alert) {
	c := a.Covered
	if r.First.IsZero() || c.First.Before(r.First) {
		r.First = c.First
	}
	if !c.Last.Before(r.Last) {
		r.Last, r.Sample = c.Last, sampleOf(a)
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

// sampleOf is the alert as nobody was told it.
func sampleOf(a *pipeline.Alert) *pipeline.Alert {
	s := *a
	s.ID, s.Covered = a.Covered.Alert, nil
	return &s
}

func (r *record) hits() uint64 {
	n := r.Past
	for _, known := range r.Runs {
		n += known.Hits
	}
	return n
}

// document is the record as it is kept. A sample that is too large is left out: the counts matter more.
func (r *record) document() (pipeline.Document, error) {
	body, err := json.Marshal(r)
	if err == nil && len(body) > maxSample {
		without := *r
		without.Sample = nil
		body, err = json.Marshal(&without)
	}
	if err != nil {
		return pipeline.Document{}, fmt.Errorf("encode the account of whitelist entry %q: %w", r.Entry, err)
	}
	return pipeline.Document{Key: keyOf(r.Entry, r.Rule, r.Host), At: r.Last, Body: body}, nil
}
