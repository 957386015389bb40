package render

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

// corpus reads what an attacker may write.
func corpus(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../templates/testdata/hostile.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		value, err := strconv.Unquote(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, value)
	}
	return all
}

// filled is a copy of n in which every text of every alert is value; what decides which lines there are stays.
func filled(n pipeline.Notification, value string) pipeline.Notification {
	n.Alerts = slices.Clone(n.Alerts)
	n.Held = slices.Clone(n.Held)
	fill := func(m map[string]string, except ...string) map[string]string {
		m = maps.Clone(m)
		for name := range m {
			if !slices.Contains(except, name) {
				m[name] = value
			}
		}
		return m
	}
	for i := range n.Alerts {
		a := &n.Alerts[i]
		a.Labels = fill(a.Labels, "priority", "severity", "container_id")
		a.Annotations = fill(a.Annotations)
		a.Rule, a.Output, a.Hostname, a.Ancestry = value, value, value, value
		if a.Place != nil {
			a.Place = &pipeline.Place{Address: value, Country: value, City: value, ASOrg: value}
		}
		if a.Owner != nil {
			a.Owner = &pipeline.Owner{Team: value, OnCall: value, Person: value}
		}
		if a.Deployment != nil {
			a.Deployment = &pipeline.Deployment{Version: value, Commit: value, By: value, Link: value, At: a.Deployment.At}
		}
		a.Findings = slices.Clone(a.Findings)
		for j := range a.Findings {
			a.Findings[j].Subject, a.Findings[j].Worst = "resource "+value, []string{value, value}
		}
		if a.Stateful != nil {
			s := *a.Stateful
			s.GeneratorURL, a.Stateful = value, &s
		}
	}
	for i := range n.Held {
		h := &n.Held[i]
		h.By, h.Notes, h.Rules = []string{"7"}, []string{value}, slices.Clone(h.Rules)
		for j := range h.Rules {
			h.Rules[j].Rule, h.Rules[j].Sample = value, value
		}
	}
	n.GroupLabels = fill(n.GroupLabels)
	return n
}

// A message of hostile values has the tags, mentions, links, headings and quotes of one with harmless values, in the same
// order, and no others: for every channel, kind of message and language.
func TestHostileValuesAreText(t *testing.T) {
	values := corpus(t)
	var all []string
	for _, v := range values {
		all = append(all, v, "a"+v+"z", v+v)
	}
	for _, language := range []string{"zh", "en"} {
		r := newRenderer(t, Config{Language: language, TimeZone: "UTC", Links: func(pipeline.Fingerprint, time.Time) (string, string) {
			return "https://tocsin.example/ack?t=x", "https://tocsin.example/silence?t=x"
		}})
		for name, n := range samples() {
			if name == "many alerts" {
				n.Alerts = n.Alerts[:4]
			}
			for _, kind := range []string{templates.WeCom, templates.WeComText, templates.DingTalk, templates.Feishu, templates.FeishuText, templates.Slack, templates.Email} {
				want := structureOf(t, r, filled(n, "x"), kind)
				for _, value := range all {
					if strings.TrimSpace(templates.Clean(value)) == "" {
						continue // such a value is left out, and its line
					}
					if got := structureOf(t, r, filled(n, value), kind); !slices.Equal(got, want) {
						t.Errorf("%s %s, %s, %q (-harmless +hostile):\n%s", kind, language, name, value, cmp.Diff(want, got))
					}
				}
			}
		}
	}
}

func structureOf(t *testing.T, r *Renderer, n pipeline.Notification, kind string) []string {
	t.Helper()
	m, err := r.Render(n, Spec{Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsFunc(m.Title, unicode.IsControl) {
		t.Errorf("%s: the title %q would break out of a header", kind, m.Title)
	}
	all := append(readChat(kind, m.Title), "--")
	switch kind {
	case templates.Email:
		return append(all, readHTML(t, m.HTML)...)
	default:
		return append(all, readChat(kind, m.Body)...)
	}
}

// What each chat acts on; what its clients show as written is left out.
var (
	mentions = `<@[^>\n]*>|(?i:@all|@所有人)`
	markdown = "`[^`\n]*`|\\*\\*|!?\\[[^\\]\\n]*\\]\\([^)\\n]*\\)|(?m:^[ \\t]*(?:#{1,6}[ \\t]|>|={3,}[ \\t]*$|-{3,}[ \\t]*$))|```|</?[a-zA-Z!][^>\\n]*>?"
	chats    = map[string]*regexp.Regexp{
		templates.WeCom:      regexp.MustCompile(mentions + "|" + markdown),
		templates.DingTalk:   regexp.MustCompile(mentions + "|" + markdown),
		templates.Feishu:     regexp.MustCompile(mentions + "|" + markdown),
		templates.WeComText:  regexp.MustCompile(mentions),
		templates.FeishuText: regexp.MustCompile(mentions + `|</?at\b[^>]*>?`),
		templates.Slack:      regexp.MustCompile(`<[^>]*>?`),
		templates.Email:      regexp.MustCompile(`[\r\n]`),
	}
)

// readChat lists what a chat acts on in a text, in order. Code is its being there: what is in it does not matter.
func readChat(kind, text string) []string {
	var all []string
	for _, token := range chats[kind].FindAllString(text, -1) {
		switch {
		case strings.HasPrefix(token, "`"):
			token = "code"
		case strings.HasPrefix(token, "["):
			token = "link to" + token[strings.LastIndex(token, "]("):]
		}
		all = append(all, token)
	}
	return all
}

// readHTML lists elements and their attributes as a browser finds them. Only the addresses of links are an alert's.
func readHTML(t *testing.T, page string) []string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for n := range root.Descendants() {
		switch n.Type {
		case html.CommentNode, html.DoctypeNode, html.ElementNode:
			all = append(all, fmt.Sprint(n.Type, n.Data))
		}
		for _, a := range n.Attr {
			if a.Key == "href" && !strings.HasPrefix(a.Val, "https://tocsin.example/") {
				if scheme, _, _ := strings.Cut(strings.ToLower(a.Val), ":"); scheme == "javascript" || scheme == "data" || scheme == "vbscript" {
					t.Errorf("a link to %q", a.Val)
				}
				a.Val = "an alert's"
			}
			all = append(all, a.Key+"="+a.Val)
		}
	}
	return all
}
