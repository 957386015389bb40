package fast

import (
	"strings"
	"testing"
	texttemplate "text/template"
	"time"

	"github.com/prometheus/alertmanager/template"
)

func sample() *template.Data {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &template.Data{
		Receiver: "r", Status: "firing", ExternalURL: "https://x", NotificationReason: "new",
		GroupLabels: template.KV{"rule": "x"}, CommonLabels: template.KV{"b": "2", "a": "1"}, RouteLabels: template.KV{}, CommonAnnotations: template.KV{},
		Alerts: template.Alerts{
			{Status: "firing", Labels: template.KV{"rule": "one", "Names": "label", "empty": ""}, Annotations: template.KV{"at": "2026-01-02T03:04:05Z"}, StartsAt: at, Fingerprint: "f1"},
			{Status: "resolved", Labels: template.KV{"rule": "two"}, Annotations: template.KV{}, StartsAt: at, EndsAt: at.Add(time.Hour), GeneratorURL: "http://g", Fingerprint: "f2"},
		},
	}
}

var testFunctions = map[string]any{
	"upper":  strings.ToUpper,
	"is":     func(s string) bool { return s == "one" },
	"cut":    func(n int, s string) string { return s[:n] }, // panics beyond the end
	"any":    func(v any) (string, error) { return "any", nil },
	"both":   func(a, b string) string { return a + "&" + b },
	"three":  func(a, b, c string) string { return a + b + c },
	"list":   func(s ...string) []string { return s },
	"join":   func(sep string, s []string) string { return strings.Join(s, sep) },
	"date":   func(layout string, t time.Time) string { return t.Format(layout) },
	"odd":    func(a float64) float64 { return a },
	"number": func() int { return 1 },
}

// Texts that run here say what text/template does; where that has an error, Run gives up.
func TestRunSaysWhatTextTemplateSays(t *testing.T) {
	for _, text := range []string{
		"", "plain", "{{/* comment */}}x", "{{ .Receiver }} {{ .Status }} {{ .ExternalURL }} {{ .NotificationReason }}",
		`{{ .CommonLabels.a }}{{ .CommonLabels.none }}|{{ index .CommonLabels "b" }}{{ index .CommonLabels "none" }}`,
		`{{ .CommonLabels }} {{ .CommonLabels.SortedPairs }} {{ .CommonLabels.Names }} {{ .CommonLabels.Values }} {{ .CommonLabels.String }}`,
		`{{ .CommonLabels.Remove (list "a") }} {{ (.CommonLabels.Remove (list "a")).b }} {{ .CommonLabels.Names.Join "," }}`,
		`{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }};{{ end }}{{ range $k, $v := .CommonLabels }}{{ $k }}{{ $v }}{{ end }}`,
		`{{ range .RouteLabels }}x{{ else }}none {{ .Receiver }}{{ end }}`,
		`{{ range $i, $a := .Alerts }}{{ $i }}{{ $a.Labels.rule }}{{ .Status }}{{ $.Receiver }}{{ end }}`,
		`{{ range $a := .Alerts }}{{ $b := $a.Labels.rule }}{{ if eq $b "one" }}{{ $b = "changed" }}{{ end }}{{ $b }}{{ end }}`,
		`{{ $x := "outer" }}{{ if true }}{{ $x := "inner" }}{{ $x }}{{ end }}{{ $x }}`,
		`{{ $x := "outer" }}{{ range .Alerts }}{{ $x = .Labels.rule }}{{ end }}{{ $x }}`,
		`{{ with $x := .CommonLabels.a }}{{ . }}{{ $x }}{{ else }}{{ $x }}none{{ end }}`,
		`{{ with .CommonLabels.none }}x{{ else with .Receiver }}{{ . }}{{ end }}`,
		`{{ if and .Receiver .CommonLabels.none }}x{{ else if or .CommonLabels.none .Status }}{{ or .CommonLabels.none .Status "z" }}{{ end }}`,
		`{{ and .Receiver "last" }} {{ not .Receiver }} {{ not .CommonLabels.none }} {{ and .Receiver (eq 1 1) }}`,
		`{{ eq .Receiver "x" "r" }}{{ ne 1 2 }}{{ lt 1 2 }}{{ le 2 2 }}{{ gt "a" "b" }}{{ ge "b" "b" }}`,
		`{{ len .Alerts }}{{ len "né" }}{{ len .CommonLabels }}{{ len (slice .Alerts 1) }}{{ len .Alerts.Firing }}{{ len .CommonLabels.SortedPairs }}`,
		`{{ (index .Alerts 1).Labels.rule }}{{ with index .Alerts 0 }}{{ .Fingerprint }}{{ .StartsAt }}{{ .StartsAt.Format "15:04" }}{{ end }}`,
		`{{ slice "abcdef" 2 }} {{ printf "%s %v %d %q" .CommonLabels .Alerts.Resolved 3 "x" }} {{ "a" | printf "%s-%s" "b" }}`,
		`{{ range .Alerts.Resolved }}{{ .EndsAt }} {{ .GeneratorURL }}{{ end }}{{ range .Alerts.Firing }}{{ .Labels.Names }}{{ end }}`,
		`{{ .Receiver | upper }} {{ both "a" "b" }} {{ "b" | both "a" }} {{ three "a" "b" "c" }} {{ join "-" (list "a" "b") }} {{ is "one" }}`,
		`{{ cut 1 "abc" }} {{ any 1 }}{{ any .Alerts }}{{ range .Alerts }}{{ any . }}{{ date "2006" .StartsAt }}{{ end }}`,
		`{{ define "b" }}[{{ . }}{{ $ }}]{{ end }}{{ template "b" .Receiver }}{{ template "b" 1 }}{{ with .Status }}{{ template "b" . }}{{ end }}`,
		`{{ define "v" }}{{ $x := 1 }}{{ $x }}{{ end }}{{ $x := 2 }}{{ template "v" . }}{{ $x }}`,
		`{{ if .StartsAt }}{{ end }}`, `{{ if .CommonLabels }}yes{{ end }}{{ if .RouteLabels }}no{{ end }}{{ if 0 }}no{{ end }}{{ with . }}{{ .Receiver }}{{ end }}`,
		`{{ true }} {{ 12 }} {{ -1 }} {{ "a" }} {{ (printf "x") }}`, `{{ range list "a" "b" }}{{ . }}{{ end }}{{ index (list "a" "b") 1 }}`,
		// errors there
		`{{ .None }}`, `{{ .Receiver.X }}`, `{{ index .Alerts 7 }}`, `{{ range .Receiver }}{{ end }}`, `{{ eq 1 "1" }}`, `{{ lt 1 "2" }}`,
		`{{ cut 5 "abc" }}`, `{{ upper 1 }}`, `{{ cut "1" "abc" }}`, `{{ slice .Alerts 3 }}`, `{{ .CommonLabels.Remove "a" }}`, `{{ .CommonLabels.a "x" }}`,
		`{{ define "r" }}{{ template "r" . }}{{ end }}{{ if .CommonLabels.none }}{{ template "r" . }}{{ end }}ok`, `{{ len 1 }}`, `{{ range .CommonLabels.none }}x{{ end }}`,
		`{{ date "2006" "x" }}`, `{{ join "," "x" }}`, `{{ is 1 }}`, `{{ both "a" 1 }}`, `{{ .CommonLabels.Remove }}`, `{{ "" | slice 1 }}`,
	} {
		of, err := texttemplate.New("t").Option("missingkey=zero").Funcs(testFunctions).Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		p, err := Compile(of, testFunctions)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var want strings.Builder
		failed := of.Execute(&want, sample())
		got, ok := p.Run(sample())
		switch {
		case failed != nil && ok:
			t.Errorf("%s: %q, but text/template says: %v", text, got, failed)
		case failed == nil && !ok:
			t.Errorf("%s: gave up", text)
		case ok && got != want.String():
			t.Errorf("%s: %q, want %q", text, got, want.String())
		}
	}
}

// What may be given up is left to text/template; what is beyond this package is not compiled.
func TestUnknownIsLeft(t *testing.T) {
	for text, compiles := range map[string]bool{
		`{{ .Alerts }}`: true, `{{ . }}`: true, `{{ range 3 }}x{{ end }}`: true, `{{ (index .Alerts 0).StartsAt.Unix }}`: true, `{{ eq true true }}`: true,
		`{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}`: true,
		`{{ template "none" . }}`: false, `{{ define "x" }}{{ end }}{{ template "x" }}`: false, `{{ odd 1.5 }}`: false, `{{ number }}`: false, `{{ html "<" }}`: false,
		`{{ range .Alerts }}{{ break }}{{ end }}`: false, `{{ range .Alerts }}{{ continue }}{{ end }}`: false, `{{ "x" | or "" }}`: false, `{{ 1.5 }}`: false,
		`{{ 'a' }}`: false, `{{ nil | print }}`: false, `{{ upper "a" "b" }}`: false, `{{ eq 1 }}`: false, `{{ not }}`: false, `{{ slice "abc" 1 2 }}`: false,
	} {
		of, err := texttemplate.New("t").Option("missingkey=zero").Funcs(testFunctions).Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		p, err := Compile(of, testFunctions)
		if (err == nil) != compiles {
			t.Errorf("%s: compiles: %v, want %v", text, err, compiles)
			continue
		}
		if err == nil {
			if got, ok := p.Run(sample()); ok {
				t.Errorf("%s: %q, want it given up", text, got)
			}
		}
	}
}
