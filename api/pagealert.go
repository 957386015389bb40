package api

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

func (v *pageView) fact(name, value string) {
	if value != "" {
		v.Facts = append(v.Facts, pageFact{name, value})
	}
}

// factsOf are what somebody has to know of the alert to decide.
func (v *pageView) factsOf() []pageFact {
	v.Facts = nil
	if !v.known {
		v.fact(v.Words.Alert, v.of.String())
		v.fact("", v.Words.Unknown)
		return v.Facts
	}
	labels := v.alert.Labels
	v.fact(v.Words.Rule, orElse(v.alert.Rule, labels["alertname"]))
	v.fact(v.Words.Severity, orElse(labels["priority"], labels["severity"]))
	v.fact(v.Words.Time, stampOf(v.alert.Time))
	v.fact(v.Words.Host, orElse(v.alert.Hostname, labels["instance"]))
	v.fact(v.Words.Workload, strings.Trim(labels["k8s_ns_name"]+"/"+orElse(labels["k8s_pod_name"], labels["container_name"]), "/"))
	v.fact(v.Words.Output, v.alert.Output)
	return v.Facts
}

func stampOf(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }

// exactMatchers are all labels of an alert.
func exactMatchers(labels map[string]string) (all []pipeline.Matcher) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, pipeline.Matcher{Name: name, Value: labels[name], IsEqual: true})
	}
	return all
}

// workloads are labels that name what runs something, the most telling first. A container is known by its name, not
// by the id that its next run does not have.
var workloads = [][]string{{"k8s_ns_name", "container_name"}, {"container_name", "hostname"}, {"namespace", "job"}, {"job", "instance"}, {"hostname"}, {"instance"}}

// wideMatchers are the alert's rule and the first of workloads that it has; nil: it has none.
func wideMatchers(labels map[string]string) []pipeline.Matcher {
	if labels["alertname"] == "" {
		return nil
	}
	for _, names := range workloads {
		if slices.ContainsFunc(names, func(name string) bool { return labels[name] == "" }) {
			continue
		}
		set := map[string]string{"alertname": labels["alertname"]}
		for _, name := range names {
			set[name] = labels[name]
		}
		return exactMatchers(set)
	}
	return nil
}

// matchersText is how people write matchers.
func matchersText(ms []pipeline.Matcher) string {
	texts := make([]string, len(ms))
	for i, m := range ms {
		texts[i] = m.Name + "=" + strconv.Quote(m.Value)
	}
	return strings.Join(texts, ", ")
}
