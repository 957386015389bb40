package templates

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

func plain(s string) string { return s }

func TestNewData(t *testing.T) {
	at := time.Date(2025, 6, 1, 3, 0, 0, 0, time.UTC)
	single := pipeline.Alert{
		ID: "u1", Time: at, Priority: pipeline.Warning, Output: "out", Fingerprint: 0x1a,
		Labels: map[string]string{"rule": "r", "pod": "a"}, Annotations: map[string]string{"summary": "s"},
	}
	repeated := pipeline.Alert{
		ID: "u2", Time: at, Priority: pipeline.Critical, Output: "out", Degraded: true, Lossy: true, Enrichment: "partial",
		Labels: map[string]string{"rule": "r", "pod": "b"}, Count: 3, FirstSeen: at.Add(-time.Minute), LastSeen: at.Add(time.Minute),
	}
	d := NewData(pipeline.Notification{
		Receiver: "team.a", Reason: "first notification", GroupLabels: map[string]string{"rule": "r"}, Alerts: []pipeline.Alert{single, repeated},
	}, Options{Escape: plain, ExternalURL: "https://tocsin.example"})

	if d.Receiver != `team\.a` || d.Status != "firing" || d.ExternalURL != "https://tocsin.example" || d.NotificationReason != "first notification" {
		t.Errorf("Data = %+v", d)
	}
	if diff := cmp.Diff(map[string]string{"rule": "r"}, map[string]string(d.CommonLabels)); diff != "" {
		t.Errorf("CommonLabels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"output": "out"}, map[string]string(d.CommonAnnotations)); diff != "" {
		t.Errorf("CommonAnnotations (-want +got):\n%s", diff)
	}
	worst, other := d.Alerts[0], d.Alerts[1]
	want := map[string]string{
		"output": "out", "uuid": "u2", "degraded": "true", "lossy": "true", "enrichment": "partial",
		"count": "3", "first_seen": "2025-06-01T02:59:00Z", "last_seen": "2025-06-01T03:01:00Z",
	}
	if diff := cmp.Diff(want, map[string]string(worst.Annotations)); diff != "" {
		t.Errorf("annotations of the worst alert, which comes first (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"output": "out", "uuid": "u1", "summary": "s"}, map[string]string(other.Annotations)); diff != "" {
		t.Errorf("annotations of a single occurrence (-want +got):\n%s", diff)
	}
	if !worst.StartsAt.Equal(at.Add(-time.Minute)) || !worst.EndsAt.IsZero() || other.Fingerprint != "000000000000001a" {
		t.Errorf("alerts = %+v", d.Alerts)
	}
	if single.Annotations["output"] != "" {
		t.Error("NewData changed the notification's own map")
	}
}

func TestEveryValueIsEscaped(t *testing.T) {
	n := pipeline.Notification{
		GroupLabels: map[string]string{"l": "evil"},
		Alerts: []pipeline.Alert{{
			ID: "evil", Output: "evil", Enrichment: "evil",
			Labels: map[string]string{"l": "evil"}, Annotations: map[string]string{"a": "evil"},
		}},
	}
	d := NewData(n, Options{Escape: strings.ToUpper})
	set, err := Parse(nil, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	all, err := set.Text("all", `{{ .GroupLabels }} {{ .CommonLabels }} {{ .CommonAnnotations }} {{ range .Alerts }}{{ .Labels }} {{ .Annotations }}{{ end }}`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := all.Execute(d)
	if err != nil || strings.Contains(got, "evil") || strings.Count(got, "EVIL") < 8 {
		t.Errorf("Execute = %q, %v, want every value in upper case", got, err)
	}
}

func TestFunctions(t *testing.T) {
	set, err := Parse(nil, time.FixedZone("CST", 8*3600))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2025, 6, 1, 16, 30, 0, 0, time.UTC)
	d := NewData(pipeline.Notification{Alerts: []pipeline.Alert{{Time: at, Annotations: map[string]string{"t": "2025-06-01T02:00:00Z"}}}}, Options{Escape: plain})
	for text, want := range map[string]string{
		`{{ (index .Alerts 0).StartsAt | localTime }}`:                                       "2025-06-02 00:30:00",
		`{{ localTime (index .Alerts 0).Annotations.t }}`:                                    "2025-06-01 10:00:00",
		`{{ clock (index .Alerts 0).Annotations.t (index .Alerts 0).Annotations.t }}`:        "10:00",
		`{{ clock (index .Alerts 0).Annotations.t (index .Alerts 0).StartsAt }}`:             "06-01 10:00",
		`{{ truncateBytes 7 "短信短信" }}`:                                                       "短…",
		`{{ severityColor "Critical" }} {{ severityColor "notice" }}`:                        "warning comment",
		`{{ severityIcon "error" }}{{ severityIcon "warning" }}{{ severityIcon "x" }}`:       "🔴🟠🟠",
		`{{ severityHex "debug" }}`:                                                          "#3b6ea5",
		`{{ priorityName "zh" "Critical" }} {{ priorityName "en" "info" }}`:                  "严重 Informational",
		`{{ isLink "https://a/b" }} {{ isLink "javascript:x" }} {{ isLink "http://a/b)c" }}`: "true false false",
		`{{ priorityName "zh" "P1" }}`:                                                       "P1",
		`{{ toUpper "a" }} {{ join "," (stringSlice "a" "b") }} {{ .NoSuch | printf }}`:      "",
	} {
		compiled, err := set.Text("t", text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := compiled.Execute(d)
		if want == "" {
			if err == nil {
				t.Errorf("%s = %q, want an error", text, got)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s = %q, %v, want %q", text, got, err, want)
		}
	}
	if bad, err := set.Text("t", `{{ localTime "yesterday" }}`); err != nil {
		t.Error(err)
	} else if _, err := bad.Execute(d); err == nil || !strings.Contains(err.Error(), "yesterday") {
		t.Errorf("localTime of no time: %v", err)
	}
}

func TestParseFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("good.tmpl", `{{ define "mine" }}hello {{ .Status }}{{ end }}`)
	write("bad.tmpl", "line one\n{{ define \"x\" }}{{ nosuch }}{{ end }}")
	for name, c := range map[string]struct{ glob, err string }{
		"a file":                    {"good.tmpl", ""},
		"a glob without a match":    {"none*.tmpl", ""},
		"a missing file":            {"missing.tmpl", "no such file"},
		"an unknown function":       {"bad.tmpl", "bad.tmpl:2"},
		"a pattern that is not one": {"[.tmpl", "syntax error"},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := Parse([]string{filepath.Join(dir, c.glob)}, time.UTC)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("Parse = %v, want an error with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.glob == "good.tmpl" {
				text, err := set.Text("t", `{{ template "mine" . }}`)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := text.Execute(&Data{Status: "firing"}); got != "hello firing" {
					t.Errorf("Execute = %q, %v", got, err)
				}
			}
		})
	}
}
