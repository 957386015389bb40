package render

import (
	"strings"
	"testing"

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
