package render

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

// What may be a repeat says so where people look first, in every text there is; what is none says nothing.
func TestARepeatIsMarked(t *testing.T) {
	for language, mark := range map[string]string{"zh": "（可能重复）", "en": "(may be a repeat)"} {
		r := newRenderer(t, Config{Language: language})
		for kind := range kinds {
			n := samples()["many alerts"]
			for _, again := range []bool{false, true} {
				n.Again, n.Attempt = again, 2
				m, err := r.Render(n, Spec{Kind: kind})
				if err != nil {
					t.Fatal(err)
				}
				if m.Again != again || m.Attempt != 2 {
					t.Errorf("%s: Again %v, Attempt %d", kind, m.Again, m.Attempt)
				}
				first, _, _ := strings.Cut(m.Body, "\n")
				for part, text := range map[string]string{"title": m.Title, "first line": first, "html": m.HTML} {
					if text != "" && strings.Contains(text, mark) != again {
						t.Errorf("%s %s, again %v: %q", kind, part, again, text)
					}
				}
			}
		}
	}
}

// The mark is in the title however long that is, and a line break in markup stays one.
func TestAMarkIsNotCutOff(t *testing.T) {
	n := samples()["one alert"]
	n.Again = true
	m, err := newRenderer(t, Config{Language: "en"}).Render(n, Spec{Kind: templates.DingTalk, Title: strings.Repeat("long ", 200), Body: "one\ntwo"})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Title) > maxTitle || !strings.HasSuffix(m.Title, "(may be a repeat)") {
		t.Errorf("title of %d bytes: %q", len(m.Title), m.Title)
	}
	if m.Body != "one (may be a repeat)  \ntwo" {
		t.Errorf("body %q", m.Body)
	}
}

// A step of an escalation says so where people look first, and who is to act; names are no markup.
func TestAnEscalationIsMarked(t *testing.T) {
	labels := map[string]string{pipeline.Escalation: "critical", pipeline.EscalationStep: "1/2"}
	for _, c := range []struct{ language, people, want string }{
		{"zh", "", "（升级 1/2：无人确认）"},
		{"zh", "李娜", "（升级 1/2：无人确认，请 李娜 处理）"},
		{"en", "Li Na", " (escalation 1/2: not acknowledged; Li Na, please)"},
	} {
		if labels[pipeline.EscalationPeople] = c.people; c.people == "" {
			delete(labels, pipeline.EscalationPeople)
		}
		r := newRenderer(t, Config{Language: c.language})
		for kind := range kinds {
			for name, marked := range map[string]bool{"fires": true, "is over": false} {
				n := samples()["one alert"]
				n.RouteLabels = labels
				if !marked {
					n.Alerts = slices.Clone(n.Alerts)
					n.Alerts[0].Stateful = &pipeline.Stateful{StartsAt: n.CreatedAt.Add(-time.Hour), EndsAt: n.CreatedAt.Add(-time.Minute)}
				}
				m, err := r.Render(n, Spec{Kind: kind})
				if err != nil {
					t.Fatal(err)
				}
				first, _, _ := strings.Cut(m.Body, "\n")
				for part, text := range map[string]string{"title": m.Title, "first line": first} {
					if text != "" && strings.Contains(text, c.want) != marked {
						t.Errorf("%s %s of what %s: %q, want %q there: %v", kind, part, name, text, c.want, marked)
					}
				}
			}
		}
	}
	labels[pipeline.EscalationPeople] = "<font color=\"warning\">x"
	m, err := newRenderer(t, Config{}).Render(pipeline.Notification{Alerts: samples()["one alert"].Alerts, RouteLabels: labels}, Spec{Kind: templates.WeCom})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(m.Body, "<font color=\"warning\">x") {
		t.Errorf("a name is markup: %q", m.Body)
	}
}
