package webhook

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	pathToken = "T0AAAAAAA-path-token-of-a-chat-service"
	password  = "correct horse battery"
)

func newWebhook(t *testing.T, base string, change func(*Config)) *Webhook {
	t.Helper()
	cfg := DefaultConfig()
	cfg.URL = pipeline.Secret(base + "/services/" + pathToken + "?token=querytoken")
	cfg.HTTPConfig.BasicAuth = &notifiers.BasicAuth{Username: "tocsin", Password: password}
	if change != nil {
		change(&cfg)
	}
	w, err := New(cfg, "oncall", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestContract(t *testing.T) {
	notifiertest.RunHTTP(t, notifiertest.HTTP{
		New:     func(t *testing.T, base string) pipeline.Notifier { return newWebhook(t, base, nil) },
		Secrets: []string{pathToken, "querytoken", password},
		Success: "ok",
	})
}

func TestNotifyHeaders(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"basic_auth": {nil, "Basic dG9jc2luOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ=="},
		"authorization": {func(c *Config) {
			c.HTTPConfig = notifiers.HTTPConfig{Authorization: &notifiers.Authorization{Credentials: "abc"}}
		}, "Bearer abc"},
		"none": {func(c *Config) { c.HTTPConfig = notifiers.HTTPConfig{} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan http.Header, 1)
			s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }))
			defer s.Close()
			m := notifiertest.Message()
			if err := newWebhook(t, s.URL, c.change).Notify(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			h := <-got
			if h.Get("Authorization") != c.want || h.Get("Webhook-Id") != m.ID {
				t.Errorf("Authorization %q, Webhook-Id %q, want %q, %q", h.Get("Authorization"), h.Get("Webhook-Id"), c.want, m.ID)
			}
		})
	}
}

// A post says which attempt it is, and whether the other side may have it already.
func TestNotifySaysThatItMayBeARepeat(t *testing.T) {
	got := make(chan http.Header, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }))
	defer s.Close()
	w := newWebhook(t, s.URL, nil)
	for _, c := range []struct {
		attempt        int
		again          bool
		number, header string
	}{{1, false, "1", ""}, {2, false, "2", ""}, {3, true, "3", "true"}, {0, false, "", ""}} {
		m := notifiertest.Message()
		m.Attempt, m.Again = c.attempt, c.again
		before := time.Now().Unix()
		if err := w.Notify(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		h := <-got
		at, err := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
		if err != nil || at < before || at > time.Now().Unix() {
			t.Errorf("Webhook-Timestamp %q: %v, want now", h.Get("Webhook-Timestamp"), err)
		}
		if h.Get("Tocsin-Delivery-Attempt") != c.number || h.Get("Tocsin-Again") != c.header {
			t.Errorf("attempt %d, again %v: Tocsin-Delivery-Attempt %q, Tocsin-Again %q", c.attempt, c.again, h.Get("Tocsin-Delivery-Attempt"), h.Get("Tocsin-Again"))
		}
	}
}

func TestNotifyMaxAlerts(t *testing.T) {
	const payload = `{"version":"4","truncatedAlerts":0,"alerts":[{"n":1.00},{"n":2},{"n":3}],"status":"firing"}`
	for name, c := range map[string]struct {
		most int
		want string
	}{
		"0 means all":            {0, payload},
		"as many as there are":   {3, payload},
		"fewer keeps the first":  {1, `{"alerts":[{"n":1.00}],"status":"firing","truncatedAlerts":2,"version":"4"}`},
		"more than there are is": {9, payload},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 1)
			s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got <- string(body)
			}))
			defer s.Close()
			m := notifiertest.Message()
			m.Payload = []byte(payload)
			w := newWebhook(t, s.URL, func(cfg *Config) { cfg.MaxAlerts = c.most })
			if err := w.Notify(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, <-got); diff != "" {
				t.Errorf("payload (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotifyRefusesABrokenPayload(t *testing.T) {
	m := notifiertest.Message()
	m.Payload = json.RawMessage(`{"alerts":`)
	w := newWebhook(t, "http://127.0.0.1:1", func(c *Config) { c.MaxAlerts = 1 })
	if e := notifiertest.Failure(t, w.Notify(t.Context(), m), nil); e.Class != pipeline.BadMessage {
		t.Errorf("Notify = %v, want bad_message", e)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	strict := newWebhook(t, s.URL, nil)
	if e := notifiertest.Failure(t, strict.Notify(t.Context(), notifiertest.Message()), []string{pathToken}); e.Class != pipeline.ChannelDown {
		t.Errorf("Notify to an unknown certificate = %v, want channel_down", e)
	}
	lax := newWebhook(t, s.URL, func(c *Config) { c.HTTPConfig.TLSConfig.InsecureSkipVerify = true })
	if err := lax.Notify(t.Context(), notifiertest.Message()); err != nil {
		t.Errorf("Notify without verification = %v", err)
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"no address":         {Config{}, "url is missing"},
		"negative limit":     {Config{URL: "http://a", MaxAlerts: -1}, "max_alerts"},
		"half a certificate": {Config{URL: "http://a", HTTPConfig: notifiers.HTTPConfig{TLSConfig: notifiers.TLSConfig{CertFile: "c"}}}, "go together"},
		"two logins": {Config{URL: "http://a", HTTPConfig: notifiers.HTTPConfig{
			BasicAuth: &notifiers.BasicAuth{}, Authorization: &notifiers.Authorization{},
		}}, "exclude"},
		"two passwords": {Config{URL: "http://a", HTTPConfig: notifiers.HTTPConfig{
			BasicAuth: &notifiers.BasicAuth{Password: "a", PasswordFile: "b"},
		}}, "only one"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Validate = %v, want an error with %q", err, c.want)
			}
		})
	}
}

func BenchmarkNotify(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer s.Close()
	cfg := DefaultConfig()
	cfg.URL = pipeline.Secret(s.URL)
	w, err := New(cfg, "oncall", slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	m := notifiertest.Message()
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Notify(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}
