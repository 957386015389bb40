package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// webhookSink is a receiver of Alertmanager's webhook payload.
type webhookSink struct {
	*httptest.Server
	mu     sync.Mutex // guards what follows
	status int        // answered to every post; 0 means 200
	posts  []webhookPost
}

// webhookPost is what the sink reads of payload version 4.
type webhookPost struct {
	Version  string `json:"version"`
	Receiver string `json:"receiver"`
	Via      string `json:"via"`
	Status   string `json:"status"`
	Alerts   []struct {
		Status      string            `json:"status"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		Fingerprint string            `json:"fingerprint"`
	} `json:"alerts"`
}

func newWebhookSink(t *testing.T) *webhookSink {
	t.Helper()
	s := &webhookSink{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *webhookSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status >= 300 {
		w.WriteHeader(s.status)
		return
	}
	var post webhookPost
	if err := json.Unmarshal(body, &post); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.posts = append(s.posts, post)
}

// answer sets the status of every answer from now on.
func (s *webhookSink) answer(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *webhookSink) received() []webhookPost {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]webhookPost(nil), s.posts...)
}

// waitFor waits until at least n posts have come.
func (s *webhookSink) waitFor(t *testing.T, n int) []webhookPost {
	t.Helper()
	eventually(t, fmt.Sprintf("the webhook has %d messages", n), func() error {
		if got := len(s.received()); got < n {
			return fmt.Errorf("it has %d", got)
		}
		return nil
	})
	return s.received()
}

// mailSink is a real SMTP server that takes every mail.
type mailSink struct {
	addr  string
	mu    sync.Mutex // guards mails
	mails []string
}

func newMailSink(t *testing.T) *mailSink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &mailSink{addr: l.Addr().String()}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return mailSession{s}, nil }))
	server.Domain = "localhost"
	go server.Serve(l) // ends with Close
	t.Cleanup(func() { server.Close() })
	return s
}

func (s *mailSink) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.mails...)
}

type mailSession struct{ sink *mailSink }

func (m mailSession) Mail(string, *smtp.MailOptions) error { return nil }
func (m mailSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (m mailSession) Reset()                               {}
func (m mailSession) Logout() error                        { return nil }
func (m mailSession) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m.sink.mu.Lock()
	defer m.sink.mu.Unlock()
	m.sink.mails = append(m.sink.mails, string(body))
	return nil
}

// falcoAlert is a posted alert that differs from any other in its object.
func falcoAlert(object string) string {
	return fmt.Sprintf(`{"rule":"Posted","priority":"Warning","time":"2026-11-23T10:02:03.000000001Z","source":"syscall","output":"posted %s",
"output_fields":{"container.id":"3ad7b26ded6d","proc.name":"cat","fd.name":%q}}`, object, object)
}

// post posts alerts to a process and requires that they are taken.
func post(t *testing.T, p *process, alerts ...string) {
	t.Helper()
	resp, err := http.Post(p.base+"/api/v1/falco", "application/json", strings.NewReader("["+strings.Join(alerts, ",")+"]"))
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("post of %d alerts = %d %s, want 202", len(alerts), resp.StatusCode, body)
	}
}
