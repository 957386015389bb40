package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/api"
	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/silence/link"
)

func TestMatchersOfACommand(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string // "" for a mistake
	}{
		"a rule":                       {[]string{"Shadow file read"}, `alertname="Shadow file read"`},
		"a rule and more":              {[]string{"A", "k8s_ns_name=shop", "severity!=critical"}, `alertname="A" k8s_ns_name="shop" severity!="critical"`},
		"blanks that the shell left":   {[]string{"rule=Shadow file read", "pod=~web-.* x"}, `rule="Shadow file read" pod=~"web-.* x"`},
		"quoted as in a configuration": {[]string{`{rule="A b",pod!~"x y"}`}, `rule="A b" pod!~"x y"`},
		"an expression with =":         {[]string{`cmd=~a=b c`}, `cmd=~"a=b c"`},
		"names that need quotes":       {[]string{`"k8s ns"="shop"`}, `"k8s ns"="shop"`},
		"a second rule":                {[]string{"A", "B"}, ""},
		"an expression that is none":   {[]string{"rule=~a("}, ""},
	} {
		ms, err := matchersFrom(c.args)
		if (err != nil) != (c.want == "") || err == nil && matchersOf(ms) != c.want {
			t.Errorf("%s: %s, %v, want %s", name, matchersOf(ms), err, c.want)
		}
	}
}

// The notice of one end is one thing, whoever tells of it; that of another end is another.
func TestNoticeOfASilence(t *testing.T) {
	now := time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)
	s := pipeline.Silence{ID: "7f", CreatedBy: "li.na", Comment: "audit", EndsAt: now.Add(30 * time.Minute), Matchers: []pipeline.Matcher{{Name: "rule", Value: "A", IsEqual: true}}}
	a, b := endingAlert(s, pipeline.Hits{Alerts: 41}, now), endingAlert(s, pipeline.Hits{Alerts: 1}, now.Add(time.Minute))
	if want := `silence 7f by li.na ends in 30m; it kept 41 alerts quiet: rule="A" (audit)`; a.Output != want {
		t.Errorf("output = %q, want %q", a.Output, want)
	}
	if !strings.Contains(b.Output, "kept 1 alert quiet") || a.Fingerprint != b.Fingerprint || a.ID == b.ID {
		t.Errorf("told by another router: %s %s %q, want a repeat of %s", b.Fingerprint, b.ID, b.Output, a.Fingerprint)
	}
	if a.QuietFor < 30*time.Minute || *a.Escalate != 0 || *a.Summary || a.Labels["silence"] != "7f" || a.Labels["hostname"] != "" {
		t.Errorf("alert = %+v, want repeats of it quiet", a)
	}
	s.EndsAt = s.EndsAt.Add(time.Hour)
	if longer := endingAlert(s, pipeline.Hits{}, now); longer.Fingerprint == a.Fingerprint {
		t.Error("the notice of its new end is a repeat of the first")
	}
}

func TestLinksOfAPlan(t *testing.T) {
	told := time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)
	p := &plan{links: &link.Signer{}}
	cfg := &configs.Loaded{Config: configs.Defaults()}
	if p.linksOf(cfg) != nil {
		t.Error("there are links, and nobody knows where to reach us")
	}
	cfg.Render.ExternalURL = "https://t.example/base/"
	links := p.linksOf(cfg)
	if ack, silence := links(7, told); ack != "" || silence != "" {
		t.Errorf("links without a secret: %q, %q", ack, silence)
	}
	p.links.SetSecrets([]byte("0123456789abcdef"))
	ack, silence := links(7, told)
	for purpose, address := range map[string]string{link.Ack: ack, link.Silence: silence} {
		token, ok := strings.CutPrefix(address, "https://t.example/base/"+purpose+"?t=")
		of, until, err := p.links.Read(purpose, token, told)
		if diff := cmp.Diff(told.Add(24*time.Hour), until); !ok || of != 7 || err != nil || diff != "" {
			t.Errorf("%s link %q is for %s until %s, %v", purpose, address, of, until, err)
		}
	}
	cfg.HTTP.Links.Lifetime = 0
	if p.linksOf(cfg) != nil {
		t.Error("there are links that last for no time")
	}
}

// What other people wrote into a silence says nothing to the terminal.
func TestSilencesAreSafeForATerminal(t *testing.T) {
	const evil = "\x1b]0;x\a\u202e\u009b2J\n"
	v := api.SilenceView{Silence: pipeline.Silence{
		ID: "7f" + evil, CreatedBy: "li" + evil, Comment: "c" + evil, Ticket: "t" + evil, EndedWhy: "w" + evil,
		Matchers: []pipeline.Matcher{{Name: "n" + evil, Value: "v" + evil, IsEqual: true}},
	}, State: "active"}
	var out strings.Builder
	if err := errors.Join(silenceTable(&out, []api.SilenceView{v}), silenceText(&out, v)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\a\u202e\u009b") {
		t.Errorf("printed %q", out.String())
	}
	for _, want := range []string{"li]0;x", "c]0;x", `"n\x1b]0;x`, "w]0;x"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed %q, without %q", out.String(), want)
		}
	}
}
