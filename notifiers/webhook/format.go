package webhook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// posts are the requests that a message takes.
func (w *Webhook) posts(m pipeline.Message) ([]post, error) {
	switch w.cfg.Format {
	case formatFalco:
		return each(m, func(a *pipeline.Alert, id string) (p post, err error) {
			p.body, err = notifiers.EncodeJSON(falcoOf(a))
			return p, err
		})
	case formatCloudEvents:
		return cloudEvents(m, w.cfg.Mode)
	}
	body, err := truncated(m.Payload, w.maxAlerts)
	if err != nil {
		return nil, fmt.Errorf("cut the payload to %d alerts: %w", w.maxAlerts, err)
	}
	return []post{{id: m.ID, body: body}}, nil
}

// each makes a request of each alert, with an id of its own.
func each(m pipeline.Message, request func(a *pipeline.Alert, id string) (post, error)) ([]post, error) {
	posts := make([]post, len(m.Alerts))
	for i := range m.Alerts {
		id := m.ID
		if len(m.Alerts) > 1 {
			id = fmt.Sprintf("%s-%d", m.ID, i+1)
		}
		p, err := request(&m.Alerts[i], id)
		if err != nil {
			return nil, fmt.Errorf("encode alert %s of rule %q: %w", m.Alerts[i].ID, m.Alerts[i].Rule, err)
		}
		p.id = id
		posts[i] = p
	}
	return posts, nil
}

// falco is an event as Falco's http_output and Falcosidekick post it.
type falco struct {
	UUID         string         `json:"uuid"`
	Output       string         `json:"output"`
	Priority     string         `json:"priority"`
	Rule         string         `json:"rule"`
	Time         time.Time      `json:"time"`
	OutputFields map[string]any `json:"output_fields"` // never empty: Falcosidekick refuses such
	Source       string         `json:"source"`
	Tags         []string       `json:"tags"`
	Hostname     string         `json:"hostname"`
}

func falcoOf(a *pipeline.Alert) falco {
	f := falco{
		UUID: a.ID, Output: a.Output, Priority: a.Priority.String(), Rule: a.Rule, Time: a.Time.UTC(),
		OutputFields: a.OutputFields, Source: a.Source, Tags: a.Tags, Hostname: a.Hostname,
	}
	if f.Rule == "" { // what Prometheus posted has its name and its text elsewhere
		f.Rule = a.Labels["alertname"]
	}
	if f.Output == "" {
		f.Output = a.Annotations["summary"]
	}
	if len(f.OutputFields) == 0 {
		f.OutputFields = make(map[string]any, len(a.Labels))
		for name, value := range a.Labels {
			f.OutputFields[name] = value
		}
	}
	if f.Tags == nil {
		f.Tags = []string{}
	}
	return f
}

// cloudEvent is an alert as a CloudEvent, version 1.0. Names of extensions have small letters only.
type cloudEvent struct {
	SpecVersion string    `json:"specversion"`
	ID          string    `json:"id"` // of the delivery: an alert that is told again is another event
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Subject     string    `json:"subject,omitempty"`
	Time        time.Time `json:"time"`
	ContentType string    `json:"datacontenttype"`
	Priority    string    `json:"priority"`
	Rule        string    `json:"rule"`
	EventSource string    `json:"eventsource"`
	Hostname    string    `json:"hostname"`
	Data        falco     `json:"data"`
}

// cloudEventType names what the data is; it changes when the data does.
const cloudEventType = "io.tocsin.alert.v1"

func cloudEventOf(a *pipeline.Alert, id string) cloudEvent {
	data := falcoOf(a)
	return cloudEvent{
		SpecVersion: "1.0", ID: id, Source: "/tocsin/" + url.PathEscape(a.Hostname), Type: cloudEventType,
		Subject: a.Fingerprint.String(), Time: data.Time, ContentType: "application/json",
		Priority: data.Priority, Rule: data.Rule, EventSource: data.Source, Hostname: data.Hostname, Data: data,
	}
}

func cloudEvents(m pipeline.Message, mode string) ([]post, error) {
	if mode == "batch" {
		all := make([]cloudEvent, len(m.Alerts))
		for i := range m.Alerts {
			all[i] = cloudEventOf(&m.Alerts[i], fmt.Sprintf("%s-%d", m.ID, i+1))
		}
		body, err := notifiers.EncodeJSON(all)
		return []post{{id: m.ID, body: body, header: contentType("application/cloudevents-batch+json")}}, err
	}
	return each(m, func(a *pipeline.Alert, id string) (p post, err error) {
		event := cloudEventOf(a, id)
		if mode == "binary" {
			p.header = event.header()
			p.body, err = notifiers.EncodeJSON(event.Data)
			return p, err
		}
		p.header = contentType("application/cloudevents+json")
		p.body, err = notifiers.EncodeJSON(event)
		return p, err
	})
}

func contentType(t string) http.Header { return http.Header{"Content-Type": {t}} }

// header has the attributes of an event in binary mode, percent-encoded where HTTP wants it (CloudEvents' HTTP binding).
func (e *cloudEvent) header() http.Header {
	h := contentType(e.ContentType)
	for name, value := range map[string]string{
		"specversion": e.SpecVersion, "id": e.ID, "source": e.Source, "type": e.Type, "subject": e.Subject,
		"time": e.Time.Format(time.RFC3339Nano), "priority": e.Priority, "rule": e.Rule, "eventsource": e.EventSource, "hostname": e.Hostname,
	} {
		if value != "" {
			h.Set("ce-"+name, percentEncoded(value))
		}
	}
	return h
}

// percentEncoded encodes blanks, quotes, percent signs and what is no printable ASCII.
func percentEncoded(s string) string {
	var b []byte
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '%' {
			b = fmt.Appendf(b, "%%%02X", c)
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// truncated leaves most alerts in the payload, the most severe ones, and says how many are gone. What
// stays keeps its bytes.
func truncated(payload []byte, most int) ([]byte, error) {
	if most == 0 {
		return payload, nil
	}
	fields, alerts, err := alertsOf(payload)
	if err != nil {
		return nil, err
	}
	if len(alerts) <= most {
		return payload, nil
	}
	fields["truncatedAlerts"] = fmt.Append(nil, len(alerts)-most)
	return withAlerts(fields, alerts[:most])
}

// alertsOf takes Alertmanager's payload apart.
func alertsOf(payload []byte) (fields map[string]json.RawMessage, alerts []json.RawMessage, err error) {
	if err = json.Unmarshal(payload, &fields); err == nil {
		err = json.Unmarshal(fields["alerts"], &alerts)
	}
	return fields, alerts, err
}

func withAlerts(fields map[string]json.RawMessage, alerts []json.RawMessage) ([]byte, error) {
	kept, err := notifiers.EncodeJSON(alerts)
	if err != nil {
		return nil, err
	}
	fields["alerts"] = kept
	return notifiers.EncodeJSON(fields)
}

// halved cuts a payload with several alerts in two, each with an id of its own. What is no such payload stays whole.
func halved(p post) (halves [2]post, ok bool) {
	fields, alerts, err := alertsOf(p.body)
	if err != nil || len(alerts) < 2 {
		return halves, false
	}
	for i, some := range [][]json.RawMessage{alerts[:len(alerts)/2], alerts[len(alerts)/2:]} {
		body, err := withAlerts(fields, some)
		if err != nil {
			return halves, false
		}
		halves[i] = post{id: fmt.Sprintf("%s-%d", p.id, i+1), body: body, header: p.header}
	}
	return halves, true
}
