package deliver

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Reasons of notifications that were made here of several.
const (
	reasonMerged = "merged"
	reasonDigest = "digest"
)

// shownRules bounds the rows of a digest: more than any channel shows.
const shownRules = 100

// sampleBytes is how much of an output a row of a digest has.
const sampleBytes = 300

// together is one notification of several.
func together(all []pipeline.Notification, reason string) pipeline.Notification {
	n := all[0]
	n.Reason = reason
	h := sha256.New()
	n.GroupLabels, n.RouteLabels = shared(all, labelsOfGroup), shared(all, labelsOfRoute)
	n.Alerts, n.Held = nil, nil
	for i := range all {
		one := &all[i]
		io.WriteString(h, one.ID+"\n") // a hash cannot fail
		n.Again = n.Again || one.Again
		n.Attempt = max(n.Attempt, one.Attempt)
		n.Held = append(n.Held, one.Held...)
		n.Alerts = append(n.Alerts, one.Alerts...)
		if one.CreatedAt.Before(n.CreatedAt) {
			n.CreatedAt = one.CreatedAt
		}
	}
	n.ID = hex.EncodeToString(h.Sum(nil)[:16])
	return n
}

func labelsOfGroup(n *pipeline.Notification) map[string]string { return n.GroupLabels }
func labelsOfRoute(n *pipeline.Notification) map[string]string { return n.RouteLabels }

// shared are the labels that all have.
func shared(all []pipeline.Notification, of func(*pipeline.Notification) map[string]string) map[string]string {
	same := map[string]string{}
	for name, value := range of(&all[0]) {
		differs := func(n pipeline.Notification) bool { return of(&n)[name] != value }
		if !slices.ContainsFunc(all, differs) {
			same[name] = value
		}
	}
	return same
}

// digest sums several notifications up: how many alerts of which rule in which workload, and when. Summaries in them
// stay what they are.
func digest(all []pipeline.Notification) pipeline.Notification {
	n := together(all, reasonDigest)
	rows := map[string]*pipeline.HeldRule{}
	sum := pipeline.Held{Why: pipeline.ByQuota, By: []string{strconv.Itoa(len(all))}, Worst: pipeline.Debug}
	for i := range n.Alerts {
		a := &n.Alerts[i]
		count := max(a.Count, 1)
		sum.Alerts += count
		sum.Worst = min(sum.Worst, a.Priority)
		sum.From, sum.To = earlier(sum.From, a.FirstTime()), later(sum.To, a.LastTime())
		name := rowName(a)
		row := rows[name]
		if row == nil {
			row = &pipeline.HeldRule{Rule: name, Worst: pipeline.Debug}
			rows[name] = row
		}
		if row.Sample == "" || a.Priority < row.Worst {
			row.Sample = a.Output[:min(len(a.Output), sampleBytes)]
		}
		row.Alerts += count
		row.Worst = min(row.Worst, a.Priority)
		row.First, row.Last = earlier(row.First, a.FirstTime()), later(row.Last, a.LastTime())
	}
	if len(n.Alerts) == 0 {
		return n // summaries only
	}
	for _, row := range rows {
		sum.Rules = append(sum.Rules, *row)
	}
	slices.SortFunc(sum.Rules, func(a, b pipeline.HeldRule) int {
		return cmp.Or(cmp.Compare(a.Worst, b.Worst), cmp.Compare(b.Alerts, a.Alerts), cmp.Compare(a.Rule, b.Rule))
	})
	if more := len(sum.Rules) - shownRules; more > 0 {
		sum.Rules, sum.More = sum.Rules[:shownRules], more
	}
	n.Alerts, n.Held = nil, append([]pipeline.Held{sum}, n.Held...)
	return n
}

// rowName is the rule and the workload: what a row of a digest is about.
func rowName(a *pipeline.Alert) string {
	rule := cmp.Or(a.Rule, a.Labels["alertname"], "?")
	if a.Stateful != nil && !a.Stateful.EndsAt.IsZero() {
		rule = "✓ " + rule
	}
	place := cmp.Or(a.Labels["k8s_pod_name"], a.Labels["container_name"], a.Labels["container_id"])
	if space := a.Labels["k8s_ns_name"]; space != "" {
		if workload := a.Labels["k8s_workload_name"]; workload != "" {
			place = workload
		}
		place = space + "/" + place
	}
	if place == "" || place == "host" {
		place = cmp.Or(a.Hostname, a.Labels["hostname"], a.Labels["instance"])
	}
	if place == "" {
		return rule
	}
	return rule + " · " + place
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// ruleOf is what notifications are merged by: the route's labels and the rule of the first alert.
func ruleOf(n *pipeline.Notification) string {
	rule := ""
	if len(n.Alerts) > 0 {
		rule = cmp.Or(n.Alerts[0].Rule, n.Alerts[0].Labels["alertname"])
	}
	return n.GroupLabels["route"] + "\x00" + callOf(n) + "\x00" + rule
}

// callOf is the step of an escalation that a notification is, "" if it is none: who is called by it is not called for
// others.
func callOf(n *pipeline.Notification) string {
	if escalation := n.RouteLabels[pipeline.Escalation]; escalation != "" {
		return escalation + "\x00" + n.RouteLabels[pipeline.EscalationStep]
	}
	return ""
}
