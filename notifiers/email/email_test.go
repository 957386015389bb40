package email

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/pipeline"
)

// newMailer returns a mailer that trusts the server.
func newMailer(t *testing.T, s *server, change func(*Config)) *Mailer {
	t.Helper()
	cfg := DefaultConfig()
	cfg.To = "值班 <oncall@example.org>, audit@example.org"
	cfg.From = "tocsin 告警 <tocsin@example.org>"
	cfg.Smarthost = s.addr
	cfg.TLSConfig = &notifiers.TLSConfig{CAFile: s.caFile}
	if change != nil {
		change(&cfg)
	}
	m, err := New(cfg, "oncall", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

func login(c *Config) { c.AuthUsername, c.AuthPassword = user, password }

func TestNotifySecuresTheConnection(t *testing.T) {
	for name, c := range map[string]struct {
		server serverOptions
		change func(*Config)
		tls    bool
		class  pipeline.DeliveryClass
		err    string // "": delivered
	}{
		"STARTTLS by default":                   {serverOptions{}, nil, true, 0, ""},
		"implicit TLS when forced":              {serverOptions{implicit: true}, func(c *Config) { c.ForceImplicitTLS = yes() }, true, 0, ""},
		"no STARTTLS: nothing is sent":          {serverOptions{noTLS: true}, nil, false, pipeline.ChannelDown, "does not offer STARTTLS"},
		"no STARTTLS, and that is allowed":      {serverOptions{noTLS: true}, func(c *Config) { c.RequireTLS = no() }, false, 0, ""},
		"STARTTLS though not required":          {serverOptions{}, func(c *Config) { c.RequireTLS = no() }, true, 0, ""},
		"an unknown certificate is not trusted": {serverOptions{}, func(c *Config) { c.TLSConfig = nil }, false, pipeline.ChannelDown, "certificate"},
		"a certificate for another name":        {serverOptions{}, func(c *Config) { c.TLSConfig.ServerName = "mail.example.org" }, false, pipeline.ChannelDown, "certificate"},
		"an unknown certificate, implicit TLS":  {serverOptions{implicit: true}, func(c *Config) { c.ForceImplicitTLS, c.TLSConfig = yes(), nil }, false, pipeline.ChannelDown, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, c.server)
			err := newMailer(t, s, c.change).Notify(t.Context(), notifiertest.Message())
			if c.err != "" {
				if e := notifiertest.Failure(t, err, nil); e.Class != c.class || !strings.Contains(e.Error(), c.err) {
					t.Errorf("Notify = %v, want %v with %q", e, c.class, c.err)
				}
				if mails := s.taken(); len(mails) != 0 || strings.Contains(s.steps(), "MAIL") {
					t.Errorf("the server got as far as %s", s.steps())
				}
				return
			}
			if err != nil {
				t.Fatalf("Notify = %v", err)
			}
			if got := s.taken(); len(got) != 1 || got[0].tls != c.tls {
				t.Errorf("received %d mails, want one with TLS %v", len(got), c.tls)
			}
		})
	}
}

func TestNotifyAuthenticates(t *testing.T) {
	for name, c := range map[string]struct {
		server serverOptions
		change func(*Config)
		seen   string
		class  pipeline.DeliveryClass
		err    string
	}{
		"PLAIN":                          {serverOptions{auth: []string{"PLAIN"}}, login, "AUTH PLAIN", 0, ""},
		"LOGIN":                          {serverOptions{auth: []string{"LOGIN"}}, login, "AUTH LOGIN", 0, ""},
		"PLAIN before LOGIN":             {serverOptions{auth: []string{"LOGIN", "PLAIN"}}, login, "AUTH PLAIN", 0, ""},
		"the pinned mechanism":           {serverOptions{auth: []string{"LOGIN", "PLAIN"}}, func(c *Config) { login(c); c.AuthMechanism = "LOGIN" }, "AUTH LOGIN", 0, ""},
		"none of ours":                   {serverOptions{auth: []string{"XOAUTH2"}}, login, "", pipeline.ChannelDown, "neither PLAIN nor LOGIN"},
		"a wrong password with PLAIN":    {serverOptions{auth: []string{"PLAIN"}}, func(c *Config) { login(c); c.AuthPassword += "x" }, "AUTH PLAIN", pipeline.ChannelDown, "535"},
		"a wrong password with LOGIN":    {serverOptions{auth: []string{"LOGIN"}}, func(c *Config) { login(c); c.AuthPassword += "x" }, "AUTH LOGIN", pipeline.ChannelDown, "535"},
		"a server that cannot check now": {serverOptions{auth: []string{"PLAIN"}, fail: failAt("AUTH PLAIN", 454)}, login, "AUTH PLAIN", pipeline.Retry, "454"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, c.server)
			err := newMailer(t, s, c.change).Notify(t.Context(), notifiertest.Message())
			if !strings.Contains(s.steps(), c.seen) {
				t.Errorf("the server saw %q, want %q", s.steps(), c.seen)
			}
			if c.err == "" {
				if err != nil {
					t.Errorf("Notify = %v", err)
				}
				return
			}
			e := notifiertest.Failure(t, err, []string{password})
			if e.Class != c.class || !strings.Contains(e.Error(), c.err) {
				t.Errorf("Notify = %v, want %v with %q", e, c.class, c.err)
			}
		})
	}
}

// failAt makes the server refuse one step.
func failAt(step string, code int) func(string) error {
	return func(at string) error {
		if at == step {
			return &smtp.SMTPError{Code: code, Message: "refused"}
		}
		return nil
	}
}

func TestNotifyReadsTheAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		step  string
		code  int
		class pipeline.DeliveryClass
	}{
		"greylisted sender":    {"MAIL", 451, pipeline.Retry},
		"refused sender":       {"MAIL", 550, pipeline.BadMessage},
		"login required":       {"MAIL", 530, pipeline.ChannelDown},
		"full mailbox for now": {"DATA", 452, pipeline.Retry},
		"too large":            {"DATA", 552, pipeline.BadMessage},
		"spam":                 {"DATA", 554, pipeline.BadMessage},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, serverOptions{fail: failAt(c.step, c.code)})
			e := notifiertest.Failure(t, newMailer(t, s, nil).Notify(t.Context(), notifiertest.Message()), nil)
			if e.Class != c.class {
				t.Errorf("%s answered %d = %v, want %v", c.step, c.code, e, c.class)
			}
		})
	}
}

func TestNotifyOneRecipientRefused(t *testing.T) {
	refuse := true
	for name, c := range map[string]struct {
		code  int
		class pipeline.DeliveryClass
	}{
		"for now":  {450, pipeline.Retry},
		"for good": {550, pipeline.BadMessage},
	} {
		t.Run(name, func(t *testing.T) {
			refuse = true
			s := startServer(t, serverOptions{fail: func(step string) error {
				if refuse && step == "RCPT oncall@example.org" {
					return &smtp.SMTPError{Code: c.code, Message: "refused"}
				}
				return nil
			}})
			m := newMailer(t, s, nil)
			e := notifiertest.Failure(t, m.Notify(t.Context(), notifiertest.Message()), nil)
			if e.Class != c.class || !strings.Contains(e.Error(), "oncall@example.org") {
				t.Errorf("Notify = %v, want %v naming the recipient", e, c.class)
			}
			if c.class == pipeline.Retry {
				refuse = false
				if err := m.Notify(t.Context(), notifiertest.Message()); err != nil {
					t.Errorf("second Notify = %v", err)
				}
			}
			var got [][]string
			for _, mail := range s.taken() {
				got = append(got, mail.to)
			}
			want := [][]string{{"audit@example.org"}}
			if c.class == pipeline.Retry {
				want = append(want, []string{"oncall@example.org"})
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("recipients of each mail (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotifyEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := newMailer(t, &server{addr: l.Addr().String()}, func(c *Config) { c.TLSConfig = nil })
	done := make(chan error, 1)
	go func() { done <- m.Notify(ctx, notifiertest.Message()) }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "220 hello\r\n"); err != nil {
		t.Fatal(err)
	}
	// EHLO is here, so the mailer waits for an answer, which never comes.
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "EHLO ") {
		t.Fatalf("the mailer says %q, %v, want EHLO", line, err)
	}
	cancel()
	if e := notifiertest.Failure(t, <-done, nil); e.Class != pipeline.Retry {
		t.Errorf("Notify cut off = %v, want retry", e)
	}
	l.Close()
	if e := notifiertest.Failure(t, m.Notify(t.Context(), notifiertest.Message()), nil); e.Class != pipeline.Retry {
		t.Errorf("Notify with nobody listening = %v, want retry", e)
	}
}

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

func TestMerge(t *testing.T) {
	global := Global{
		Smarthost: "smtp.example.org:587", From: "a@example.org", AuthUsername: "u", AuthPasswordFile: "f", RequireTLS: no(),
	}
	merged := Config{To: "b@example.org", AuthPassword: "own"}.Merge(global)
	if err := merged.Validate(); err != nil {
		t.Errorf("Validate after Merge = %v", err)
	}
	if merged.requireTLS() || merged.AuthPassword != "own" || merged.AuthPasswordFile != "" || merged.Smarthost != global.Smarthost {
		t.Errorf("Merge = %+v, want the entry's own password and the rest from global", merged)
	}
	if !(Config{}).requireTLS() {
		t.Error("TLS is not required by default")
	}
}

func TestValidate(t *testing.T) {
	good := Config{To: "a@example.org", From: "b@example.org", Smarthost: "h:25"}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no recipient":         {func(c *Config) { c.To = "" }, "to is missing"},
		"a broken recipient":   {func(c *Config) { c.To = "nobody" }, "to "},
		"an injection":         {func(c *Config) { c.To = "a@example.org\r\nBcc: x@example.org" }, "to "},
		"no sender":            {func(c *Config) { c.From = "" }, "from is missing"},
		"no server":            {func(c *Config) { c.Smarthost = "" }, "smarthost is missing"},
		"no port":              {func(c *Config) { c.Smarthost = "smtp.example.org" }, "host:port"},
		"an unknown mechanism": {func(c *Config) { c.AuthMechanism = "cram-md5" }, "auth_mechanism"},
		"a line break":         {func(c *Config) { c.Headers = map[string]string{"X-A": "a\nb"} }, "line break"},
		"a header of ours":     {func(c *Config) { c.Headers = map[string]string{"Message-ID": "a"} }, "set by tocsin"},
		"no header's name":     {func(c *Config) { c.Headers = map[string]string{"X A": "a"} }, "not a header's name"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Validate = %v, want an error with %q", err, c.want)
			}
		})
	}
	if err := good.Validate(); err != nil {
		t.Errorf("Validate = %v", err)
	}
}

func TestID(t *testing.T) {
	s := &server{addr: "127.0.0.1:25"}
	plain := func(c *Config) { c.TLSConfig = nil }
	a, b := newMailer(t, s, plain).ID(), newMailer(t, s, func(c *Config) { plain(c); c.Hello = "x" }).ID()
	other := newMailer(t, s, func(c *Config) { plain(c); c.To = "other@example.org" }).ID()
	if a != b || a == other || !strings.HasPrefix(a, "email-") {
		t.Errorf("IDs: %q, %q, other recipient %q", a, b, other)
	}
}
