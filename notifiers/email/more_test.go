package email

import (
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/pipeline"
)

func parse(t *testing.T, data string) *netmail.Message {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatalf("the mail cannot be parsed: %v\n%s", err, data)
	}
	return m
}

// Mails of a group answer the same mail that never was, each with an id of its own.
func TestThreading(t *testing.T) {
	for name, c := range map[string]struct {
		threading Threading
		same      bool // the next day
	}{"daily": {Threading{Enabled: true}, false}, "for all time": {Threading{Enabled: true, ThreadByDate: "none"}, true}} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, serverOptions{})
			m := newMailer(t, s, func(c2 *Config) { c2.Threading = c.threading })
			now := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
			m.now = func() time.Time { return now }
			send := func(id, group string) *netmail.Message {
				t.Helper()
				msg := notifiertest.Message()
				msg.ID, msg.GroupKey = id, group
				if err := m.Notify(t.Context(), msg); err != nil {
					t.Fatal(err)
				}
				mails := s.taken()
				return parse(t, mails[len(mails)-1].data)
			}
			one, two, other := send("1", "g"), send("2", "g"), send("3", "h")
			now = now.Add(24 * time.Hour)
			later := send("4", "g")
			root := one.Header.Get("References")
			if !strings.HasPrefix(root, "<group-") || root != one.Header.Get("In-Reply-To") || root != two.Header.Get("References") {
				t.Errorf("References %q and %q, want the same, and In-Reply-To too", root, two.Header.Get("References"))
			}
			if one.Header.Get("Message-Id") == two.Header.Get("Message-Id") || root == other.Header.Get("References") {
				t.Error("two mails have one id, or two groups one conversation")
			}
			if same := later.Header.Get("References") == root; same != c.same {
				t.Errorf("the next day the conversation is the same: %v, want %v", same, c.same)
			}
			if id := one.Header.Get("List-Id"); id != "<oncall.tocsin.example.org>" {
				t.Errorf("List-Id = %q", id)
			}
		})
	}
	s := startServer(t, serverOptions{})
	msg := notifiertest.Message()
	msg.GroupKey = "g"
	if err := newMailer(t, s, nil).Notify(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	if h := parse(t, s.taken()[0].data).Header; h.Get("References") != "" {
		t.Errorf("without threading References = %q", h.Get("References"))
	}
}

// attachments are the files of a mail by name.
func attachments(t *testing.T, m *netmail.Message) map[string]string {
	t.Helper()
	files := map[string]string{}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.FileName() != "" {
			content, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, p))
			if err != nil {
				t.Fatal(err)
			}
			files[p.FileName()] = string(content)
		}
	}
}

func evilAlert() pipeline.Alert {
	return pipeline.Alert{
		ID: "u1", Time: time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC), Rule: "影子", Priority: pipeline.Critical, Hostname: "node-1",
		Output: "=HYPERLINK(\"http://evil.example\"),\r\nx", Labels: map[string]string{"k8s_pod_name": "@api", "object": "/etc/shadow"},
		Annotations: map[string]string{"proc_cmdline": "+1-1"},
	}
}

func TestAttachments(t *testing.T) {
	s := startServer(t, serverOptions{})
	m := newMailer(t, s, func(c *Config) { c.Attach = []string{"json", "csv"} })
	msg := notifiertest.Message()
	msg.Alerts = []pipeline.Alert{evilAlert(), evilAlert()}
	if err := m.Notify(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	files := attachments(t, parse(t, s.taken()[0].data))
	var first struct{ Output string }
	lines := strings.Split(strings.TrimSpace(files["alerts.json"]), "\n")
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || len(lines) != 2 || first.Output != evilAlert().Output {
		t.Errorf("alerts.json = %q, %v", files["alerts.json"], err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(files["alerts.csv"], "\uFEFF"))).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("alerts.csv = %q, %v", files["alerts.csv"], err)
	}
	value := func(column string) string { return rows[1][slices.Index(rows[0], column)] }
	for column, want := range map[string]string{
		"rule": "影子", "pod": "'@api", "object": "/etc/shadow", "command": "'+1-1", "priority": "Critical", "count": "1",
	} {
		if got := value(column); got != want {
			t.Errorf("%s = %q, want %q", column, got, want)
		}
	}
	if got := value("output"); !strings.HasPrefix(got, "'=HYPERLINK") {
		t.Errorf("output = %q, want no formula", got)
	}
}

// A mail that is too large goes without its files, once.
func TestTooLarge(t *testing.T) {
	n := 0
	s := startServer(t, serverOptions{fail: func(step string) error {
		if step != "DATA" {
			return nil
		}
		if n++; n == 1 {
			return &smtp.SMTPError{Code: 552, Message: "message size exceeds fixed limit"}
		}
		return nil
	}})
	m := newMailer(t, s, func(c *Config) { c.Attach = []string{"csv"} })
	if err := m.Notify(t.Context(), notifiertest.Message()); err != nil {
		t.Fatalf("Notify = %v", err)
	}
	if mails := s.taken(); len(mails) != 1 || strings.Contains(mails[0].data, "alerts.csv") {
		t.Errorf("%d mails, want one without files", len(mails))
	}
	n = 0
	if e := notifiertest.Failure(t, newMailer(t, s, nil).Notify(t.Context(), notifiertest.Message()), nil); e.Class != pipeline.BadMessage {
		t.Errorf("without files: %v, want a bad message", e)
	}
}

func TestCRAMMD5(t *testing.T) {
	s := startServer(t, serverOptions{auth: []string{"CRAM-MD5"}})
	m := newMailer(t, s, func(c *Config) { c.AuthUsername, c.AuthSecret = user, password })
	if err := m.Notify(t.Context(), notifiertest.Message()); err != nil {
		t.Fatalf("Notify = %v", err)
	}
	m = newMailer(t, s, func(c *Config) { c.AuthUsername, c.AuthSecret = user, "planted-secret" })
	if e := notifiertest.Failure(t, m.Notify(t.Context(), notifiertest.Message()), []string{"planted-secret"}); e.Class != pipeline.ChannelDown {
		t.Errorf("with another secret: %v", e)
	}
}

// A token is fetched once, and another one after the server refused it.
func TestXOAUTH2(t *testing.T) {
	given := 0
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		given++
		fmt.Fprintf(w, `{"access_token":"planted-token-%d","expires_in":3600}`, given)
	}))
	t.Cleanup(login.Close)
	good := 1
	s := startServer(t, serverOptions{auth: []string{"XOAUTH2"}, tokens: func() string { return fmt.Sprint("planted-token-", good) }})
	m := newMailer(t, s, func(c *Config) {
		c.AuthUsername = user
		c.AuthOAuth2 = &notifiers.OAuth2{ClientID: "id", ClientSecret: "planted-client-secret", TokenURL: login.URL}
	})
	send := func(id string) error {
		msg := notifiertest.Message()
		msg.ID = id
		return m.Notify(t.Context(), msg)
	}
	for _, id := range []string{"1", "2"} {
		if err := send(id); err != nil {
			t.Fatalf("Notify = %v", err)
		}
	}
	if given != 1 {
		t.Errorf("%d tokens for two mails, want one", given)
	}
	good = 2 // the first one ends
	e := notifiertest.Failure(t, send("3"), []string{"planted-token-1", "planted-client-secret"})
	if e.Class != pipeline.Retry || !strings.Contains(e.Error(), "bad token") {
		t.Errorf("with a token that ended: %v", e)
	}
	if err := send("4"); err != nil || given != 2 {
		t.Errorf("the next mail: %v with %d tokens, want another token", err, given)
	}
	good = 99
	if e := notifiertest.Failure(t, send("5"), nil); e.Class != pipeline.Retry {
		t.Errorf("a token that worked: %v", e)
	}
	if e := notifiertest.Failure(t, send("6"), nil); e.Class != pipeline.ChannelDown {
		t.Errorf("a new token that is refused: %v, want that a human is needed", e)
	}
}

func TestValidateMore(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"use daily or none":         func(c *Config) { c.Threading.ThreadByDate = "weekly" },
		"use json or csv":           func(c *Config) { c.Attach = []string{"pdf"} },
		"auth_secret is missing":    func(c *Config) { c.AuthMechanism = "CRAM-MD5" },
		"auth_oauth2 is missing":    func(c *Config) { c.AuthMechanism = "xoauth2" },
		"client_id is missing":      func(c *Config) { c.AuthOAuth2 = &notifiers.OAuth2{} },
		"References is set by tocs": func(c *Config) { c.Headers = map[string]string{"References": "<x>"} },
	} {
		c := Config{To: "a@example.org", From: "b@example.org", Smarthost: "mail.example.org:25"}
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want %q", err, want)
		}
	}
}
