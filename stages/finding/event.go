package finding

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// maxEvents is how many new findings of a report rules are asked about one by one, the gravest; the event
// about the report counts all of them. Each may become an alert: a base image with a thousand findings must
// not bury everything else.
const maxEvents = 100

// Schemas are what events of the sources have, by source: members and types as a configuration writes them.
func Schemas() map[string]map[string]any {
	counts := map[string]any{}
	for _, s := range severities {
		counts[s] = "int"
	}
	all := map[string]any{
		"kind": "string", "scanner": "string", "subject": "string", "image": "string", "hostname": "string",
		"constraint": "string", "resource": "string", "reported_at": "string",
		// of kind report
		"first": "bool", "counts": counts, "new": counts, "worst": []any{"string"}, "new_worst": []any{"string"}, "left_out": "int",
		// of kind finding
		"id": "string", "class": "string", "severity": "string", "title": "string", "target": "string", "package": "string",
		"version": "string", "fixed_version": "string", "link": "string",
	}
	return map[string]map[string]any{pipeline.Trivy: all, pipeline.KubeBench: all, pipeline.Gatekeeper: all}
}

// about is what every event says.
type about struct {
	Kind       string `json:"kind"` // report, finding
	Scanner    string `json:"scanner"`
	Subject    string `json:"subject"`
	Image      string `json:"image,omitempty"`
	Hostname   string `json:"hostname,omitempty"` // the node
	Constraint string `json:"constraint,omitempty"`
	Resource   string `json:"resource,omitempty"`
	ReportedAt string `json:"reported_at"`
}

type reportEvent struct {
	about
	First    bool           `json:"first"`
	Counts   map[string]int `json:"counts"`
	New      map[string]int `json:"new"`
	Worst    []string       `json:"worst"`
	NewWorst []string       `json:"new_worst"`
	LeftOut  int            `json:"left_out"` // new findings without an event of their own
}

type findingEvent struct {
	about
	Finding
}

// events are what rules are asked about a report: the report as a whole, then what is new in it.
func (o *outcome) events() ([]json.RawMessage, error) {
	if !o.changed {
		return nil, nil
	}
	r := o.report
	base := about{Scanner: r.Scanner, Subject: r.Unit, Image: r.image(), Hostname: r.Hostname, ReportedAt: r.At.Format("2006-01-02T15:04:05Z")}
	base.Constraint, _ = strings.CutPrefix(r.Unit, "constraint ")
	if base.Constraint == r.Unit {
		base.Constraint = ""
	}
	single := o.fresh[:min(len(o.fresh), maxEvents)]
	base.Kind = "report"
	all := []any{reportEvent{base, o.first, allCounts(r.Findings), allCounts(o.fresh), worst(r.Findings), worst(o.fresh), len(o.fresh) - len(single)}}
	base.Kind = "finding"
	for _, f := range single {
		e := findingEvent{base, f}
		if f.Subject != "" {
			e.about.Subject = f.Subject
			_, e.Resource, _ = strings.Cut(f.Subject, " ")
		}
		all = append(all, e)
	}
	texts := make([]json.RawMessage, len(all))
	for i, e := range all {
		text, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("encode an event of a report: %w", err)
		}
		texts[i] = text
	}
	return texts, nil
}

// allCounts counts with a number for each severity, so that rules can compare each.
func allCounts(findings []Finding) map[string]int {
	counts := count(findings)
	for _, s := range severities {
		counts[s] += 0
	}
	return counts
}

// image is the name of an image that people know it by: a tag, else what it has.
func (r *Report) image() string {
	name := ""
	for _, s := range r.Subjects {
		one, ok := strings.CutPrefix(s, "image ")
		if !ok {
			return ""
		}
		if name == "" || digestIn(name) != "" && digestIn(one) == "" {
			name = one
		}
	}
	return name
}
