package webhook

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/pipeline"
)

// got is a request that a sink took.
type got struct {
	header http.Header
	body   string
}

// sink takes requests, and answers as status says of the how many-th.
func sink(t *testing.T, status func(n int, body string) int) (base string, all *[]got) {
	t.Helper()
	all = &[]got{}
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n++
		code := status(n, string(body))
		if code < 300 {
			*all = append(*all, got{r.Header, string(body)})
		}
		w.WriteHeader(code)
	}))
	t.Cleanup(s.Close)
	return s.URL, all
}

func ok(int, string) int { return 200 }

func twoAlerts() pipeline.Message {
	m := notifiertest.Message()
	at := time.Date(2026, 11, 26, 3, 0, 0, 123456789, time.UTC)
	m.Alerts = []pipeline.Alert{
		{ID: "u1", Time: at, Rule: "读取 %影子", Priority: pipeline.Critical, Source: "syscall", Hostname: "node 1", Output: "<cat>", Tags: []string{"T1555"},
			OutputFields: pipeline.Fields{"evt.time": json.Number("1764126000123456789"), "fd.name": "/etc/shadow"}},
		{ID: "u2", Time: at, Priority: pipeline.Warning, Source: "prometheus", Labels: map[string]string{"alertname": "HighRate"},
			Annotations: map[string]string{"summary": "too many"}, Stateful: &pipeline.Stateful{StartsAt: at}},
	}
	return m
}

func newHook(t *testing.T, base string, change func(*Config)) *Webhook {
	t.Helper()
	cfg := DefaultConfig()
	cfg.URL = pipeline.Secret(base + "/hook")
	change(&cfg)
	w, err := New(cfg, "oncall", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestFalco(t *testing.T) {
	fail := true
	base, all := sink(t, func(n int, _ string) int {
		if n == 2 && fail {
			return 503
		}
		return 200
	})
	w := newHook(t, base, func(c *Config) { c.Format = "falco" })
	m := twoAlerts()
	if e := notifiertest.Failure(t, w.Notify(t.Context(), m), nil); e.Class != pipeline.Retry {
		t.Fatalf("Notify = %v", e)
	}
	if err := w.Notify(t.Context(), m); err != nil { // only the second
		t.Fatalf("second Notify = %v", err)
	}
	want := []string{
		`{"uuid":"u1","output":"<cat>","priority":"Critical","rule":"读取 %影子","time":"2026-11-26T03:00:00.123456789Z","output_fields":{"evt.time":1764126000123456789,"fd.name":"/etc/shadow"},"source":"syscall","tags":["T1555"],"hostname":"node 1"}`,
		`{"uuid":"u2","output":"too many","priority":"Warning","rule":"HighRate","time":"2026-11-26T03:00:00.123456789Z","output_fields":{"alertname":"HighRate"},"source":"prometheus","tags":[],"hostname":""}`,
	}
	var bodies, ids []string
	for _, g := range *all {
		bodies, ids = append(bodies, g.body), append(ids, g.header.Get("Webhook-Id"))
	}
	if diff := cmp.Diff(want, bodies); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{m.ID + "-1", m.ID + "-2"}, ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

func TestCloudEvents(t *testing.T) {
	for mode, want := range map[string]struct {
		requests int
		types    string
	}{"": {2, "application/cloudevents+json"}, "binary": {2, "application/json"}, "batch": {1, "application/cloudevents-batch+json"}} {
		base, all := sink(t, ok)
		w := newHook(t, base, func(c *Config) { c.Format, c.Mode = "cloudevents", mode })
		if err := w.Notify(t.Context(), twoAlerts()); err != nil {
			t.Fatalf("mode %q: Notify = %v", mode, err)
		}
		if len(*all) != want.requests || (*all)[0].header.Get("Content-Type") != want.types {
			t.Fatalf("mode %q: %d requests of %s, want %+v", mode, len(*all), (*all)[0].header.Get("Content-Type"), want)
		}
		first := (*all)[0]
		event := map[string]any{}
		switch mode {
		case "binary":
			for name := range first.header {
				if attribute, is := strings.CutPrefix(strings.ToLower(name), "ce-"); is {
					event[attribute] = first.header.Get(name)
				}
			}
			if event["rule"] != "%E8%AF%BB%E5%8F%96%20%25%E5%BD%B1%E5%AD%90" {
				t.Errorf("ce-rule = %v, want it percent-encoded", event["rule"])
			}
		case "batch":
			var events []map[string]any
			if err := json.Unmarshal([]byte(first.body), &events); err != nil || len(events) != 2 {
				t.Fatalf("batch %s: %v", first.body, err)
			}
			event = events[0]
		default:
			if err := json.Unmarshal([]byte(first.body), &event); err != nil {
				t.Fatal(err)
			}
		}
		for attribute, value := range map[string]any{
			"specversion": "1.0", "type": "io.tocsin.alert.v1", "source": "/tocsin/node%201", "id": twoAlerts().ID + "-1", "priority": "Critical", "eventsource": "syscall",
		} {
			if mode == "binary" && attribute == "source" {
				value = "/tocsin/node%25201" // the URI is encoded, and the header again
			}
			if event[attribute] != value {
				t.Errorf("mode %q: %s = %v, want %v", mode, attribute, event[attribute], value)
			}
		}
	}
}

// The vector is from the recipe of Standard Webhooks, computed apart from this code.
func TestSigned(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	header := func(cfg Signing) http.Header {
		t.Helper()
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		s, _, err := newSigner(cfg)
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		s.sign(h, "msg_1", time.Unix(1700000000, 0), []byte(`{"a":1}`))
		return h
	}
	const v1 = "v1,YOREwC5BRUvI4ezImQEgEteB7JbPr/Iy2YCZe049/5g="
	if got := header(Signing{SecretFiles: []string{file}}).Get("Webhook-Signature"); got != v1 {
		t.Errorf("standard: %s, want %s", got, v1)
	}
	if got := header(Signing{Secrets: []pipeline.Secret{"old"}, SecretFiles: []string{file}}).Get("Webhook-Signature"); !strings.HasSuffix(got, " "+v1) || strings.Count(got, "v1,") != 2 {
		t.Errorf("with two secrets: %s", got)
	}
	// openssl dgst -sha256 -hmac key
	if got := header(Signing{Scheme: "hmac", Secrets: []pipeline.Secret{"key"}}).Get("X-Hub-Signature-256"); got != "sha256="+hexOf("key", `{"a":1}`) {
		t.Errorf("GitHub's: %s", got)
	}
	h := header(Signing{Scheme: "hmac", Secrets: []pipeline.Secret{"key"}, Header: "X-Sign", Encoding: "base64", Signed: "{timestamp}:{body}", TimestampHeader: "X-Time"})
	if h.Get("X-Time") != "1700000000" || h.Get("X-Sign") == "" || strings.HasPrefix(h.Get("X-Sign"), "sha256=") {
		t.Errorf("of another shape: %v", h)
	}
}

func hexOf(key, body string) string { return fmt.Sprintf("%x", sum([]byte(key), "", []byte(body))) }

// What is signed is what is sent, with the time of the attempt.
func TestSignatureIsOfWhatIsSent(t *testing.T) {
	base, all := sink(t, ok)
	w := newHook(t, base, func(c *Config) { c.Signing = Signing{Secrets: []pipeline.Secret{"planted-secret"}} })
	m := notifiertest.Message()
	if err := w.Notify(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	g := (*all)[0]
	want := http.Header{}
	var at int64
	if _, err := fmt.Sscan(g.header.Get("Webhook-Timestamp"), &at); err != nil {
		t.Fatal(err)
	}
	w.sign.sign(want, m.ID, time.Unix(at, 0), []byte(g.body))
	if got := g.header.Get("Webhook-Signature"); got != want.Get("Webhook-Signature") || got == "" {
		t.Errorf("signature %s, want %s", got, want.Get("Webhook-Signature"))
	}
}

// A payload that is too large goes in halves, as often as it takes, and each half is one the other side can drop again.
func TestTooLarge(t *testing.T) {
	base, all := sink(t, func(_ int, body string) int {
		if strings.Count(body, `"n":`) > 1 {
			return http.StatusRequestEntityTooLarge
		}
		return 200
	})
	w := newHook(t, base, func(*Config) {})
	m := notifiertest.Message()
	m.Payload = []byte(`{"version":"4","alerts":[{"n":1},{"n":2},{"n":3}]}`)
	if err := w.Notify(t.Context(), m); err != nil {
		t.Fatalf("Notify = %v", err)
	}
	var ids []string
	for _, g := range *all {
		ids = append(ids, strings.TrimPrefix(g.header.Get("Webhook-Id"), m.ID))
	}
	if diff := cmp.Diff([]string{"-1", "-2-1", "-2-2"}, ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	// The second half fails: the next attempt sends that alone.
	broken := true
	base, all = sink(t, func(_ int, body string) int {
		switch {
		case strings.Count(body, `"n":`) > 1:
			return http.StatusRequestEntityTooLarge
		case broken && strings.Contains(body, `"n":2`):
			return http.StatusServiceUnavailable
		}
		return 200
	})
	w = newHook(t, base, func(*Config) {})
	m.Payload = []byte(`{"version":"4","alerts":[{"n":1},{"n":2}]}`)
	if e := notifiertest.Failure(t, w.Notify(t.Context(), m), nil); e.Class != pipeline.Retry {
		t.Errorf("with a half that fails: %v", e)
	}
	broken = false
	if err := w.Notify(t.Context(), m); err != nil || len(*all) != 2 {
		t.Errorf("the next attempt: %v, %d requests taken in all, want each half once", err, len(*all))
	}
	m.ID, m.Payload = "single", []byte(`{"version":"4","alerts":[{"n":1,"m":{"n":2}}]}`)
	if e := notifiertest.Failure(t, w.Notify(t.Context(), m), nil); e.Class != pipeline.BadMessage {
		t.Errorf("a single alert that is too large: %v", e)
	}
}

func TestValidateFormats(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"use alertmanager":      func(c *Config) { c.Format = "slack" },
		"of format cloudevents": func(c *Config) { c.Mode = "batch" },
		"structured, binary":    func(c *Config) { c.Format, c.Mode = "cloudevents", "both" },
		"it excludes format":    func(c *Config) { c.Format, c.Payload = "falco", map[string]any{} },
		"there is no secret":    func(c *Config) { c.Signing.Scheme = "hmac" },
		"use standard or hmac":  func(c *Config) { c.Signing = Signing{Scheme: "rsa", Secrets: []pipeline.Secret{"k"}} },
		"of scheme hmac":        func(c *Config) { c.Signing = Signing{Header: "X", Secrets: []pipeline.Secret{"k"}} },
		"{body} has to be in it": func(c *Config) {
			c.Signing = Signing{Scheme: "hmac", Signed: "{id}", Secrets: []pipeline.Secret{"k"}}
		},
	} {
		c := Config{URL: "http://a"}
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want %q", err, want)
		}
	}
}
