package route

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Bounds of accounts: of a night of alerts a message tells so much, and the store keeps so much of each group.
const (
	maxAccounts   = 16
	maxHeldRules  = 100
	maxHeldBy     = 10
	maxSample     = 500  // bytes
	maxOtherRules = 1000 // rules beyond maxHeldRules that are told apart
	maxEpisodes   = 256
)

// account adds up the events that one silence, one set of time intervals or one inhibition rule keeps back.
type account struct {
	pipeline.Held
	Labels map[string]string    `json:"labels"` // of the latest event in it: by them it is known whether it is over
	Of     pipeline.Fingerprint `json:"of"`     // that event's
	Name   string               `json:"name"`   // of what keeps back: no two accounts of one Why share it
	Until  time.Time            `json:"until,omitzero"`

	Others   []uint32          `json:"others,omitempty"`   // hashes of rules that are not in Rules
	Episodes map[string]uint64 `json:"episodes,omitempty"` // occurrences in Alerts, by quiet time of dedupe
}

// hold adds an event that by keeps back to its account.
func (m *memory) hold(e *merged, by pipeline.Suppressed) {
	name := by.By
	if by.Why == pipeline.ByInhibition {
		name = by.Rule // sources come and go
	}
	n := slices.IndexFunc(m.Held, func(a account) bool { return a.Why == by.Why && a.Name == name })
	if n < 0 && len(m.Held) >= maxAccounts {
		n = max(slices.IndexFunc(m.Held, func(a account) bool { return a.Why == by.Why }), 0)
	}
	if n < 0 {
		n = len(m.Held)
		m.Held = append(m.Held, account{Name: name, Held: pipeline.Held{Why: by.Why, Worst: e.Priority, From: e.FirstTime()}})
	}
	m.Held[n].add(e, by)
}

func (a *account) add(e *merged, by pipeline.Suppressed) {
	if !slices.Contains(a.By, by.By) && len(a.By) < maxHeldBy {
		a.By = append(a.By, by.By)
		if by.Note != "" {
			a.Notes = append(a.Notes, sample(by.Note))
		}
	}
	a.Labels, a.Of = e.Labels, e.Fingerprint
	if by.Until.After(a.Until) || by.Until.IsZero() {
		a.Until = by.Until
	}
	if first := e.FirstTime(); first.Before(a.From) {
		a.From = first
	}
	n := a.count(e)
	a.Alerts += n
	a.Worst = min(a.Worst, e.Priority)
	a.rule(e, n)
}

// count is how many occurrences e brings that are not in the account yet. Of a quiet time that goes on, alerts come
// that stand for all of it (escalated, closing).
func (a *account) count(e *merged) uint64 {
	n := max(e.Count, 1)
	before, known := a.Episodes[e.episode.ID]
	if known && e.counted > 0 {
		n -= min(n, before)
	}
	if len(a.Episodes) >= maxEpisodes {
		clear(a.Episodes) // what goes on is counted twice at worst
	}
	if a.Episodes == nil {
		a.Episodes = map[string]uint64{}
	}
	a.Episodes[e.episode.ID] = max(before, e.counted)
	return n
}

// rule adds n occurrences to those of the event's rule.
func (a *account) rule(e *merged, n uint64) {
	first, last := e.FirstTime(), e.LastTime()
	if i := slices.IndexFunc(a.Rules, func(r pipeline.HeldRule) bool { return r.Rule == e.Rule }); i >= 0 {
		r := &a.Rules[i]
		r.Alerts += n
		if e.Priority < r.Worst {
			r.Worst, r.Sample = e.Priority, sample(e.Output)
		}
		if first.Before(r.First) {
			r.First = first
		}
		if last.After(r.Last) {
			r.Last = last
		}
	} else {
		a.Rules = append(a.Rules, pipeline.HeldRule{
			Rule: e.Rule, Alerts: n, Worst: e.Priority, First: first, Last: last, Sample: sample(e.Output),
		})
	}
	slices.SortStableFunc(a.Rules, func(x, y pipeline.HeldRule) int { return cmp.Compare(x.Worst, y.Worst) })
	if len(a.Rules) > maxHeldRules {
		a.other(a.Rules[maxHeldRules].Rule)
		a.Rules = a.Rules[:maxHeldRules]
	}
}

// sample is the beginning of an output.
func sample(output string) string {
	if len(output) <= maxSample {
		return output
	}
	return strings.ToValidUTF8(output[:maxSample-len("…")], "") + "…" // a character that is cut in two is left out
}

// other counts a rule that there is no room for.
func (a *account) other(rule string) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(rule)) // a hash takes everything
	if len(a.Others) < maxOtherRules && !slices.Contains(a.Others, h.Sum32()) {
		a.Others = append(a.Others, h.Sum32())
	}
	a.More = len(a.Others)
}

// closed is the sum, at now, when nothing keeps back any longer what it is of.
func (a *account) closed(now time.Time) pipeline.Held {
	h := a.Held
	h.To = now
	if !a.Until.IsZero() && a.Until.Before(now) {
		h.To = a.Until
	}
	return h
}
