package slack

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/pipeline"
)

const key = "T0BCDEFGH/B0ABCDEFGHI/XyZ0123456789abcdefghijk"

func newWebhook(t *testing.T, base string, change func(*Config)) *Webhook {
	t.Helper()
	cfg := Config{APIURL: pipeline.Secret(base + "/services/" + key)}
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
		Secrets: []string{"XyZ0123456789abcdefghijk"},
		Success: "ok",
		Robot:   true,
		Fits: func(body string) error {
			var r request
			if err := json.Unmarshal([]byte(body), &r); err != nil {
				return err
			}
			if n := len(r.Attachments[0].Text); n > maxText {
				return fmt.Errorf("%d bytes of text", n)
			}
			return nil
		},
	})
}

// serve takes every message with an answer and keeps them.
func serve(t *testing.T, status int, answer string) (base string, got *[]request) {
	t.Helper()
	got = &[]request{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m request
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Errorf("the body is no JSON: %v", err)
		}
		*got = append(*got, m)
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "7")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func TestRequest(t *testing.T) {
	base, got := serve(t, 200, "ok")
	w := newWebhook(t, base, func(c *Config) {
		c.Channel, c.Username, c.IconEmoji, c.TitleLink = "#sec", "tocsin", ":rotating_light:", "https://runbooks.example"
	})
	m := notifiertest.Message()
	m.Worst = pipeline.Warning
	if err := w.Notify(t.Context(), m); err != nil {
		t.Fatalf("Notify = %v", err)
	}
	want := []request{{Channel: "#sec", Username: "tocsin", IconEmoji: ":rotating_light:", Attachments: []attachment{{
		Fallback: m.Title, Color: "warning", Title: m.Title, TitleLink: "https://runbooks.example", Text: m.Body, Markup: []string{"text"},
	}}}}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("posted (-want +got):\n%s", diff)
	}
}

func TestAnswers(t *testing.T) {
	type want struct {
		class pipeline.DeliveryClass
		after time.Duration
	}
	for answer, c := range map[string]struct {
		status int
		want   want
	}{
		"invalid_payload": {400, want{pipeline.BadMessage, 0}}, "no_service": {404, want{pipeline.ChannelDown, 0}},
		"action_prohibited": {403, want{pipeline.ChannelDown, 0}}, "channel_is_archived": {410, want{pipeline.ChannelDown, 0}},
		"rollup_error": {500, want{pipeline.Retry, 0}}, "rate_limited": {429, want{pipeline.Retry, 7 * time.Second}},
		"<html>a proxy</html>": {200, want{pipeline.Retry, 0}}, `{"success":false}`: {200, want{pipeline.Retry, 0}},
	} {
		base, _ := serve(t, c.status, answer)
		e := notifiertest.Failure(t, newWebhook(t, base, nil).Notify(t.Context(), notifiertest.Message()), []string{"XyZ0123456789abcdefghijk"})
		if e.Class != c.want.class || e.RetryAfter != c.want.after {
			t.Errorf("%d %s = %v after %v, want %v after %v", c.status, answer, e.Class, e.RetryAfter, c.want.class, c.want.after)
		}
	}
	base, _ := serve(t, 200, `{"success":true}`)
	if err := newWebhook(t, base, nil).Notify(t.Context(), notifiertest.Message()); err != nil {
		t.Errorf("Notify with Rocket.Chat's answer = %v", err)
	}
}

func TestLongTextsGoInParts(t *testing.T) {
	base, got := serve(t, 200, "ok")
	w := newWebhook(t, base, nil)
	m := notifiertest.Message()
	m.Body = strings.Repeat("很长的文字。", 300)
	if err := w.Notify(t.Context(), m); err != nil || len(*got) != 2 || w.Cost(m) != 2 {
		t.Errorf("Notify = %v with %d parts at a cost of %d, want 2", err, len(*got), w.Cost(m))
	}
}

func TestIdentity(t *testing.T) {
	one, other := newWebhook(t, "http://a", nil), newWebhook(t, "http://proxy", func(c *Config) { c.Channel = "#b" })
	if one.ID() == other.ID() || one.Robot() != other.Robot() {
		t.Errorf("IDs %s, %s, want two; quotas of %s, %s, want one", one.ID(), other.ID(), one.Robot(), other.Robot())
	}
}

func TestValidate(t *testing.T) {
	for want, c := range map[string]Config{
		"api_url is missing": {}, "only one": {APIURL: "http://a", APIURLFile: "f"}, "absolute http": {APIURL: "hooks.slack.com/x"},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want %q", err, want)
		}
	}
	if err := (Config{}).Merge(Global{APIURLFile: "f"}).Validate(); err != nil {
		t.Errorf("with the global address: %v", err)
	}
}
