package render

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

func newRenderer(t testing.TB, cfg Config) *Renderer {
	t.Helper()
	r, err := New(cfg, ".")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRenderFillsTheMessage(t *testing.T) {
	n := samples()["many alerts"]
	m, err := newRenderer(t, Config{}).Render(n, Spec{Kind: templates.Webhook})
	if err != nil {
		t.Fatal(err)
	}
	if m.ID != n.ID || m.Receiver != n.Receiver || m.Kind != templates.Webhook || m.Worst != pipeline.Emergency || len(m.Alerts) != len(n.Alerts) {
		t.Errorf("Render = %q for %q, kind %q, worst %v, %d alerts", m.ID, m.Receiver, m.Kind, m.Worst, len(m.Alerts))
	}
}

func TestRenderUsesTheReceiversTemplates(t *testing.T) {
	m, err := newRenderer(t, Config{TimeZone: "UTC"}).Render(samples()["one alert"], Spec{
		Kind:  templates.Email,
		Title: "{{ .Alerts | len }} alert\n of {{ .CommonLabels.rule }}",
		Body:  "{{ range .Alerts }}{{ .Labels.object }} ×{{ .Annotations.count }} at {{ .StartsAt | date \"15:04\" }}{{ end }}\n\n\n\n end",
		HTML:  "<i>{{ .CommonAnnotations.output }}</i>",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{m.Title, m.Body, m.HTML}
	want := []string{"1 alert of Sample rule", "/etc/shadow ×37 at 02:00\n\n end", "<i>sample output</i>"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("title, body and HTML (-want +got):\n%s", diff)
	}
}

func TestMessagesSayWhatTheMetadataLacked(t *testing.T) {
	for enrichment, want := range map[string]string{
		pipeline.Partial: "Incomplete: container metadata did not arrive.",
		pipeline.Late:    "Container metadata came late; with it the rule does not hold: this may be a false alarm.",
		"":               "Deduplication is down: this may be a repeat. Kernel",
	} {
		n := samples()["one alert"]
		n.Alerts[0].Enrichment = enrichment
		m, err := newRenderer(t, Config{Language: "en"}).Render(n, Spec{Kind: templates.WeCom})
		if err != nil || !strings.Contains(m.Body, want) || strings.Contains(m.Body, "ontainer metadata") != (enrichment != "") {
			t.Errorf("enrichment %q: %q, %v, want %q", enrichment, m.Body, err, want)
		}
	}
}

func TestTemplatesSeeWhatAWindowShows(t *testing.T) {
	n := samples()["one alert"]
	a := &n.Alerts[0]
	a.Unjudged = &pipeline.Unjudged{Observation: pipeline.Observation{Window: &pipeline.Window{Distinct: 2}}}
	a.Show(pipeline.Sight{Count: 11, Distinct: 3, Values: []string{"22", "80"}}, false)
	m, err := newRenderer(t, Config{}).Render(n, Spec{Kind: templates.Email, Title: "t", HTML: "h",
		Body: "{{ range .Alerts }}{{ .Annotations.window_count }} of {{ .Annotations.window_distinct }}: {{ .Annotations.window_values }}{{ end }}"})
	if want := "11 of 3: 22, 80"; err != nil || m.Body != want {
		t.Errorf("Render = %q, %v, want %q", m.Body, err, want)
	}
}

func TestRenderFallsBackWithANote(t *testing.T) {
	r := newRenderer(t, Config{})
	for name, spec := range map[string]Spec{
		"a template that fails at run time": {Kind: templates.WeCom, Body: "{{ index .Alerts 7 }}"},
		"a template that panics":            {Kind: templates.DingTalk, Body: `{{ reReplaceAll "(" "" "x" }}`},
		"a template without a text":         {Kind: templates.WeComText, Body: "{{ if false }}x{{ end }}"},
		"a template that is none":           {Kind: templates.Email, Body: "{{ if }}"},
		"a title without a text":            {Kind: templates.DingTalk, Title: "{{ if false }}x{{ end }}"},
		"a title that fails":                {Kind: templates.DingTalk, Title: "{{ .NoSuchField }}"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := r.Render(samples()["one alert"], spec)
			if err != nil {
				t.Fatalf("Render = %v, want the built-in text", err)
			}
			if !strings.Contains(m.Body, "自定义模板出错") || !strings.Contains(m.Body, "/etc/shadow") || m.Title == "" {
				t.Errorf("Render = %q, %q, want the built-in text with a note", m.Title, m.Body)
			}
			if strings.Contains(m.Body, "<index") {
				t.Errorf("the note holds a tag: %s", m.Body)
			}
			if spec.Kind == templates.Email && !strings.Contains(m.HTML, "自定义模板出错") {
				t.Errorf("the HTML part has no note: %s", m.HTML)
			}
			if err := r.Check(spec); err == nil {
				t.Error("Check = nil, want the same error at load")
			}
		})
	}
}

func TestNoteCannotCarryMarkup(t *testing.T) {
	n := samples()["one alert"]
	n.Alerts[0].Labels["rule"] = "<@all>`"
	m, err := newRenderer(t, Config{Language: "en"}).Render(n, Spec{Kind: templates.WeCom, Body: "{{ localTime .CommonLabels.rule }}"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.Body, "template failed") || strings.Contains(m.Body, "<@") {
		t.Errorf("Render = %s, want a note without a mention", m.Body)
	}
}

func TestUserFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("mine.tmpl", `{{ define "mine" }}mine: {{ .Status }}{{ end }}{{ define "wecom.zh.body" }}own body{{ end }}`)
	r, err := New(Config{Files: []string{"*.tmpl"}}, dir)
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]string{templates.WeCom: "own body", templates.DingTalk: "mine: firing"} {
		spec := Spec{Kind: kind}
		if kind == templates.DingTalk {
			spec.Body = `{{ template "mine" . }}`
		}
		if m, err := r.Render(samples()["one alert"], spec); err != nil || m.Body != want {
			t.Errorf("%s: Render = %q, %v, want %q", kind, m.Body, err, want)
		}
	}
	write("mine.tmpl", `{{ define "wecom.zh.body" }}{{ index .Alerts 7 }}{{ end }}`)
	if _, err := New(Config{Files: []string{"*.tmpl"}}, dir); err == nil || !strings.Contains(err.Error(), "mine.tmpl:1") {
		t.Errorf("New with a replaced block that fails = %v, want its position", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"an unknown language": {Config{Language: "fr"}, "zh or en"},
		"an unknown zone":     {Config{TimeZone: "Mars/Olympus"}, "time_zone"},
		"a relative address":  {Config{ExternalURL: "tocsin.example"}, "external_url"},
		"a missing file":      {Config{Files: []string{"missing.tmpl"}}, "missing.tmpl"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.cfg, ".")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestCheckRefuses(t *testing.T) {
	r := newRenderer(t, Config{})
	for name, c := range map[string]struct {
		spec Spec
		want string
	}{
		"an unknown kind":     {Spec{Kind: "pager"}, "unknown kind"},
		"an unknown function": {Spec{Kind: templates.WeCom, Body: "one\n{{ nosuch }}"}, "wecom body:2"},
		"an unknown block":    {Spec{Kind: templates.WeCom, Body: `{{ template "nosuch" . }}`}, "nosuch"},
		"HTML for a robot":    {Spec{Kind: templates.DingTalk, HTML: "x"}, "no html"},
		"a text for a stream": {Spec{Kind: templates.Stdout, Body: "x"}, "no body"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := r.Check(c.spec); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Check = %v, want an error with %q", err, c.want)
			}
		})
	}
	if _, err := r.Render(pipeline.Notification{ID: "d1"}, Spec{Kind: templates.WeCom}); err == nil {
		t.Error("Render of no alerts = nil")
	}
	if _, err := r.Render(samples()["one alert"], Spec{Kind: "pager"}); err == nil {
		t.Error("Render for an unknown kind = nil")
	}
}

func TestRenderConcurrently(t *testing.T) {
	r := newRenderer(t, Config{})
	var wg sync.WaitGroup
	for kind := range kinds {
		for range 4 {
			wg.Go(func() {
				for _, n := range samples() {
					if _, err := r.Render(n, Spec{Kind: kind}); err != nil {
						t.Errorf("Render for %s: %v", kind, err)
					}
				}
			})
		}
	}
	wg.Wait()
}

func BenchmarkRender(b *testing.B) {
	r := newRenderer(b, Config{TimeZone: "Asia/Shanghai"})
	n := samples()["one alert"]
	for _, kind := range []string{templates.WeCom, templates.DingTalk, templates.Email, templates.Webhook} {
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Render(n, Spec{Kind: kind}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
