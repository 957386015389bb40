package alertjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// AppendAll appends alerts as a JSON array.
func AppendAll(b []byte, alerts []pipeline.Alert) ([]byte, error) {
	b = append(b, '[')
	for i := range alerts {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = Append(b, &alerts[i]); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

// Append appends an alert as a JSON object.
func Append(b []byte, a *pipeline.Alert) ([]byte, error) {
	w := writer{b: append(b, '{')}
	w.text("uuid", a.ID)
	w.time("time", a.Time)
	w.text("rule", a.Rule)
	w.text("priority", a.Priority.String())
	w.text("source", a.Source)
	w.text("hostname", a.Hostname)
	w.text("output", a.Output)
	w.texts("tags", a.Tags)
	w.fields("output_fields", a.OutputFields)
	w.pairs("labels", a.Labels)
	if len(a.Annotations) > 0 {
		w.pairs("annotations", a.Annotations)
	}
	w.text("fingerprint", a.Fingerprint.String())
	w.someText("enrichment", a.Enrichment)
	w.someText("ancestry", a.Ancestry)
	w.some("stateful", a.Stateful != nil, a.Stateful)
	w.flag("lossy", a.Lossy)
	w.some("window", a.Window != nil, a.Window)
	w.some("unjudged", a.Unjudged != nil, a.Unjudged)
	w.some("covered", a.Covered != nil, a.Covered)
	w.some("completes", a.Completes != nil, a.Completes)
	w.some("place", a.Place != nil, a.Place)
	w.some("owner", a.Owner != nil, a.Owner)
	w.some("deployment", a.Deployment != nil, a.Deployment)
	w.some("findings", len(a.Findings) > 0, a.Findings)
	w.number("quiet_for", int64(a.QuietFor))
	w.number("cooldown", int64(a.Cooldown))
	w.some("escalate", a.Escalate != nil, a.Escalate)
	w.some("summary", a.Summary != nil, a.Summary)
	if a.Count != 0 {
		w.key("count")
		w.b = strconv.AppendUint(w.b, a.Count, 10)
	}
	w.someTime("first_seen", a.FirstSeen)
	w.someTime("last_seen", a.LastSeen)
	w.flag("degraded", a.Degraded)
	w.flag("escalated", a.Escalated)
	w.flag("closing", a.Closing)
	w.someText("episode", a.Episode)
	if w.err != nil {
		return b, fmt.Errorf("encode an alert: %w", w.err)
	}
	return append(w.b, '}'), nil
}

// noAlerts is what a notification without alerts has in their place. Nothing else in its JSON reads so: no other
// member of that name may be null, and within a string the quotes would be escaped.
var noAlerts = []byte(`"alerts":null`)

// AppendNotification appends a notification as a JSON object.
func AppendNotification(b []byte, n pipeline.Notification) ([]byte, error) {
	alerts := n.Alerts
	n.Alerts = nil
	rest, err := json.Marshal(n)
	if err != nil || alerts == nil {
		return append(b, rest...), err
	}
	at := bytes.Index(rest, noAlerts) + len(noAlerts) - len("null")
	b = append(b, rest[:at]...)
	if b, err = AppendAll(b, alerts); err != nil {
		return b, err
	}
	return append(b, rest[at+len("null"):]...), nil
}

// writer appends members of an object.
type writer struct {
	b   []byte
	err error
}

func (w *writer) key(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *writer) text(name, s string) {
	w.key(name)
	w.b = appendString(w.b, s)
}

func (w *writer) someText(name, s string) {
	if s != "" {
		w.text(name, s)
	}
}

func (w *writer) flag(name string, is bool) {
	if is {
		w.key(name)
		w.b = append(w.b, "true"...)
	}
}

func (w *writer) number(name string, n int64) {
	if n != 0 {
		w.key(name)
		w.b = strconv.AppendInt(w.b, n, 10)
	}
}

func (w *writer) time(name string, t time.Time) {
	w.key(name)
	w.b = append(w.b, '"')
	b, err := t.AppendText(w.b)
	if err != nil {
		w.err = err
		return
	}
	w.b = append(b, '"')
}

func (w *writer) someTime(name string, t time.Time) {
	if !t.IsZero() {
		w.time(name, t)
	}
}

// some appends what is rare and left to encoding/json.
func (w *writer) some(name string, is bool, v any) {
	if is {
		w.key(name)
		w.any(v)
	}
}

func (w *writer) any(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		w.err = err
	}
	w.b = append(w.b, b...)
}

func (w *writer) texts(name string, all []string) {
	w.key(name)
	if all == nil {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = append(w.b, '[')
	for i, s := range all {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = appendString(w.b, s)
	}
	w.b = append(w.b, ']')
}

func (w *writer) pairs(name string, pairs map[string]string) {
	w.key(name)
	if pairs == nil {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = append(w.b, '{')
	appendMembers(w, pairs, func(s string) { w.b = appendString(w.b, s) })
	w.b = append(w.b, '}')
}

func (w *writer) fields(name string, fields pipeline.Fields) {
	w.key(name)
	if fields == nil {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = append(w.b, '{')
	appendMembers(w, fields, w.value)
	w.b = append(w.b, '}')
}

// value appends a field's value; those that rules make are the cases here.
func (w *writer) value(v any) {
	switch v := v.(type) {
	case nil:
		w.b = append(w.b, "null"...)
	case string:
		w.b = appendString(w.b, v)
	case bool:
		w.b = strconv.AppendBool(w.b, v)
	case int64:
		w.b = strconv.AppendInt(w.b, v, 10)
	case uint64:
		w.b = strconv.AppendUint(w.b, v, 10)
	case json.Number:
		if isInteger(string(v)) {
			w.b = append(w.b, v...)
			return
		}
		w.any(v)
	default:
		w.any(v)
	}
}

// isInteger says that s is a number in JSON, and a whole one without an exponent.
func isInteger(s string) bool {
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	if s == "" || s[0] == '0' && len(s) > 1 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
