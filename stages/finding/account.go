package finding

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// account is what is kept of a unit: which findings rules have been asked about.
type account struct {
	At     time.Time `json:"at"`               // of the last scan
	Told   []string  `json:"told"`             // keys of its findings
	Before []string  `json:"before,omitempty"` // where the scan comes in parts: those of the scan before
	// Subjects of findings that have their own, and the scan in which each was last seen, in µs.
	Subjects map[string]int64 `json:"subjects,omitempty"`
}

// outcome is what a report means for the account of its unit.
type outcome struct {
	report  *Report
	next    account   // once rules have been asked
	first   bool      // nothing was known of the unit
	older   bool      // a later scan is known: nothing else here counts
	changed bool      // the findings are not those of the scan before
	fresh   []Finding // not in the scan before
	gone    []string  // subjects that have no finding of this unit any more
}

// compare decides what a report means. was is nil when nothing is known of the unit.
func compare(was *account, r *Report) outcome {
	o := outcome{report: r, first: was == nil}
	if was == nil {
		was = &account{}
	}
	if r.At.Before(was.At) {
		return outcome{report: r, older: true}
	}
	o.next = was.carried(r)
	o.take(was)
	for subject := range was.Subjects {
		if _, ok := o.next.Subjects[subject]; !ok {
			o.gone = append(o.gone, subject)
		}
	}
	slices.Sort(o.gone)
	slices.Sort(o.next.Told)
	o.changed = o.first || len(o.fresh) > 0 || !r.Part && !slices.Equal(o.next.Told, was.Told)
	o.next.bound()
	return o
}

// carried is what an account hands on to that of a report, which may be a part of the same scan or the first of
// another.
func (a *account) carried(r *Report) account {
	next := account{At: r.At, Subjects: map[string]int64{}}
	switch {
	case r.Part && r.At.Equal(a.At):
		next.Told, next.Before = slices.Clone(a.Told), a.Before
		maps.Copy(next.Subjects, a.Subjects)
	case r.Part:
		next.Before = a.Told
		for subject, seen := range a.Subjects { // those that the whole scan before has not seen are gone
			if seen >= a.At.UnixMicro() {
				next.Subjects[subject] = seen
			}
		}
	}
	return next
}

// take adds the report's findings to the next account, and finds those that was does not know.
func (o *outcome) take(was *account) {
	known, told := setOf(slices.Concat(was.Told, was.Before)), setOf(o.next.Told)
	for _, f := range o.report.Findings {
		key := f.key()
		if !known[key] {
			o.fresh = append(o.fresh, f)
		}
		if !told[key] {
			o.next.Told = append(o.next.Told, key)
		}
		if f.Subject != "" {
			o.next.Subjects[f.Subject] = o.report.At.UnixMicro()
		}
	}
}

func setOf(keys []string) map[string]bool {
	set := make(map[string]bool, len(keys))
	for _, key := range keys {
		set[key] = true
	}
	return set
}

// bound keeps an account small enough for a document. Rules are asked again about what does not fit.
func (a *account) bound() {
	a.Told = a.Told[:min(len(a.Told), maxFindings)]
	if len(a.Subjects) == 0 {
		return
	}
	a.Told, a.Before = a.Told[:min(len(a.Told), maxResources)], a.Before[:min(len(a.Before), maxResources)]
	size := 0
	for i, name := range slices.Sorted(maps.Keys(a.Subjects)) {
		const others = len(`:1782867600000000,`)
		text, _ := json.Marshal(name) // a text always can be
		if size += len(text) + others; i >= maxResources || size > maxSubjectBytes {
			delete(a.Subjects, name)
		}
	}
}

// known is what is kept of a subject: what each unit says of it. An image or a node is a unit by itself; a
// resource may violate several constraints.
type known struct {
	Units map[string]said `json:"units"`
}

// said is what an alert is told of a unit's findings.
type said struct {
	At     time.Time      `json:"at"`
	Counts map[string]int `json:"counts"`
	Worst  []graded       `json:"worst"`
}

type graded struct {
	ID       string `json:"id"`
	Severity string `json:"severity"`
}

// sayAll says findings, the gravest first.
func sayAll(at time.Time, findings []Finding) said {
	s := said{At: at, Counts: count(findings), Worst: []graded{}}
	for _, id := range worst(findings) {
		i := slices.IndexFunc(findings, func(f Finding) bool { return f.ID == id })
		s.Worst = append(s.Worst, graded{id, findings[i].Severity})
	}
	return s
}

// tell puts together what is known of a subject, without what is older than oldest. nil: nothing is.
func (k *known) tell(scanner, subject string, oldest time.Time) *pipeline.Findings {
	told := &pipeline.Findings{Scanner: scanner, Subject: subject, Counts: map[string]int{}}
	var all []Finding
	for _, unit := range slices.Sorted(maps.Keys(k.Units)) {
		s := k.Units[unit]
		if s.At.Before(oldest) {
			continue
		}
		if s.At.After(told.At) {
			told.At = s.At
		}
		for severity, n := range s.Counts {
			told.Counts[severity] += n
		}
		for _, g := range s.Worst {
			all = append(all, Finding{ID: g.ID, Severity: g.Severity})
		}
	}
	if len(told.Counts) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b Finding) int { return rank(a.Severity) - rank(b.Severity) })
	told.Worst = worst(all)
	return told
}

// documentKey is the key of a document about what a scanner calls name.
func documentKey(scanner, name string) string {
	key := scanner + " " + name
	if len(key) <= pipeline.MaxDocumentKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return cut(key, 400) + hex.EncodeToString(sum[:16])
}

// document encodes one.
func document(key string, at time.Time, body any) (pipeline.Document, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return pipeline.Document{}, fmt.Errorf("encode findings: %w", err)
	}
	return pipeline.Document{Key: key, At: at, Body: text}, nil
}
