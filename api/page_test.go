package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

// pageLinks takes the tokens ack-1 and silence-1, of an alert that is known, and -2 of one that is not.
func pageLinks(external string) *Links {
	return &Links{
		Read: func(purpose, token string, _ time.Time) (pipeline.Fingerprint, time.Time, error) {
			switch {
			case token == "old":
				return 0, day, coded{http.StatusGone, "too late"}
			case token == "away":
				return 0, day, coded{http.StatusServiceUnavailable, "no secret"}
			case token == purpose+"-1":
				return 1, day, nil
			case token == purpose+"-2":
				return 2, day, nil
			}
			return 0, day, coded{http.StatusForbidden, "not ours"}
		},
		Alert: func(_ context.Context, of pipeline.Fingerprint) (pipeline.Alert, bool) {
			return pipeline.Alert{Rule: "Shadow <b>file</b> read", Time: day, Hostname: "node-1", Output: `"><script>alert(1)</script>`, Labels: map[string]string{
				"alertname": "Shadow file read", "priority": "Critical", "k8s_ns_name": "shop", "k8s_pod_name": "web-1", "container_name": "web", "container_id": "3f2a",
			}}, of == 1
		},
		Settings: func() (string, string) { return "zh", external },
	}
}

func startPage(t *testing.T, external string) (string, *fakePeople) {
	people := &fakePeople{}
	return start(t, func(_ *Config, d *Deps) { d.People, d.Links = people, pageLinks(external) }), people
}

// browse sends what a browser does; header are names and values.
func browse(t *testing.T, method, address string, form url.Values, header ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Language", "en-GB,en;q=0.9")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Del(header[i])
		if header[i+1] != "" {
			req.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(page), resp.Header
}

// Chats and mail gateways open links before people do.
func TestOpeningALinkChangesNothing(t *testing.T) {
	base, people := startPage(t, "")
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		for _, path := range []string{"/ack?t=ack-1&by=x", "/silence?t=silence-1&by=x&comment=y&for=4h"} {
			if status, page, _ := browse(t, method, base+path, nil); method == "GET" && (status != 200 || !strings.Contains(page, "<form")) {
				t.Errorf("%s %s = %d %s, want the form", method, path, status, page)
			}
		}
	}
	if len(people.acks)+len(people.silences) > 0 {
		t.Errorf("it acknowledged %v and silenced %v", people.acks, people.silences)
	}
}

func TestTheFormAcknowledges(t *testing.T) {
	base, people := startPage(t, "")
	before := time.Now()
	status, page, _ := browse(t, "POST", base+"/ack", url.Values{"t": {"ack-1"}, "by": {" li.na "}, "comment": {"looking"}, "for": {"24h"}})
	if status != 200 || !strings.Contains(page, "li.na takes care of it until") || strings.Contains(page, "<form") {
		t.Errorf("POST = %d %s", status, page)
	}
	if len(people.acks) != 1 {
		t.Fatalf("acknowledged %v, want one", people.acks)
	}
	a := people.acks[0]
	if a.Fingerprint != 1 || a.By != "li.na" || a.Comment != "looking" || a.Via != "link" || a.Until.Sub(before) < 24*time.Hour || a.Until.Sub(before) > 25*time.Hour {
		t.Errorf("acknowledged %+v", a)
	}
	if status, page, _ = browse(t, "GET", base+"/ack?t=ack-1", nil); status != 200 || !strings.Contains(page, "Taken care of by</dt><dd>li.na looking") {
		t.Errorf("opened again: %d %s, want who did", status, page)
	}
	if status, page, _ = browse(t, "POST", base+"/ack", url.Values{"t": {"ack-2"}, "by": {"x"}, "for": {"4h"}}); status != 200 || len(people.acks) != 2 || !strings.Contains(page, "0000000000000002") {
		t.Errorf("one that is not known: %d %s", status, page)
	}
}

func TestTheFormSilences(t *testing.T) {
	base, people := startPage(t, "")
	form := url.Values{"t": {"silence-1"}, "by": {"li.na"}, "comment": {"maintenance"}, "for": {"1h"}}
	post := func() pipeline.Silence {
		t.Helper()
		people.silences = nil
		if status, page, _ := browse(t, "POST", base+"/silence", form); status != 200 || !strings.Contains(page, "Silenced by li.na until") || len(people.silences) != 1 {
			t.Fatalf("POST = %d %s, silenced %v", status, page, people.silences)
		}
		return people.silences[0]
	}
	exact := post()
	if len(exact.Matchers) != 6 || !exact.Forced || exact.CreatedBy != "li.na" || exact.Comment != "maintenance" {
		t.Errorf("without a scope: %+v, want it for exactly this alert", exact)
	}
	form.Set("scope", "wide")
	wide := post()
	want := []pipeline.Matcher{{Name: "alertname", Value: "Shadow file read", IsEqual: true}, {Name: "container_name", Value: "web", IsEqual: true}, {Name: "k8s_ns_name", Value: "shop", IsEqual: true}}
	if diff := cmp.Diff(want, wide.Matchers); diff != "" || wide.Forced {
		t.Errorf("for the workload, forced %v (-want +got):\n%s", wide.Forced, diff)
	}
	if status, page, _ := browse(t, "GET", base+"/silence?t=silence-2", nil); status != 404 || !strings.Contains(page, "tocsin silence add") || strings.Contains(page, "<form") {
		t.Errorf("of an alert that is not known: %d %s", status, page)
	}
}

func TestWhatThePageRefuses(t *testing.T) {
	good := func(change ...string) url.Values {
		form := url.Values{"t": {"ack-1"}, "by": {"li.na"}, "for": {"4h"}, "comment": {"c"}}
		for i := 0; i < len(change); i += 2 {
			form.Set(change[i], change[i+1])
		}
		return form
	}
	for name, c := range map[string]struct {
		path   string
		form   url.Values
		header []string
		err    error
		status int
		want   string
	}{
		"a forged token":                 {"/ack", good("t", "x"), nil, nil, 403, "not one of ours"},
		"a token for something else":     {"/silence", good(), nil, nil, 403, "not one of ours"},
		"one that has expired":           {"/ack", good("t", "old"), nil, nil, 410, "has expired"},
		"no secret yet":                  {"/ack", good("t", "away"), nil, nil, 503, "store does not answer"},
		"no token":                       {"/ack", url.Values{}, nil, nil, 403, "not one of ours"},
		"a token in the address alone":   {"/ack?t=ack-1&by=x&for=4h", url.Values{}, nil, nil, 403, "not one of ours"},
		"another site's form":            {"/ack", good(), []string{"Sec-Fetch-Site", "cross-site"}, nil, 403, "another page"},
		"another site's, an old browser": {"/ack", good(), []string{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, nil, 403, "another page"},
		"a form that hides its origin":   {"/ack", good(), []string{"Sec-Fetch-Site", "", "Origin", "null"}, nil, 403, "another page"},
		"no name":                        {"/ack", good("by", " "), nil, nil, 400, "who you are"},
		"no reason for a silence":        {"/silence", good("t", "silence-1", "comment", ""), nil, nil, 400, "say why"},
		"another duration":               {"/ack", good("for", "1y"), nil, nil, 400, "<form"},
		"what is refused":                {"/ack", good(), nil, coded{400, "there are too many"}, 400, "there are too many"},
		"a store that is away":           {"/ack", good(), nil, coded{503, "x"}, 503, "store does not answer"},
		"too much":                       {"/ack", good("comment", strings.Repeat("x", 20<<10)), nil, nil, 413, "bytes"},
	} {
		base, people := startPage(t, "https://tocsin.example/base")
		people.err = c.err
		status, page, _ := browse(t, "POST", base+c.path, c.form, c.header...)
		if status != c.status || !strings.Contains(page, c.want) || strings.Contains(page, "takes care") {
			t.Errorf("%s: %d %s, want %d and %q", name, status, page, c.status, c.want)
		}
		if c.err == nil && len(people.acks)+len(people.silences) > 0 {
			t.Errorf("%s: it acknowledged %v and silenced %v", name, people.acks, people.silences)
		}
	}
	base, people := startPage(t, "https://tocsin.example/base")
	if status, page, _ := browse(t, "POST", base+"/ack", good(), "Sec-Fetch-Site", "", "Origin", "https://tocsin.example"); status != 200 || len(people.acks) != 1 {
		t.Errorf("our own page behind a proxy: %d %s", status, page)
	}
}

var styleElement = regexp.MustCompile(`(?s)<style>(.*)</style>`)

// Nothing of an alert becomes markup, nothing is loaded, run or framed, and no other site hears the address.
func TestThePageIsSafe(t *testing.T) {
	base, _ := startPage(t, "")
	for _, path := range []string{"/ack?t=ack-1", "/silence?t=silence-1", "/ack?t=old", "/ack?t=%22%3E%3Cscript%3E"} {
		_, page, header := browse(t, "GET", base+path, nil)
		if strings.Contains(page, "<script") || strings.Contains(page, "<b>") || strings.Contains(page, "://") {
			t.Errorf("%s: markup of an alert's, or something to load:\n%s", path, page)
		}
		style := styleElement.FindStringSubmatch(page)
		sum := sha256.Sum256([]byte(style[1]))
		policy := header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q does not fit the style %q", path, policy, style[1])
		}
		for name, want := range map[string]string{"Referrer-Policy": "same-origin", "Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow", "X-Content-Type-Options": "nosniff"} {
			if header.Get(name) != want {
				t.Errorf("%s: %s: %q, want %q", path, name, header.Get(name), want)
			}
		}
	}
}

func TestThePageNeedsNoLogin(t *testing.T) {
	people, tokens := &fakePeople{}, filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	base := start(t, func(c *Config, d *Deps) {
		c.Auth.TokensFile = tokens
		d.People, d.Links = people, pageLinks("")
	})
	if status, page, _ := browse(t, "GET", base+"/ack?t=ack-1", nil); status != 200 {
		t.Errorf("GET /ack = %d %s", status, page)
	}
	if status, answer, _ := request(t, "GET", base+"/api/v1/silences", ""); status != 401 {
		t.Errorf("GET /api/v1/silences = %d %s, want 401", status, answer)
	}
}

func TestPageLanguage(t *testing.T) {
	for accept, want := range map[string]string{
		"": "zh", "en": "en", "zh-CN,zh;q=0.9,en;q=0.8": "zh", "en-GB, zh;q=0.3": "en", "fr": "zh", "fr,en;q=0.1": "en", "en;q=0": "zh", "EN-us;q=oops": "zh", "zh;q=0.2,en;q=0.5": "en",
	} {
		if got := pageLanguage(accept, "zh"); got != want {
			t.Errorf("pageLanguage(%q) = %s, want %s", accept, got, want)
		}
	}
	if got := pageLanguage("", "tlh"); got != "zh" {
		t.Errorf("a language there is not = %s", got)
	}
	if zh, en := pageTexts["zh"], pageTexts["en"]; len(zh.Durations) != len(pageDurations) || len(en.Durations) != len(pageDurations) {
		t.Errorf("texts of durations: %d, %d, want %d", len(zh.Durations), len(en.Durations), len(pageDurations))
	}
}

func TestWideMatchers(t *testing.T) {
	for name, c := range map[string]struct {
		labels map[string]string
		want   string
	}{
		"in Kubernetes":    {map[string]string{"alertname": "A", "k8s_ns_name": "shop", "container_name": "web", "hostname": "h"}, `alertname="A", container_name="web", k8s_ns_name="shop"`},
		"a container":      {map[string]string{"alertname": "A", "container_name": "web", "hostname": "h"}, `alertname="A", container_name="web", hostname="h"`},
		"a host":           {map[string]string{"alertname": "A", "container_id": "host", "hostname": "h"}, `alertname="A", hostname="h"`},
		"of Prometheus":    {map[string]string{"alertname": "A", "job": "node", "instance": "i"}, `alertname="A", instance="i", job="node"`},
		"without workload": {map[string]string{"alertname": "A", "severity": "critical"}, ""},
		"without a rule":   {map[string]string{"hostname": "h"}, ""},
	} {
		if got := matchersText(wideMatchers(c.labels)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Who uses a link is in the log, as who uses the API is; the link is not.
func TestWhoUsesALinkIsLogged(t *testing.T) {
	var log syncBuffer
	base := start(t, func(_ *Config, d *Deps) {
		d.People, d.Links, d.Log = &fakePeople{}, pageLinks(""), slog.New(slog.NewTextHandler(&log, nil))
	})
	browse(t, "GET", base+"/ack?t=ack-1", nil)
	if log.String() != "" {
		t.Errorf("opening it is logged: %s", log.String())
	}
	browse(t, "POST", base+"/silence", url.Values{"t": {"silence-1"}, "by": {"li.na\nmsg=forged"}, "comment": {"x"}, "for": {"1h"}})
	for _, want := range []string{"what=silence", `who="li.na\nmsg=forged"`, "alert=0000000000000001", "client=127.0.0.1", "request_id="} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has\n%s\nwithout %s", log.String(), want)
		}
	}
	if strings.Contains(log.String(), "silence-1") || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("the log has\n%s\nwant a line, and no token", log.String())
	}
}
