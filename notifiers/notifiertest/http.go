package notifiertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// HTTP describes a sender that posts.
type HTTP struct {
	// New returns the sender under test, posting to an address that starts with base and holds the
	// secrets, where it has any.
	New     func(t *testing.T, base string) pipeline.Notifier
	Secrets []string
	Success string // body of an answer that means taken
	Robot   bool   // a 200 whose body is not a robot's answer is not success
	// Fits says what is wrong with the size of a request's body; nil: the channel has no limit.
	Fits func(body string) error
}

// Message is what the suite sends: Han text, emoji, markup characters.
func Message() pipeline.Message {
	at := time.Date(2025, 6, 1, 3, 0, 0, 0, time.UTC)
	return pipeline.Message{
		ID: "0197290e-delivery", Receiver: "oncall",
		Title:   "[严重] 读取影子文件 🔴",
		Body:    "读取影子文件 🔴 `cat /etc/shadow` <font color=\"warning\">root</font>",
		HTML:    "<p>读取影子文件 🔴</p>",
		Payload: []byte(`{"version":"4","truncatedAlerts":0,"alerts":[{"labels":{"rule":"读取影子文件 🔴"}}]}`),
		Alerts:  []pipeline.Alert{{ID: "a1", Time: at, Rule: "读取影子文件 🔴", Priority: pipeline.Critical, Output: "cat"}},
	}
}

// server answers every request as told and keeps their bodies.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	answer  http.HandlerFunc
	bodies  []string
	headers []http.Header
}

func newServer(t *testing.T, answer http.HandlerFunc) *server {
	s := &server{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a sender that hangs up shows as a short body
		s.mu.Lock()
		s.bodies = append(s.bodies, string(body))
		s.headers = append(s.headers, r.Header)
		s.mu.Unlock()
		s.answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// requests returns bodies and headers so far.
func (s *server) requests() ([]string, []http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bodies), slices.Clone(s.headers)
}

// RunHTTP runs the contract.
func RunHTTP(t *testing.T, h HTTP) {
	t.Run("the answer decides the outcome", func(t *testing.T) { h.outcomes(t) })
	t.Run("a redirect is not followed", func(t *testing.T) { h.redirect(t) })
	t.Run("a deadline ends the attempt", func(t *testing.T) { h.deadline(t) })
	t.Run("an address that does not answer is retried", func(t *testing.T) { h.unreachable(t) })
	t.Run("text arrives as it was", func(t *testing.T) { h.text(t) })
	t.Run("no request is larger than the limit", func(t *testing.T) { h.limit(t) })
	t.Run("concurrent messages all arrive", func(t *testing.T) { h.concurrent(t) })
}

// outcome is an answer and what a sender must make of it.
type outcome struct {
	status     int
	retryAfter string // header
	body       string
	taken      bool
	class      pipeline.DeliveryClass
	after      time.Duration
}

var statuses = map[string]outcome{
	"301 needs a human":               {status: 301, class: pipeline.ChannelDown},
	"400 will never be taken":         {status: 400, body: "bad", class: pipeline.BadMessage},
	"401 needs a human":               {status: 401, class: pipeline.ChannelDown},
	"403 needs a human":               {status: 403, class: pipeline.ChannelDown},
	"404 needs a human":               {status: 404, class: pipeline.ChannelDown},
	"408 is tried again":              {status: 408, class: pipeline.Retry},
	"410 needs a human":               {status: 410, class: pipeline.ChannelDown},
	"413 will never be taken":         {status: 413, class: pipeline.BadMessage},
	"422 will never be taken":         {status: 422, class: pipeline.BadMessage},
	"429 waits as asked":              {status: 429, retryAfter: "7", class: pipeline.Retry, after: 7 * time.Second},
	"429 without a time is retried":   {status: 429, class: pipeline.Retry},
	"500 is tried again":              {status: 500, body: "oops", class: pipeline.Retry},
	"503 waits as asked, but bounded": {status: 503, retryAfter: "999999", class: pipeline.Retry, after: time.Hour},
	"503 with nonsense is retried":    {status: 503, retryAfter: "soon", class: pipeline.Retry},
}

// robotAnswers come with status 200 and are no success: whether the robot took the message is unknown.
var robotAnswers = map[string]outcome{
	"200 with an empty body":         {status: 200, body: ""},
	"200 with a page":                {status: 200, body: "<html><body>log in</body></html>"},
	"200 with cut JSON":              {status: 200, body: `{"errcode":0,"errm`},
	"200 without a code":             {status: 200, body: `{}`},
	"200 with a null code":           {status: 200, body: `{"errcode":null}`},
	"200 with the code as text":      {status: 200, body: `{"errcode":"0"}`},
	"200 with something after the 0": {status: 200, body: `{"errcode":0}{`},
}

func (h HTTP) outcomes(t *testing.T) {
	cases := map[string]outcome{"the vendor's success": {status: 200, body: h.Success, taken: true}}
	maps.Copy(cases, statuses)
	if h.Robot {
		maps.Copy(cases, robotAnswers)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { h.outcome(t, c) })
	}
}

func (h HTTP) outcome(t *testing.T, c outcome) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if c.retryAfter != "" {
			w.Header().Set("Retry-After", c.retryAfter)
		}
		w.WriteHeader(c.status)
		_, _ = io.WriteString(w, c.body)
		if c.status != 200 {
			// Some proxies print the address they were asked for: it must not reach our errors.
			_, _ = io.WriteString(w, " "+r.URL.String())
		}
	})
	err := h.New(t, s.URL).Notify(t.Context(), Message())
	if c.taken {
		if err != nil {
			t.Errorf("Notify with answer %d %q = %v, want nil", c.status, c.body, err)
		}
		return
	}
	e := h.failure(t, err)
	if unsaid := c.status == 200 || c.status == 502 || c.status == 504; e.Unknown != unsaid {
		t.Errorf("Notify with answer %d %q: Unknown = %v, want %v", c.status, c.body, e.Unknown, unsaid)
	}
	if e.Class != c.class || e.RetryAfter != c.after {
		t.Errorf("Notify with answer %d %q = %v after %v, want %v after %v",
			c.status, c.body, e.Class, e.RetryAfter, c.class, c.after)
	}
}

// failure checks what every error must be, and returns it.
func (h HTTP) failure(t *testing.T, err error) *pipeline.DeliveryError {
	t.Helper()
	return Failure(t, err, h.Secrets)
}

// Failure checks that err is a *pipeline.DeliveryError that names the receiver and shows none of
// secrets, however it is printed, and returns it.
func Failure(t *testing.T, err error, secrets []string) *pipeline.DeliveryError {
	t.Helper()
	var e *pipeline.DeliveryError
	if !errors.As(err, &e) {
		t.Fatalf("Notify = %v (%T), want a *pipeline.DeliveryError", err, err)
	}
	if e.Receiver != "oncall" {
		t.Errorf("the error names receiver %q, want %q", e.Receiver, "oncall")
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		for _, secret := range secrets {
			if strings.Contains(cause.Error(), secret) {
				t.Errorf("the error shows the secret %q: %s", secret, cause)
			}
		}
	}
	return e
}

func (h HTTP) redirect(t *testing.T) {
	target := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, h.Success) })
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target.URL+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	})
	h.failure(t, h.New(t, s.URL).Notify(t.Context(), Message()))
	if bodies, _ := target.requests(); len(bodies) != 0 {
		t.Errorf("the target of the redirect got %q, want nothing", bodies)
	}
}

func (h HTTP) deadline(t *testing.T) {
	arrived, hold := make(chan struct{}, 1), make(chan struct{})
	s := newServer(t, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-hold
	})
	t.Cleanup(func() { close(hold) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := h.New(t, s.URL)
	done := make(chan error, 1)
	go func() { done <- n.Notify(ctx, Message()) }()
	<-arrived // the request is there, the answer is what is missing
	cancel()
	if e := h.failure(t, <-done); e.Class != pipeline.Retry || !e.Unknown || !errors.Is(e, context.Canceled) {
		t.Errorf("Notify cut off while waiting = %v %v, want retry because of the context, and that it is unknown what came of it", e.Class, e)
	}
}

func (h HTTP) unreachable(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	address := s.URL
	s.Close()
	if e := h.failure(t, h.New(t, address).Notify(t.Context(), Message())); e.Class != pipeline.Retry || e.Unknown {
		t.Errorf("Notify with nobody listening = %v, unknown %v, want retry of what cannot have arrived", e.Class, e.Unknown)
	}
	hangUp := newServer(t, func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	if e := h.failure(t, h.New(t, hangUp.URL).Notify(t.Context(), Message())); e.Class != pipeline.Retry || !e.Unknown {
		t.Errorf("Notify with a server that hangs up = %v, unknown %v, want retry of what may have arrived", e.Class, e.Unknown)
	}
}

func (h HTTP) text(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, h.Success) })
	if err := h.New(t, s.URL).Notify(t.Context(), Message()); err != nil {
		t.Fatalf("Notify = %v", err)
	}
	bodies, headers := s.requests()
	if len(bodies) == 0 || !strings.Contains(bodies[0], "读取影子文件 🔴") {
		t.Fatalf("the requests %q do not hold the text", bodies)
	}
	if got := headers[0].Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		t.Errorf("Content-Type = %q, want application/json", got)
	}
	for _, body := range bodies {
		if strings.Contains(body, `\u003c`) {
			t.Errorf("the request escapes < as \\u003c: %s", body)
		}
	}
}

func (h HTTP) limit(t *testing.T) {
	if h.Fits == nil {
		return
	}
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, h.Success) })
	n := h.New(t, s.URL)
	for name, filler := range map[string]string{
		"Han": "短", "emoji": "🔴", "quotes": `"`, "lines": "\n", "markup": `<font color="info">**a`,
	} {
		m := Message()
		m.Body = strings.Repeat(filler, 30_000)
		m.Title = strings.Repeat(filler, 3_000)
		if err := n.Notify(t.Context(), m); err != nil {
			t.Errorf("Notify with a long text of %s = %v, want it cut and sent", name, err)
		}
	}
	bodies, _ := s.requests()
	for _, body := range bodies {
		if err := h.Fits(body); err != nil {
			t.Errorf("a request of %d bytes does not fit: %v: %.80s…", len(body), err, body)
		}
	}
}

func (h HTTP) concurrent(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, h.Success) })
	n := h.New(t, s.URL)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			m := Message()
			m.ID = fmt.Sprint("delivery-", i)
			if err := n.Notify(t.Context(), m); err != nil {
				t.Errorf("Notify = %v", err)
			}
		})
	}
	wg.Wait()
	if bodies, _ := s.requests(); len(bodies) != 8 {
		t.Errorf("the server got %d requests, want 8", len(bodies))
	}
}
