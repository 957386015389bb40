package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestTetragonIntake(t *testing.T) {
	intake := &fakeIntake{}
	base := start(t, func(_ *Config, d *Deps) { d.Intake = intake })
	const line = `{"process_exec":{"process":{"pid":7,"binary":"/bin/sh"}},"node_name":"n1","time":"2026-11-23T10:00:00Z"}`
	status, a, _ := postStream(t, base+"/api/v1/tetragon", ndjson, line+"\n"+line+"\n"+`{"other":{}}`+"\n")
	if status != 400 || a.Accepted != 2 || !strings.Contains(a.Error, "line 3: not an event of Tetragon") {
		t.Errorf("two events and something else are answered with %d %+v", status, a)
	}
	if intake.source != pipeline.Tetragon || len(intake.events) != 2 || !strings.Contains(string(intake.events[0]), `"kind":"process_exec"`) {
		t.Errorf("published are %s of %s", intake.events, intake.source)
	}
	intake.events = nil
	if status, a, _ := postStream(t, base+"/api/v1/tetragon", "application/json", "["+line+","+line+"]"); status != 202 || a.Accepted != 2 || len(intake.events) != 2 {
		t.Errorf("an array is answered with %d %+v, %d events", status, a, len(intake.events))
	}
}

func TestCloudEventsIntake(t *testing.T) {
	intake := &fakeIntake{}
	base := start(t, func(_ *Config, d *Deps) { d.Intake = intake })
	const event = `{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":1}}`
	post := func(query, contentType, body string) (int, streamAnswer) {
		intake.ids, intake.events = nil, nil
		status, a, _ := postStream(t, base+"/api/v1/cloudevents"+query, contentType, body)
		return status, a
	}
	if status, a := post("", "application/cloudevents+json", event); status != 202 || a.Accepted != 1 || intake.source != pipeline.CloudEvents {
		t.Fatalf("one event is answered with %d %+v, of source %s", status, a, intake.source)
	}
	first := intake.ids[0]
	changed := strings.Replace(event, `"a":1`, `"a":2`, 1)
	if post("", "application/cloudevents+json", changed); intake.ids[0] != first {
		t.Error("source and id are the same, the message's id is not")
	}
	other := strings.Replace(event, `"id":"1"`, `"id":"2"`, 1)
	if status, a := post("?source=login", "application/cloudevents-batch+json", "["+event+","+other+"]"); status != 202 || a.Accepted != 2 || intake.source != "login" ||
		intake.ids[0] == intake.ids[1] || intake.ids[0] == first {
		t.Errorf("a batch for another source is answered with %d %+v, ids %s", status, a, intake.ids)
	}
	if post("", "application/cloudevents-batch+json", "["+other+","+changed+"]"); intake.ids[1] != first {
		t.Error("in a batch the same event has another id")
	}
	if status, a := post("", "application/cloudevents-batch+json", "[]"); status != 202 || a.Accepted != 0 || len(intake.events) != 0 {
		t.Errorf("an empty batch is answered with %d %+v", status, a)
	}
	if status, a := post("?source=logon", "application/cloudevents+json", event); status != 400 || !strings.Contains(a.Error, "cloudevents, json, login") {
		t.Errorf("a source nobody has is answered with %d %+v", status, a)
	}
	if status, a := post("", "application/json", event); status != 400 || !strings.Contains(a.Error, "no CloudEvent") {
		t.Errorf("an event that does not say that it is one is answered with %d %+v", status, a)
	}
	req, err := http.NewRequest("POST", base+"/api/v1/cloudevents", strings.NewReader(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t", "Content-Type": "application/json"} {
		req.Header.Set(name, value)
	}
	intake.ids = nil
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 202 || len(intake.ids) != 1 || intake.ids[0] != first {
		t.Errorf("the same event in headers is answered with %d, ids %s; want the id %s", resp.StatusCode, intake.ids, first)
	}
}

// webhookBody is what Alertmanager posts, with one alert.
func webhookBody(status, startsAt, endsAt string) string {
	return `{"version":"4","groupKey":"{}:{alertname=\"Down\"}","truncatedAlerts":0,"status":"` + status + `","receiver":"tocsin","groupLabels":{"alertname":"Down"},
		"commonLabels":{"alertname":"Down"},"commonAnnotations":{},"externalURL":"http://am","alerts":[{"status":"` + status + `","labels":{"alertname":"Down","instance":"db-1","severity":"critical","source":"db"},
		"annotations":{"summary":"it is down"},"startsAt":"` + startsAt + `","endsAt":"` + endsAt + `","generatorURL":"http://prom/g","fingerprint":"00"}]}`
}

func TestAlertmanagerWebhook(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const zero = "0001-01-01T00:00:00Z"
	for name, c := range map[string]struct {
		status, startsAt, endsAt string
		want                     pipeline.Stateful
	}{
		"firing": {"firing", "2026-11-23T09:00:00Z", zero,
			pipeline.Stateful{StartsAt: at("2026-11-23T09:00:00Z"), EndsAt: now.Add(webhookTimeout), Timeout: true}},
		"firing, with an end its sender supposes": {"firing", "2026-11-23T09:00:00Z", "2026-11-23T10:04:00Z",
			pipeline.Stateful{StartsAt: at("2026-11-23T09:00:00Z"), EndsAt: now.Add(webhookTimeout), Timeout: true}},
		"firing, by a clock that is ahead": {"firing", "2026-11-25T10:00:00Z", zero,
			pipeline.Stateful{StartsAt: now, EndsAt: now.Add(webhookTimeout), Timeout: true}},
		"resolved": {"resolved", "2026-11-23T09:00:00Z", "2026-11-23T09:30:00Z",
			pipeline.Stateful{StartsAt: at("2026-11-23T09:00:00Z"), EndsAt: at("2026-11-23T09:30:00Z")}},
		"resolved without an end": {"resolved", "2026-11-23T09:00:00Z", zero,
			pipeline.Stateful{StartsAt: at("2026-11-23T09:00:00Z"), EndsAt: now}},
		"resolved, by a clock that is ahead": {"resolved", "2026-11-23T10:01:00Z", "2026-11-23T10:02:00Z",
			pipeline.Stateful{StartsAt: now, EndsAt: now}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := readWebhook([]byte(webhookBody(c.status, c.startsAt, c.endsAt)))
			if err != nil {
				t.Fatal(err)
			}
			a, ok, err := p.Alerts[0].alert(now, webhookTimeout, "h", true)
			if err != nil || !ok {
				t.Fatalf("alert = %v, %v", ok, err)
			}
			c.want.UpdatedAt, c.want.GeneratorURL = now, "http://prom/g"
			if diff := cmp.Diff(&c.want, a.Stateful); diff != "" {
				t.Errorf("its state (-want +got):\n%s", diff)
			}
			if a.Stateful.Resolved(now) != (c.status == "resolved") {
				t.Errorf("it is resolved: %v", a.Stateful.Resolved(now))
			}
			if a.Rule != "Down" || a.Source != "db" || a.Hostname != "db-1" || a.Priority != pipeline.Critical || a.Output != "it is down" {
				t.Errorf("it is %+v", a)
			}
		})
	}
}

func TestAlertmanagerIntake(t *testing.T) {
	intake := &fakeIntake{}
	var log syncBuffer
	reg := prometheus.NewRegistry()
	base := start(t, func(_ *Config, d *Deps) {
		d.Intake, d.Log, d.Metrics, d.Gatherer = intake, slog.New(slog.NewTextHandler(&log, nil)), reg, reg
	})
	post := func(query, body string) (int, streamAnswer) {
		intake.alerts = nil
		status, a, _ := postStream(t, base+"/api/v1/alertmanager"+query, "application/json", body)
		return status, a
	}
	firing := webhookBody("firing", "2026-11-23T09:00:00Z", "0001-01-01T00:00:00Z")
	if status, a := post("?resolve_timeout=13h", firing); status != 202 || a.Accepted != 1 {
		t.Fatalf("an alert is answered with %d %+v", status, a)
	}
	if state := intake.alerts[0].Stateful; state == nil || state.EndsAt.Sub(state.UpdatedAt) != 13*time.Hour {
		t.Errorf("its state is %+v, want 13 hours from now", state)
	}
	if status, a := post("", strings.Replace(firing, `"truncatedAlerts":0`, `"truncatedAlerts":5`, 1)); status != 202 || a.Accepted != 1 {
		t.Errorf("a cut group is answered with %d %+v", status, a)
	}
	_, metrics, _ := request(t, "GET", base+"/metrics", "")
	if !strings.Contains(metrics, "tocsin_intake_truncated_alerts_total 5") || !strings.Contains(log.String(), "alerts=5") {
		t.Errorf("that alerts were left out is neither counted nor in the log:\n%s", log.String())
	}
	var two map[string]any
	if err := json.Unmarshal([]byte(firing), &two); err != nil {
		t.Fatal(err)
	}
	two["alerts"] = append(two["alerts"].([]any), map[string]any{"status": "firing", "labels": map[string]any{}}, map[string]any{"status": "odd", "labels": map[string]any{"a": "b"}})
	text, err := json.Marshal(two)
	if err != nil {
		t.Fatal(err)
	}
	if status, a := post("", string(text)); status != 400 || a.Accepted != 1 || a.Rejected != 2 || len(intake.alerts) != 1 || !strings.Contains(a.Error, "alert 2: there are no labels") {
		t.Errorf("a good alert and two bad ones are answered with %d %+v, %d alerts", status, a, len(intake.alerts))
	}
	falco := falcosidekickAlert(t, falcoBody)
	posted, err := json.Marshal(map[string]any{"version": "4", "alerts": []any{
		map[string]any{"status": "firing", "labels": falco.Labels, "annotations": falco.Annotations},
		map[string]any{"status": "resolved", "labels": falco.Labels, "annotations": falco.Annotations},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if status, a := post("", string(posted)); status != 202 || len(intake.alerts) != 1 || intake.alerts[0].Stateful != nil {
		t.Errorf("an event of Falco, and its end, are answered with %d %+v, %d alerts; want the event", status, a, len(intake.alerts))
	}
	for name, c := range map[string]struct{ query, body, want string }{
		"no JSON":           {"", "{", "not JSON"},
		"another version":   {"", `{"version":"3"}`, `version is "3"`},
		"no alerts":         {"", `{"version":"4","alerts":[]}`, "no alerts"},
		"a timeout of none": {"?resolve_timeout=soon", firing, "resolve_timeout=soon"},
	} {
		if status, a := post(c.query, c.body); status != 400 || !strings.Contains(a.Error, c.want) {
			t.Errorf("%s: %d %+v, want 400 with %q", name, status, a, c.want)
		}
	}
}

// Whatever comes: an error, or alerts of which each is refused or one that the pipeline can take.
func FuzzWebhook(f *testing.F) {
	f.Add([]byte(webhookBody("firing", "2026-11-23T09:00:00Z", "0001-01-01T00:00:00Z")))
	f.Add([]byte(`{"version":"4","alerts":[{"status":"resolved","labels":{"source":"falco","rule":"r","alertname":"r","priority":"Error","evt_time":"9223372036854775807","x":"1"}}]}`))
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := readWebhook(body)
		if err != nil {
			return
		}
		for _, one := range p.Alerts {
			a, ok, err := one.alert(now, webhookTimeout, "h", true)
			if err != nil || !ok {
				continue
			}
			if a.ID == "" || len(a.Labels) == 0 || a.Time.IsZero() && a.Stateful == nil {
				t.Fatalf("%s makes %+v", body, a)
			}
			if s := a.Stateful; s != nil && (s.EndsAt.Before(s.StartsAt) || s.Resolved(now) != (one.Status == "resolved")) {
				t.Fatalf("%s makes the state %+v", body, s)
			}
			if _, err := json.Marshal(a); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
		}
	})
}
