package review

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/whitelist"
)

// Options say what counts as a finding.
type Options struct {
	Now      time.Time
	Expiring time.Duration // an entry that expires within it is told; 0: none is
	Unused   time.Duration // an entry that kept nothing quiet for so long is told; 0: none is
	// Usage is the account; nil: it could not be had, and nothing is said about what was used.
	Usage *pipeline.WhitelistUsage
}

// maxNamed bounds the entries and rules that one finding names.
const maxNamed = 5

// Review looks at the entries of list, which are for the rules of set. problems are those found on loading.
func Review(list *whitelist.List, set *rules.Set, problems []rules.Problem, opts Options) *Report {
	r := reviewer{opts: opts, usage: map[string]pipeline.EntryUsage{}, invalid: map[string]bool{}}
	report := &Report{At: opts.Now, Findings: []Finding{}, Quiet: []Quiet{}}
	if opts.Usage != nil {
		report.UsageAt = &opts.Usage.At
		for _, u := range opts.Usage.Entries {
			r.usage[u.ID] = u
		}
		report.Quiet = quiet(opts.Usage)
	}
	r.told(problems)
	subjects := r.subjects(list, set)
	for _, s := range subjects {
		if !r.invalid[s.ID] || s.State(opts.Now) != pipeline.EntryRefused { // of what cannot be read nothing more is known
			r.single(s)
		}
	}
	if !r.pairs(subjects) {
		report.Notes = append(report.Notes, "there are too many entries for the same rules to compare all of them: not every overlap is told")
	}
	report.Entries = len(list.Entries())
	report.Findings = append(report.Findings, r.sorted(list)...)
	return report
}

// reviewer collects findings.
type reviewer struct {
	opts     Options
	usage    map[string]pipeline.EntryUsage
	invalid  map[string]bool // ids of entries that cannot be read
	findings []Finding
}

// subject is an entry with what is needed to look at it.
type subject struct {
	*whitelist.Entry
	index   int // in the order of the files
	rules   []string
	formula *formula // nil: it asks for more than the language of rules can say
	keys    []string // of formula
}

// subjects are the entries that apply to something.
func (r *reviewer) subjects(list *whitelist.List, set *rules.Set) []*subject {
	var all []*subject
	for i, e := range list.Entries() {
		s := &subject{Entry: e, index: i}
		for _, rule := range set.Rules {
			if e.Covers(rule) {
				s.rules = append(s.rules, rule.Name)
			}
		}
		all = append(all, s)
	}
	return all
}

func (r *reviewer) add(e *whitelist.Entry, kind Kind, format string, args ...any) *Finding {
	r.findings = append(r.findings, Finding{Entry: e.ID, Place: e.At.String(), Kind: kind, Level: levels[kind], Message: fmt.Sprintf(format, args...)})
	return &r.findings[len(r.findings)-1]
}

// told takes over what only loading can tell. What an entry itself says is found again by single.
func (r *reviewer) told(problems []rules.Problem) {
	for _, p := range problems {
		kind, ok := toldKinds[p.Code]
		if !ok {
			continue
		}
		at := syntax.Pos{File: p.File, Line: p.Line, Col: p.Col}
		message := strings.TrimPrefix(p.Message, fmt.Sprintf("entry %q: ", p.Item))
		if p.Hint != "" {
			message += " (" + p.Hint + ")"
		}
		r.findings = append(r.findings, Finding{Entry: p.Item, Place: at.String(), Kind: kind, Level: levels[kind], Message: message})
		if kind == Invalid {
			r.invalid[p.Item] = true
		}
	}
}

var toldKinds = map[rules.Code]Kind{whitelist.Invalid: Invalid, whitelist.NoReason: NoReason, whitelist.UnknownRule: UnknownRule}

// single looks at one entry by itself.
func (r *reviewer) single(s *subject) {
	now := r.opts.Now
	switch left := s.Expires.Sub(now); {
	case s.Expires.IsZero():
	case left <= 0:
		r.add(s.Entry, Expired, "expired on %s, %s ago: it no longer applies; remove it, or let somebody approve it again", day(s.Expires), span(-left))
	case r.opts.Expiring > 0 && left <= r.opts.Expiring:
		r.add(s.Entry, Expiring, "expires on %s, in %s: alerts will come again then, unless somebody approves it again", day(s.Expires), span(left))
	}
	if why := s.Broad(); why != "" {
		r.add(s.Entry, Broad, "%s: name the rules, or a field that tells what is allowed from what is not", why)
	}
	if why := s.Blind(); why != "" {
		r.add(s.Entry, NeverHolds, "never applies: %s", why)
	}
	switch {
	case s.Owner == "" && s.Approver == "":
		r.add(s.Entry, NoOwner, "has neither owner nor approver: nobody can be asked whether it is still needed")
	case s.Owner == "":
		r.add(s.Entry, NoOwner, "has no owner: nobody can be asked whether it is still needed")
	case s.Approver == "":
		r.add(s.Entry, NoOwner, "has no approver: nobody answers for it")
	}
	r.unused(s)
}

// unused speaks only of what is known: an entry whose account began a short time ago was not watched for long
// enough, and one without an account not at all.
func (r *reviewer) unused(s *subject) {
	u, ok := r.usage[s.ID]
	now, least := r.opts.Now, r.opts.Unused
	if at := r.opts.Usage; ok && at.At.Before(now) {
		now = at.At // what happened since nobody has told
	}
	expired := s.State(r.opts.Now) == pipeline.EntryExpired
	if least <= 0 || !ok || expired || u.Since.IsZero() || now.Sub(u.Since) < least {
		return
	}
	switch {
	case u.Hits == 0:
		r.add(s.Entry, Unused, "never hit since %s, when its account began: if nothing needs it, remove it", day(u.Since))
	case now.Sub(u.Last) >= least:
		r.add(s.Entry, Unused, "not hit for %s, the last time on %s: if nothing needs it, remove it", span(now.Sub(u.Last)), day(u.Last))
	}
}

// sorted are the findings in the order of the files, the gravest kind first.
func (r *reviewer) sorted(list *whitelist.List) []Finding {
	order := map[string]int{}
	for i, e := range list.Entries() {
		if _, ok := order[e.ID]; !ok {
			order[e.ID] = i
		}
	}
	position := func(f Finding) int {
		if i, ok := order[f.Entry]; ok {
			return i
		}
		return -1 // could not even be read
	}
	slices.SortStableFunc(r.findings, func(a, b Finding) int {
		if d := position(a) - position(b); d != 0 {
			return d
		}
		return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind)
	})
	return r.findings
}

var kinds = []Kind{Invalid, NoReason, Broad, Expired, NeverHolds, UnknownRule, Shadowed, Expiring, Unused, Overlapping, NoOwner}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// span is a duration in the largest unit that is not too coarse.
func span(d time.Duration) string {
	const hoursOfDay = 24
	switch hours := int(d.Hours()); {
	case hours >= 2*hoursOfDay:
		return fmt.Sprintf("%d days", hours/hoursOfDay)
	case hours >= 2:
		return fmt.Sprintf("%d hours", hours)
	default:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	}
}
