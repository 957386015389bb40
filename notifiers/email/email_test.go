package email

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
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

// Whom the server refuses does not keep a mail from the others: who is refused for now gets it later, alone; of who is
// refused for good the outcome tells, also when that was an attempt before.
func TestNotifyOneRecipientRefused(t *testing.T) {
	for name, c := range map[string]struct {
		codes  map[string]int // of the first attempt
		class  string
		missed int // in the end
		want   [][]string
	}{
		"for now":                   {map[string]int{"oncall": 450}, "retry", 0, [][]string{{"audit@example.org"}, {"oncall@example.org"}}},
		"for good":                  {map[string]int{"oncall": 550}, "missed", 1, [][]string{{"audit@example.org"}}},
		"all of them":               {map[string]int{"oncall": 550, "audit": 550}, "bad_message", 0, nil},
		"one for good, one for now": {map[string]int{"oncall": 450, "audit": 550}, "retry", 1, [][]string{{"oncall@example.org"}}},
	} {
		t.Run(name, func(t *testing.T) {
			first := true
			s := startServer(t, serverOptions{fail: func(step string) error {
				for who, code := range c.codes {
					if step == "RCPT "+who+"@example.org" && (first || code == 550) {
						return &smtp.SMTPError{Code: code, Message: "refused"}
					}
				}
				return nil
			}})
			m := newMailer(t, s, nil)
			outcome := func(err error) string {
				missed, failure := (*pipeline.MissedError)(nil), (*pipeline.DeliveryError)(nil)
				switch {
				case errors.As(err, &missed):
					if missed.Recipients != c.missed || missed.Receiver == "" || !strings.Contains(err.Error(), "@example.org") {
						t.Errorf("missed: %+v, want %d, named", missed, c.missed)
					}
					return "missed"
				case errors.As(err, &failure):
					return failure.Class.String()
				default:
					return fmt.Sprint(err)
				}
			}
			if got := outcome(m.Notify(t.Context(), notifiertest.Message())); got != c.class {
				t.Errorf("Notify: %s, want %s", got, c.class)
			}
			if first = false; c.class == "retry" {
				want := "<nil>"
				if c.missed > 0 {
					want = "missed"
				}
				if got := outcome(m.Notify(t.Context(), notifiertest.Message())); got != want {
					t.Errorf("second Notify: %s, want %s", got, want)
				}
			}
			var got [][]string
			for _, mail := range s.taken() {
				got = append(got, mail.to)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
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

func TestID(t *testing.T) {
	s := &server{addr: "127.0.0.1:25"}
	plain := func(c *Config) { c.TLSConfig = nil }
	a, b := newMailer(t, s, plain).ID(), newMailer(t, s, func(c *Config) { plain(c); c.Hello = "x" }).ID()
	other := newMailer(t, s, func(c *Config) { plain(c); c.To = "other@example.org" }).ID()
	if a != b || a == other || !strings.HasPrefix(a, "email-") {
		t.Errorf("IDs: %q, %q, other recipient %q", a, b, other)
	}
}
