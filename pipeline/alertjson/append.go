package alertjson

import (
	"fmt"

	"github.com/tocsin-security/tocsin/pipeline"
)

// TypicalSize is about how many bytes an alert has, with its labels and annotations: a little more than most.
const TypicalSize = 3000

// ShortSize is about how many bytes an alert has that is shorter than most: so many alerts fit into a text at most, mostly.
const ShortSize = 2000

// Append appends an alert as a JSON object.
func Append(b []byte, a *pipeline.Alert) ([]byte, error) {
	b, _, err := AppendExact(b, a)
	return b, err
}

// AppendExact is Append. exact: what it has appended reads as the very same alert, down to what is nil; then whoever would
// read it may have a as it is. Of an alert that carries what encoding/json writes it says no, to be sure.
func AppendExact(b []byte, a *pipeline.Alert) (_ []byte, exact bool, err error) {
	w := Begin(b)
	w.Text("uuid", a.ID)
	w.Time("time", a.Time)
	w.Text("rule", a.Rule)
	w.Text("priority", a.Priority.String())
	w.Text("source", a.Source)
	w.Text("hostname", a.Hostname)
	w.Text("output", a.Output)
	w.texts("tags", a.Tags)
	w.fields("output_fields", a.OutputFields)
	w.Pairs("labels", a.Labels)
	if len(a.Annotations) > 0 {
		w.Pairs("annotations", a.Annotations)
	}
	w.Fingerprint("fingerprint", a.Fingerprint)
	w.SomeText("enrichment", a.Enrichment)
	w.SomeText("ancestry", a.Ancestry)
	w.Some("stateful", a.Stateful != nil, a.Stateful)
	w.Flag("lossy", a.Lossy)
	w.Some("window", a.Window != nil, a.Window)
	w.Some("unjudged", a.Unjudged != nil, a.Unjudged)
	w.Some("covered", a.Covered != nil, a.Covered)
	w.Some("completes", a.Completes != nil, a.Completes)
	w.Some("place", a.Place != nil, a.Place)
	w.Some("owner", a.Owner != nil, a.Owner)
	w.Some("deployment", a.Deployment != nil, a.Deployment)
	w.Some("findings", len(a.Findings) > 0, a.Findings)
	w.number("quiet_for", int64(a.QuietFor))
	w.number("cooldown", int64(a.Cooldown))
	w.Some("escalate", a.Escalate != nil, a.Escalate)
	w.Some("summary", a.Summary != nil, a.Summary)
	w.SomeUint("count", a.Count)
	w.SomeTime("first_seen", a.FirstSeen)
	w.SomeTime("last_seen", a.LastSeen)
	w.Flag("degraded", a.Degraded)
	w.Flag("escalated", a.Escalated)
	w.Flag("closing", a.Closing)
	w.SomeText("episode", a.Episode)
	whole, err := w.End()
	if err != nil {
		return b, false, fmt.Errorf("encode an alert: %w", err)
	}
	return whole, !w.changed && isPlain(a), nil
}

// AppendNotification appends a notification as a JSON object. exact: what it has appended reads as what AsRead returns.
func AppendNotification(b []byte, n pipeline.Notification) (_ []byte, exact bool, err error) {
	w := Begin(b)
	w.Text("id", n.ID)
	w.Text("receiver", n.Receiver)
	w.Text("integration", n.Integration)
	w.Text("group_key", n.GroupKey)
	w.Pairs("group_labels", n.GroupLabels)
	if len(n.RouteLabels) > 0 {
		w.Pairs("route_labels", n.RouteLabels)
	}
	w.Text("reason", n.Reason)
	w.Some("held", len(n.Held) > 0, n.Held)
	w.Flag("again", n.Again)
	w.SomeText("via", n.Via)
	w.Key("alerts")
	if err := w.alerts(n.Alerts); err != nil {
		return b, false, err
	}
	w.Time("created_at", n.CreatedAt)
	b, err = w.End()
	return b, !w.changed && timeStays(n.CreatedAt.Round(0)), err
}

func (w *Writer) alerts(alerts []pipeline.Alert) error {
	if alerts == nil {
		w.b = append(w.b, "null"...)
		return nil
	}
	w.b = append(w.b, '[')
	for i := range alerts {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		b, exact, err := AppendExact(w.b, &alerts[i])
		if err != nil {
			return err
		}
		w.b, w.changed = b, w.changed || !exact
	}
	w.b = append(w.b, ']')
	return nil
}
