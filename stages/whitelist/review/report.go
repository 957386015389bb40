package review

import (
	"cmp"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Report is a review. Its JSON is what --output json prints; keys are only ever added.
type Report struct {
	At         time.Time  `json:"at"`
	Config     string     `json:"config"`
	Entries    int        `json:"entries"`
	UsageFrom  string     `json:"usage_from,omitempty"`  // address or file of the account
	UsageAt    *time.Time `json:"usage_at,omitempty"`    // when it was taken
	UsageError string     `json:"usage_error,omitempty"` // why there is none: then no entry is said to be unused
	Findings   []Finding  `json:"findings"`
	Notes      []string   `json:"notes,omitempty"` // what was not looked at
	Quiet      []Quiet    `json:"quiet"`           // what was kept quiet, the most first
}

// Quiet is what one entry kept quiet of one rule.
type Quiet struct {
	Rule   string    `json:"rule"`
	Entry  string    `json:"entry"`
	Gone   bool      `json:"gone,omitempty"` // the entry is not in the whitelist any more
	Hits   uint64    `json:"hits"`
	First  time.Time `json:"first,omitzero"`
	Last   time.Time `json:"last,omitzero"`
	Hosts  []string  `json:"hosts,omitempty"`
	Sample string    `json:"sample,omitempty"` // the output of one of the latest alerts
}

// Worst is the gravest level among the findings, 0 without any.
func (r *Report) Worst() Level {
	worst := Level(0)
	for _, f := range r.Findings {
		worst = max(worst, f.Level)
	}
	return worst
}

// AtLeast counts the findings of a level and above.
func (r *Report) AtLeast(level Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level >= level {
			n++
		}
	}
	return n
}

// quiet lists an account by rule and entry.
func quiet(usage *pipeline.WhitelistUsage) []Quiet {
	all := []Quiet{}
	for _, e := range usage.Entries {
		for _, u := range e.Rules {
			q := Quiet{Rule: u.Rule, Entry: e.ID, Gone: e.State == pipeline.EntryGone, Hits: u.Hits, First: u.First, Last: u.Last, Hosts: u.Hosts}
			if u.Sample != nil {
				q.Sample = u.Sample.Output
			}
			all = append(all, q)
		}
	}
	slices.SortStableFunc(all, func(a, b Quiet) int {
		return cmp.Or(cmp.Compare(b.Hits, a.Hits), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Entry, b.Entry))
	})
	return all
}
