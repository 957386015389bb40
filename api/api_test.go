package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/pipeline"
)

// fakeIntake records what was published, or fails.
type fakeIntake struct {
	err    error
	alerts []pipeline.Alert
	events []json.RawMessage
	source string // of the last events
	ids    []string
}

func (f *fakeIntake) PublishAlerts(_ context.Context, alerts []pipeline.Alert) error {
	f.alerts = append(f.alerts, alerts...)
	return f.err
}

func (f *fakeIntake) PublishEventsAs(_ context.Context, source string, ids []string, events []json.RawMessage) error {
	f.source = source
	f.events = append(f.events, events...)
	f.ids = append(f.ids, ids...)
	return f.err
}

// start runs a server on a free loopback port until the test ends and returns its base URL.
func start(t *testing.T, change func(*Config, *Deps)) string {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	deps := Deps{
		Intake: &fakeIntake{}, Reload: func(context.Context) error { return nil }, Ready: func() error { return nil },
		Sources:  func() []string { return []string{"json", "login"} },
		Gatherer: prometheus.NewRegistry(), Hostname: "node-1", Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg, &deps)
	}
	s, err := New(cfg, deps)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil after its context ended", err)
		}
	})
	return "http://" + s.Addr()
}

func request(t *testing.T, method, url, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(header) == 2 {
		req.Header.Set(header[0], header[1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer), resp.Header
}

const falcoBody = `{"uuid":"u-1","output":"10:02:03.123456789: Critical shadow read (file=/etc/shadow)","priority":"Critical",
"rule":"Shadow file read","time":"2026-11-23T10:02:03.123456789Z","source":"syscall","tags":["b","a"],"hostname":"n2",
"output_fields":{"evt.time":1795428123123456789,"container.id":"3ad7b26ded6d","proc.name":"cat","proc.exepath":"/bin/cat","fd.name":"/etc/shadow","k8s.pod.name":null,"user.name":"<NA>"}}`

func TestFalcoIntake(t *testing.T) {
	intake := &fakeIntake{}
	base := start(t, func(_ *Config, d *Deps) { d.Intake = intake })
	for _, path := range []string{"/", "/api/v1/falco"} {
		intake.alerts = nil
		if status, answer, _ := request(t, "POST", base+path, falcoBody); status != http.StatusAccepted {
			t.Fatalf("POST %s = %d %s, want 202", path, status, answer)
		}
		got := intake.alerts[0]
		want := pipeline.Alert{
			ID: "u-1", Time: time.Date(2026, 11, 23, 10, 2, 3, 123456789, time.UTC), Rule: "Shadow file read",
			Priority: pipeline.Critical, Source: "syscall", Hostname: "n2", Output: "shadow read (file=/etc/shadow)",
			Tags: []string{"a", "b"},
			OutputFields: map[string]any{
				"evt.time": json.Number("1795428123123456789"), "container.id": "3ad7b26ded6d", "proc.name": "cat",
				"proc.exepath": "/bin/cat", "fd.name": "/etc/shadow", "k8s.pod.name": nil, "user.name": "<NA>",
			},
			Labels: map[string]string{
				"alertname": "Shadow file read", "rule": "Shadow file read", "priority": "Critical", "severity": "critical",
				"source": "syscall", "hostname": "n2", "container_id": "3ad7b26ded6d", "proc_exepath": "/bin/cat", "object": "/etc/shadow",
			},
			Annotations: map[string]string{
				"summary": "Shadow file read", "output": "shadow read (file=/etc/shadow)", "evt_time": "1795428123123456789",
				"container_id": "3ad7b26ded6d", "proc_name": "cat", "proc_exepath": "/bin/cat", "fd_name": "/etc/shadow",
			},
			Fingerprint: got.Fingerprint,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("POST %s gives (-want +got):\n%s", path, diff)
		}
	}
}

func TestFalcoIdentity(t *testing.T) {
	base := `{"priority":"Notice","rule":"R","time":"2026-11-23T10:02:03Z","hostname":"n","output_fields":{"proc.exe":"nc",`
	fingerprint := func(fields string) string {
		a, err := falcoAlert([]byte(base+fields+"}}"), "")
		if err != nil {
			t.Fatal(err)
		}
		return a.Fingerprint.String()
	}
	if fingerprint(`"fd.name":"10.0.0.1:40001->10.0.0.9:22","evt.time":1`) != fingerprint(`"fd.name":"10.0.0.1:40002->10.0.0.9:22","evt.time":2`) {
		t.Error("two connections to one server have two identities: the ephemeral port or the time counts")
	}
	if fingerprint(`"fd.name":"/etc/shadow"`) == fingerprint(`"fd.name":"/etc/passwd"`) {
		t.Error("two files have one identity")
	}
}

func TestIntakeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		path, body string
		status     int
		reason     string
	}{
		"an empty body":                   {"/", "", 400, "empty"},
		"a body that is not JSON":         {"/", "{nope", 400, "at byte 2"},
		"an empty array":                  {"/api/v1/events", "[]", 400, "empty"},
		"an alert without a rule":         {"/", `{"priority":"Info","time":"2026-11-23T10:02:03Z"}`, 400, "alert 1: rule, priority and time"},
		"an unknown priority":             {"/", `{"rule":"r","priority":"huge","time":"2026-11-23T10:02:03Z"}`, 400, "use one of emergency"},
		"a source nobody has":             {"/api/v1/events?source=logon", `{"a":1}`, 400, "the configuration has json, login"},
		"an event that is not an object":  {"/api/v1/events", `[{"a":1}, 7]`, 400, "event 2"},
		"a body over the limit":           {"/api/v1/events", `{"a":"` + strings.Repeat("x", 2000) + `"}`, 413, "at most 1024"},
		"a sensor's alert without its id": {"/api/v1/alerts", `[{"rule":"r"}]`, 400, "uuid"},
		"a sensor's alert that asks no window": {"/api/v1/alerts", `{"uuid":"1","rule":"r","time":"2026-01-01T00:00:00Z","unjudged":{}}`, 400,
			"the observation has no window"},
		"a sensor's alert that completes nothing": {"/api/v1/alerts", `{"uuid":"1","rule":"r","time":"2026-01-01T00:00:00Z","completes":{}}`, 400, "labels"},
		"a sensor's alert that asks the impossible": {"/api/v1/alerts", `{"uuid":"1","rule":"r","time":"2026-01-01T00:00:00Z","unjudged":{"observation":
			{"window":{"count":1,"within":-5},"key":"k","id":"1","at":"2026-01-01T00:00:00Z"}}}`, 400, "out of range"},
	} {
		t.Run(name, func(t *testing.T) {
			intake := &fakeIntake{}
			base := start(t, func(cfg *Config, d *Deps) { cfg.MaxBody = 1 << 10; d.Intake = intake })
			status, answer, _ := request(t, "POST", base+c.path, c.body)
			if status != c.status || !strings.Contains(answer, c.reason) {
				t.Errorf("POST %s %.40s = %d %s, want %d with %q", c.path, c.body, status, answer, c.status, c.reason)
			}
			if len(intake.alerts)+len(intake.events) != 0 {
				t.Errorf("something was published all the same: %v %s", intake.alerts, intake.events)
			}
		})
	}
}

func TestBodyLimitWithoutContentLength(t *testing.T) {
	base := start(t, func(cfg *Config, _ *Deps) { cfg.MaxBody = 1 << 10 })
	body := io.MultiReader(strings.NewReader(`{"a":"`), strings.NewReader(strings.Repeat("x", 5000)), strings.NewReader(`"}`))
	resp, err := http.Post(base+"/api/v1/events", "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a chunked body over the limit = %d, want 413", resp.StatusCode)
	}
}

func TestNotDurableIsNotAccepted(t *testing.T) {
	base := start(t, func(_ *Config, d *Deps) { d.Intake = &fakeIntake{err: errors.New("disk full")} })
	for path, body := range map[string]string{"/": falcoBody, "/api/v1/events": `{"a":1}`} {
		status, answer, header := request(t, "POST", base+path, body)
		if status != 503 || header.Get("Retry-After") == "" || !strings.Contains(answer, "disk full") {
			t.Errorf("POST %s while storing fails = %d %s, Retry-After %q; want 503 with a reason and a time", path, status, answer, header.Get("Retry-After"))
		}
	}
}

func TestEventsIntake(t *testing.T) {
	intake := &fakeIntake{}
	base := start(t, func(_ *Config, d *Deps) { d.Intake = intake })
	if status, answer, _ := request(t, "POST", base+"/api/v1/events", ` [{"a":1}, {"b":2}] `); status != 202 || !strings.Contains(answer, `"accepted":2`) {
		t.Errorf("two events = %d %s, want 202 and a count", status, answer)
	}
	if len(intake.events) != 2 || string(intake.events[1]) != `{"b":2}` || intake.source != "json" {
		t.Errorf("published %s of source %q, want both events of json", intake.events, intake.source)
	}
	if status, answer, _ := request(t, "POST", base+"/api/v1/events?source=login", `{"a":1}`); status != 202 || intake.source != "login" {
		t.Errorf("an event of login = %d %s, published as %q", status, answer, intake.source)
	}
}

func TestTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte("# ci\ngood-token\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	base := start(t, func(cfg *Config, _ *Deps) { cfg.Auth.TokensFile = file })
	for name, c := range map[string]struct {
		method, path, token string
		status              int
	}{
		"no token":               {"POST", "/api/v1/events", "", 401},
		"a wrong token":          {"POST", "/api/v1/events", "bad", 401},
		"reload without a token": {"POST", "/-/reload", "", 401},
		"the token":              {"POST", "/api/v1/events", "good-token", 202},
		"health needs none":      {"GET", "/-/healthy", "", 200},
		"metrics need none":      {"GET", "/metrics", "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			if status, answer, _ := request(t, c.method, base+c.path, `{"a":1}`, "Authorization", "Bearer "+c.token); status != c.status {
				t.Errorf("%s %s with token %q = %d %s, want %d", c.method, c.path, c.token, status, answer, c.status)
			}
		})
	}
}

func TestReadyAndReload(t *testing.T) {
	notReady, refused := error(nil), error(nil)
	base := start(t, func(_ *Config, d *Deps) {
		d.Ready = func() error { return notReady }
		d.Reload = func(context.Context) error { return refused }
	})
	expect := func(method, path string, want int) {
		t.Helper()
		if status, answer, _ := request(t, method, base+path, ""); status != want {
			t.Errorf("%s %s = %d %s, want %d", method, path, status, answer, want)
		}
	}
	expect("GET", "/-/ready", 200)
	expect("POST", "/-/reload", 200)
	notReady, refused = errors.New("bus not open"), errors.New("tocsin.yaml:3:1: unknown key")
	expect("GET", "/-/ready", 503)
	expect("POST", "/-/reload", 500)
	expect("GET", "/-/healthy", 200)
}

func TestConfigValidate(t *testing.T) {
	valid := DefaultConfig()
	for name, c := range map[string]struct {
		change func(*Config)
		want   string // part of the error; "" for none
	}{
		"the defaults":                   {func(*Config) {}, ""},
		"an address without a port":      {func(c *Config) { c.Listen = "127.0.0.1" }, "http.listen"},
		"every address without auth":     {func(c *Config) { c.Listen = ":8686" }, "anyone could post"},
		"every address, said to be open": {func(c *Config) { c.Listen = ":8686"; c.Auth.AllowAnonymous = true }, ""},
		"every address with tokens":      {func(c *Config) { c.Listen = ":8686"; c.Auth.TokensFile = "t" }, ""},
		"loopback over IPv6":             {func(c *Config) { c.Listen = "[::1]:1" }, ""},
		"a certificate without its key":  {func(c *Config) { c.TLS.CertFile = "c" }, "go together"},
		"a client CA without TLS":        {func(c *Config) { c.TLS.ClientCAFile = "c" }, "needs cert_file"},
		"a body limit that fits nothing": {func(c *Config) { c.MaxBody = 3 }, "max_body"},
		"a rate that is no number":       {func(c *Config) { c.RateLimit.Requests = math.NaN() }, "rate_limit"},
		"a rate without a bound":         {func(c *Config) { c.RateLimit.Requests = math.Inf(1) }, "rate_limit"},
		"a server that takes no request": {func(c *Config) { c.MaxRequests = 0 }, "max_requests"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := valid
			c.change(&cfg)
			err := cfg.Validate()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("Validate() = %v, want %q", err, c.want)
			}
		})
	}
}

func TestClientHandsAlertsToARouter(t *testing.T) {
	intake := &fakeIntake{}
	base := start(t, func(_ *Config, d *Deps) { d.Intake = intake })
	c, err := NewClient(pipeline.Secret(base))
	if err != nil {
		t.Fatal(err)
	}
	sent := []pipeline.Alert{{ID: "1", Rule: "R", Time: time.Unix(5, 0).UTC(), Tags: []string{}, Fingerprint: 7}}
	if err := c.PostAlerts(context.Background(), sent); err != nil {
		t.Fatalf("PostAlerts = %v", err)
	}
	if diff := cmp.Diff(sent, intake.alerts); diff != "" {
		t.Errorf("the router got (-sent +got):\n%s", diff)
	}
	before := time.Now()
	waits := pipeline.Alert{ID: "2", Rule: "R", Time: time.Unix(5, 0).UTC(), Unjudged: &pipeline.Unjudged{Observation: pipeline.Observation{
		Window: &pipeline.Window{Count: 1, Within: time.Minute}, Key: "k", ID: "2", At: time.Unix(5, 0).UTC(), Arrived: time.Unix(6, 0),
	}}}
	if err := c.PostAlerts(context.Background(), []pipeline.Alert{waits}); err != nil {
		t.Fatalf("PostAlerts = %v", err)
	}
	if got := intake.alerts[1].Unjudged.Observation; got.Arrived.Before(before) || got.Key != "k" || got.Window.Count != 1 {
		t.Errorf("the router got %+v, want what was sent, arrived at the router's time", got)
	}
	intake.err = errors.New("full")
	var failure *pipeline.DeliveryError
	if err := c.PostAlerts(context.Background(), sent); !errors.As(err, &failure) || failure.Class != pipeline.Retry || failure.RetryAfter != 5*time.Second {
		t.Errorf("PostAlerts to a router that cannot store = %v, want retry after 5s", err)
	}
	if err := c.PostAlerts(context.Background(), []pipeline.Alert{{}}); !errors.As(err, &failure) || failure.Class != pipeline.BadMessage {
		t.Errorf("PostAlerts of an alert that is none = %v, want bad_message", err)
	}
}
