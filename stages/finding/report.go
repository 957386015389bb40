package finding

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Severities, the gravest first.
var severities = []string{"critical", "high", "medium", "low", "unknown"}

// severityOf is the severity that a scanner's word means.
func severityOf(word string) string {
	word = strings.ToLower(word)
	if slices.Contains(severities, word) {
		return word
	}
	return "unknown"
}

// rank orders severities: 0 is the gravest.
func rank(severity string) int { return slices.Index(severities, severity) }

// Report is what a scanner says about one unit. The next report on the unit replaces it.
type Report struct {
	Scanner  string
	Unit     string    // "image sha256:…", "node NAME", "constraint KIND/NAME"
	Subjects []string  // that all findings are about: by these an alert finds them. None: each finding has its own
	At       time.Time // of the scan
	Findings []Finding // each once
	Hostname string    // the node, where it is one
	Left     int       // findings beyond what a report may have

	// Part: the rest of the same scan comes in other reports with the same At, and what is not in it may be
	// in those.
	Part bool
}

// Finding is one thing that a scanner found.
type Finding struct {
	ID       string `json:"id"`
	Class    string `json:"class"` // vulnerability, secret, misconfiguration, check, violation
	Severity string `json:"severity"`
	Title    string `json:"title"`
	Target   string `json:"target"` // what in the subject: a file, a node's role
	Package  string `json:"package"`
	Version  string `json:"version"`
	Fixed    string `json:"fixed_version"`
	Link     string `json:"link"`
	Subject  string `json:"-"` // of its own: "resource KIND/NAMESPACE/NAME"; else ""
}

// Limits of what is taken from a report.
const (
	// maxFindings: a report of more is of no use to people, and its account would not fit a document.
	maxFindings = 20_000
	// maxResources: of a constraint that so many resources violate, the account would not fit.
	maxResources = 4_000
	// maxSubjectBytes is what their names may take of an account: the rest has 160 KiB, the document 1 MiB.
	maxSubjectBytes = 768 << 10
	maxText         = 300 // bytes of a title and the like
)

// key identifies a finding from one report to the next: 16 hex digits.
func (f *Finding) key() string {
	h := fnv.New64a()
	for _, part := range []string{f.Class, f.ID, f.Package, f.Target, f.Subject} {
		h.Write([]byte(part)) // never fails
		h.Write([]byte{0xff})
	}
	s := strconv.FormatUint(h.Sum64(), 16)
	return "0000000000000000"[len(s):] + s
}

// gravest orders findings: by severity, what can be fixed first, and then by id.
func gravest(a, b Finding) int {
	return cmp.Or(cmp.Compare(rank(a.Severity), rank(b.Severity)), -cmp.Compare(min(len(a.Fixed), 1), min(len(b.Fixed), 1)),
		cmp.Compare(a.ID, b.ID), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Package, b.Package), cmp.Compare(a.Target, b.Target))
}

// finish brings a report that was read into its shape: the gravest first, each once, not too many.
func (r *Report) finish(most int) {
	slices.SortStableFunc(r.Findings, gravest)
	seen := make(map[string]bool, len(r.Findings))
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool {
		key := f.key()
		if seen[key] {
			return true
		}
		seen[key] = true
		return false
	})
	if len(r.Findings) > most {
		r.Left += len(r.Findings) - most
		r.Findings = r.Findings[:most]
	}
}

// count counts findings by severity.
func count(findings []Finding) map[string]int {
	counts := map[string]int{}
	for _, f := range findings {
		counts[f.Severity]++
	}
	return counts
}

// worst are the ids of the first findings, each once.
func worst(findings []Finding) []string {
	const most = 5
	ids := []string{}
	for _, f := range findings {
		if len(ids) == most {
			break
		}
		if !slices.Contains(ids, f.ID) {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// cut shortens text to what a message has room for, at a rune.
func cut(s string, longest int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= longest {
		return s
	}
	for longest > 0 && s[longest]&0xc0 == 0x80 {
		longest--
	}
	return s[:longest] + "…"
}
