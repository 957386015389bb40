package templates

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/alertmanager/template"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Data is what a template is run over: Alertmanager's model, so that templates written for it work.
// What it has no place for stands in the annotations of each alert, beside those the rule sets:
//
//	output      the rule's output text
//	uuid        the alert's id, the same when it is delivered twice
//	count       occurrences the alert stands for; only when there are several
//	first_seen  RFC 3339, of those occurrences; only with count
//	last_seen   RFC 3339, likewise
//	degraded    "true": the window could not be asked, so this may be a repeat
//	enrichment  "partial": the container's metadata was not there in time; "late": it came since, and with it
//	            the rule does not hold
//	escalated   "true": a repeat, told since there are so many; count is of all since the first
//	closing     "true": no occurrence of its own, but the sum of a quiet time that is over
//	lossy       "true": kernel events were lost around the alert's time
//
// and of the context, what there is (context.go):
//
//	ancestry           the process and those above it, the oldest first
//	place              where the remote address is: "203.0.113.9 · CN Shanghai · AS4134 CHINANET"
//	team, on_call      whose it is, and who is on call for it; on_call_person is who that is by name
//	deployment         version of the latest one of the workload; with it, what is known of deployment_by,
//	                   deployment_commit, deployment_link, deployment_at (RFC 3339), deployment_age (12m30s)
//	findings           what scanners know of image, node or resource; findings_zh the same in Chinese
//
// and where people reach tocsin, and the alert has not been resolved:
//
//	ack_url      the page to acknowledge it, without a login
//	silence_url  the page to silence it, likewise
type Data = template.Data

// Options say how values are shown.
type Options struct {
	Escape      func(string) string // applied to every label's and annotation's value; see Escaper
	ExternalURL string              // where people reach tocsin; may be empty
	// Links are the pages to acknowledge and to silence an alert that is told at a time; "" where there is none. nil: there
	// are none at all.
	Links func(of pipeline.Fingerprint, told time.Time) (ack, silence string)
}

// NewData builds the data of a notification, in the order of Sorted.
func NewData(n pipeline.Notification, o Options) *Data {
	d := &Data{
		// Quoted because Alertmanager does: consumers of the webhook compare it as an expression.
		Receiver:           regexp.QuoteMeta(n.Receiver),
		Status:             "resolved",
		NotificationReason: n.Reason,
		Alerts:             make(template.Alerts, 0, len(n.Alerts)),
		GroupLabels:        safe(n.GroupLabels, o.Escape),
		RouteLabels:        safe(n.RouteLabels, o.Escape),
		ExternalURL:        o.ExternalURL,
	}
	sorted := Sorted(n.Alerts)
	for i := range sorted {
		one := alertData(&sorted[i], o.Escape)
		if one.Status == "firing" {
			d.Status = "firing"
		}
		o.addLinks(one.Annotations, &sorted[i], n.CreatedAt)
		d.Alerts = append(d.Alerts, one)
	}
	d.CommonLabels = common(d.Alerts, func(a template.Alert) template.KV { return a.Labels })
	d.CommonAnnotations = common(d.Alerts, func(a template.Alert) template.KV { return a.Annotations })
	return d
}

// addLinks adds the pages on which something can be done about an alert that still fires; a summary of what was kept
// back is none. They are ours: there is nothing in them to escape. Those of the same names that came with the alert
// go: readers would take them for ours.
func (o Options) addLinks(annotations template.KV, a *pipeline.Alert, told time.Time) {
	var ack, silence string
	if o.Links != nil && a.Annotations["held"] == "" && (a.Stateful == nil || !a.Stateful.Resolved(told)) {
		ack, silence = o.Links(a.Fingerprint, told)
	}
	for _, link := range [...]struct{ name, url string }{{"ack_url", ack}, {"silence_url", silence}} {
		if delete(annotations, link.name); link.url != "" {
			annotations[link.name] = link.url
		}
	}
}

// Sorted returns alerts, most severe first, then newest first, resolved ones after those and summaries last: when a
// message must be cut, what matters least goes. alerts is not changed; where it is sorted already, it is what it returns.
func Sorted(alerts []pipeline.Alert) []pipeline.Alert {
	if slices.IsSortedFunc(alerts, byWeight) {
		return alerts
	}
	sorted := slices.Clone(alerts)
	slices.SortStableFunc(sorted, byWeight)
	return sorted
}

func byWeight(a, b pipeline.Alert) int {
	return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(a.Priority, b.Priority), b.LastTime().Compare(a.LastTime()))
}

// rank is 0 for an alarm, 1 for its end, 2 for a summary.
func rank(a *pipeline.Alert) int {
	switch {
	case a.Closing:
		return 2
	case resolved(a):
		return 1
	default:
		return 0
	}
}

// resolved reports whether an alert of a notification is over. One that fires has no end there.
func resolved(a *pipeline.Alert) bool { return a.Stateful != nil && !a.Stateful.EndsAt.IsZero() }

func alertData(a *pipeline.Alert, escape func(string) string) template.Alert {
	annotations := escaped(a.Annotations, escape)
	set := func(name, value string) {
		if value != "" {
			annotations[name] = value
		}
	}
	if a.Stateful == nil { // what others posted says all in its annotations, and has another id each time
		set("output", escape(a.Output))
		set("uuid", escape(a.ID))
	}
	set("enrichment", escape(a.Enrichment))
	context(a, func(name, value string) { set(name, escape(value)) })
	if a.Lossy {
		set("lossy", "true")
	}
	if a.Degraded {
		set("degraded", "true")
	}
	if a.Escalated {
		set("escalated", "true")
	}
	if a.Closing {
		set("closing", "true")
	}
	if a.Count > 1 {
		set("count", strconv.FormatUint(a.Count, 10))
		set("first_seen", a.FirstTime().Format(time.RFC3339))
		set("last_seen", a.LastTime().Format(time.RFC3339))
	}
	data := template.Alert{
		Status:      "firing", // an event happened; it does not resolve
		Labels:      safe(a.Labels, escape),
		Annotations: annotations,
		StartsAt:    a.FirstTime(),
		Fingerprint: a.Fingerprint.String(),
	}
	if s := a.Stateful; s != nil {
		data.StartsAt, data.GeneratorURL = s.StartsAt, escape(s.GeneratorURL)
		if resolved(a) {
			data.Status, data.EndsAt = "resolved", s.EndsAt
		}
	}
	return data
}

// safe is escaped for what nobody changes: where there is nothing to escape it is m.
func safe(m map[string]string, escape func(string) string) template.KV {
	for _, value := range m {
		if escape(value) != value {
			return escaped(m, escape)
		}
	}
	if m == nil {
		return template.KV{}
	}
	return m
}

// escaped is a copy with escaped values.
func escaped(m map[string]string, escape func(string) string) template.KV {
	kv := make(template.KV, len(m)+5)
	for name, value := range m {
		kv[name] = escape(value)
	}
	return kv
}

// common returns the pairs that all alerts share: of one alert its own.
func common(alerts template.Alerts, of func(template.Alert) template.KV) template.KV {
	switch len(alerts) {
	case 0:
		return template.KV{}
	case 1:
		return of(alerts[0])
	}
	shared := template.KV{}
	for name, value := range of(alerts[0]) {
		differs := func(a template.Alert) bool { return of(a)[name] != value }
		if !slices.ContainsFunc(alerts, differs) {
			shared[name] = value
		}
	}
	return shared
}
