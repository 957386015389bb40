package email

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/pipeline"
)

func TestMailAsReceived(t *testing.T) {
	s := startServer(t, serverOptions{})
	msg := notifiertest.Message()
	msg.Body = "第一行\n.点开头\n" + strings.Repeat("长", 600)
	if err := newMailer(t, s, func(c *Config) { c.Headers = map[string]string{"X-Team": "安全"} }).Notify(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	got := s.taken()[0]
	for line := range strings.SplitSeq(strings.ReplaceAll(got.data, "\r\n", "\n"), "\n") {
		if len(line) > 998 {
			t.Errorf("a line has %d octets: %.60s…", len(line), line)
		}
	}
	parsed, err := netmail.ReadMessage(strings.NewReader(got.data))
	if err != nil {
		t.Fatalf("the mail cannot be parsed: %v\n%s", err, got.data)
	}
	header := func(name string) string {
		v, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get(name))
		if err != nil {
			t.Errorf("header %s: %v", name, err)
		}
		return v
	}
	for name, want := range map[string]string{
		"Subject": msg.Title, "Auto-Submitted": "auto-generated", "X-Team": "安全", "Mime-Version": "1.0",
		"From": `tocsin 告警 <tocsin@example.org>`, "Message-Id": "<" + messageID(msg.ID, "a@example.org") + ">",
	} {
		if h := strings.ReplaceAll(header(name), `"`, ""); h != want {
			t.Errorf("%s = %q, want %q", name, h, want)
		}
	}
	if to, err := parsed.Header.AddressList("To"); err != nil || len(to) != 2 {
		t.Errorf("To = %v, %v, want two addresses", to, err)
	}
	types, bodies := parts(t, parsed)
	if diff := cmp.Diff([]string{"text/plain", "text/html"}, types); diff != "" {
		t.Errorf("alternatives (-want +got):\n%s", diff)
	}
	if text := strings.ReplaceAll(bodies[0], "\r\n", "\n"); strings.TrimSpace(text) != msg.Body {
		t.Errorf("text part = %q, want %q", text, msg.Body)
	}
	if !strings.Contains(bodies[1], msg.HTML) {
		t.Errorf("HTML part = %q, want %q", bodies[1], msg.HTML)
	}
}

// parts decodes the alternatives of a mail.
func parts(t *testing.T, m *netmail.Message) (types, bodies []string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type = %q, %v, want multipart/alternative", kind, err)
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return types, bodies
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, params, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil || !strings.EqualFold(params["charset"], "utf-8") {
			t.Errorf("part's Content-Type %q: %v, want UTF-8", p.Header.Get("Content-Type"), err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		types, bodies = append(types, kind), append(bodies, string(body))
	}
}

func TestNotifyRefusesAHeaderInjection(t *testing.T) {
	s := startServer(t, serverOptions{})
	m := notifiertest.Message()
	m.Title = "alarm\r\nBcc: thief@example.net"
	if e := notifiertest.Failure(t, newMailer(t, s, nil).Notify(t.Context(), m), nil); e.Class != pipeline.BadMessage {
		t.Errorf("Notify = %v, want bad_message", e)
	}
	if got := s.taken(); len(got) != 0 {
		t.Errorf("the mail was sent: %s", got[0].data)
	}
}

func TestMessageIDIsStable(t *testing.T) {
	if a, b := messageID("d1", "x@example.org"), messageID("d1", "y@example.org"); a != b || !strings.HasSuffix(a, "@example.org") {
		t.Errorf("messageID = %q and %q, want the same at example.org", a, b)
	}
	if messageID("d1", "x@a") == messageID("d2", "x@a") {
		t.Error("two deliveries share a Message-ID")
	}
}
