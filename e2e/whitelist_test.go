package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

// shippedEntries are the examples of configs/whitelist.yaml, which stand there as comments.
func shippedEntries(t *testing.T) string {
	t.Helper()
	file, err := os.ReadFile("../configs/whitelist.yaml")
	must(t, err)
	_, examples, ok := strings.Cut(string(file), "these are to start from:\n#\n")
	if !ok {
		t.Fatal("configs/whitelist.yaml has no examples")
	}
	var entries strings.Builder
	for line := range strings.Lines(examples) {
		if text, isComment := strings.CutPrefix(line, "#"); isComment {
			entries.WriteString(strings.TrimPrefix(text, " "))
		}
	}
	return entries.String()
}

// shippedTests ask of each shipped example that it covers what it is for, and nothing beside it.
const shippedTests = `
rule_files: [default.yaml, windows.yaml]
whitelist_files: [whitelist.yaml]
tests:
  - name: the health check passes one rule
    events:
      - {evt.type: connect, container.id: 3ad7b26ded6d, container.image.repository: registry.example.org/shop-api, proc.exepath: /usr/local/bin/healthcheck, fd.sip: 169.254.169.254}
    alerts: []
  - name: another program of that image does not
    events:
      - {evt.type: connect, container.id: 3ad7b26ded6d, container.image.repository: registry.example.org/shop-api, proc.exepath: /bin/sh, fd.sip: 169.254.169.254}
    alerts: [{rule: Cloud metadata contacted from a container}]
  - name: a health check of an image that is not known does not
    events:
      - {evt.type: connect, container.id: 3ad7b26ded6d, proc.exepath: /usr/local/bin/healthcheck, fd.sip: 169.254.169.254}
    alerts: [{rule: Cloud metadata contacted from a container}]
  - name: the health check passes no other rule
    events:
      - {evt.type: openat, evt.is_open_read: true, fd.num: 3, fd.name: /etc/shadow, container.id: 3ad7b26ded6d, proc.name: healthcheck, container.image.repository: registry.example.org/shop, proc.exepath: /usr/local/bin/healthcheck}
    alerts: [{rule: Password hashes read}]
  - name: the backup reads the accounts at night, by a clock in Shanghai
    events:
      - &backup {evt.type: openat, evt.is_open_read: true, fd.num: 3, fd.name: /etc/shadow, proc.name: backup, proc.pname: cron, proc.exepath: /usr/local/bin/backup, at: "2026-01-31T02:30:00+08:00"}
      - {<<: *backup, at: "2026-01-31T02:00:00+08:00"}
      - {<<: *backup, at: "2026-01-31T02:59:59+08:00"}
    alerts: []
  - name: not at noon, not when its time is over, and not when it has expired
    events:
      - {<<: *backup, at: "2026-01-31T12:00:00+08:00"}
      - {<<: *backup, at: "2026-01-31T03:00:00+08:00"}
      - {<<: *backup, at: "2030-01-31T02:30:00+08:00"}
    alerts: [{rule: Password hashes read}, {rule: Password hashes read}, {rule: Password hashes read}]
  - name: nor when somebody runs it by hand
    events: [{<<: *backup, proc.pname: bash}]
    alerts: [{rule: Password hashes read}]
`

const scanTests = `
  - name: "%s may be scanned: %v"
    events:
%s
    alerts: %s
`

func TestShippedWhitelistExamples(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"default.yaml", "windows.yaml"} {
		text, err := os.ReadFile("../configs/rules/" + name)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	tests := shippedTests
	for address, allowed := range map[string]bool{"192.0.2.10": true, "198.51.100.7": true, "198.51.100.17": false} {
		var events strings.Builder
		for port := range 25 {
			fmt.Fprintf(&events, "      - {evt.type: connect, container.id: 3ad7b26ded6d, fd.sip: %s, fd.sport: %d}\n", address, port+1)
		}
		alerts := map[bool]string{true: "[]", false: "[{rule: Port scan}]"}[allowed]
		tests += fmt.Sprintf(scanTests, address, allowed, events.String(), alerts)
	}
	must(t, os.WriteFile(filepath.Join(dir, "whitelist.yaml"), []byte(shippedEntries(t)), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "examples_test.yaml"), []byte(tests), 0o644))
	if out, err := exec.Command(binary, "test", filepath.Join(dir, "examples_test.yaml")).CombinedOutput(); err != nil || !strings.Contains(string(out), "10 passed, 0 failed") {
		t.Errorf("tocsin test: %v\n%s", err, out)
	}
	config := filepath.Join(dir, "tocsin.yaml")
	must(t, os.WriteFile(config, []byte("rules: {files: [default.yaml, windows.yaml]}\nwhitelist: {files: [whitelist.yaml]}\nroute: {receiver: r}\nreceivers: [{name: r}]\n"), 0o644))
	out, err := exec.Command(binary, "check", "--config", config).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "3 whitelist entries") || strings.Contains(string(out), "WHITELIST") {
		t.Errorf("tocsin check: %v\n%s", err, out)
	}
}

// usage reads what GET /api/v1/whitelist says of an entry.
func (p *process) usage(t *testing.T, id string) pipeline.EntryUsage {
	t.Helper()
	status, body, err := get(p.base + "/api/v1/whitelist")
	must(t, err)
	var usage pipeline.WhitelistUsage
	if err := json.Unmarshal([]byte(body), &usage); err != nil || status != http.StatusOK {
		t.Fatalf("GET /api/v1/whitelist = %d %s: %v", status, body, err)
	}
	i := slices.IndexFunc(usage.Entries, func(e pipeline.EntryUsage) bool { return e.ID == id })
	if i < 0 {
		t.Fatalf("GET /api/v1/whitelist has no entry %q: %s", id, body)
	}
	return usage.Entries[i]
}

// covered waits until an entry has covered so many alerts.
func (p *process) covered(t *testing.T, id string, want uint64) (e pipeline.EntryUsage) {
	t.Helper()
	eventually(t, fmt.Sprintf("entry %s has covered %d", id, want), func() error {
		if e = p.usage(t, id); e.Hits != want {
			return fmt.Errorf("%d hits", e.Hits)
		}
		return nil
	})
	return e
}

// openRule fires when this test opens one of two files.
const openRule = `
- rule: Opened
  desc: d
  condition: evt.type in (open, openat, openat2) and fd.num >= 0 and fd.name startswith %s/secret and proc.exepath endswith e2e.test
  output: opened (file=%%fd.name)
  priority: WARNING
`

// secretEntry allows secret.known for a reason.
const secretEntry = `
- id: known
  reason: %s
  match: {fd.name: [%s/secret.known]}
  rules: [Opened]
`

// layoutOfSecrets has two files, of which one is allowed.
func layoutOfSecrets(t *testing.T) (l layout, known, other string) {
	t.Helper()
	dir := t.TempDir()
	known, other = filepath.Join(dir, "secret.known"), filepath.Join(dir, "secret.other")
	must(t, os.WriteFile(known, nil, 0o600))
	must(t, os.WriteFile(other, nil, 0o600))
	l = newLayout(t, fmt.Sprintf(openRule, dir))
	l.allow(t, fmt.Sprintf(secretEntry, "it is known", dir))
	return l, known, other
}

func (l layout) allow(t *testing.T, entries string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(l.dir, "whitelist.yaml"), []byte(entries), 0o644))
}

// What an entry keeps quiet is never delivered, and always shown: over a reload that is refused, one that is
// taken, and a restart.
func TestAWhitelistHidesNothingSilently(t *testing.T) {
	needRoot(t)
	l, known, other := layoutOfSecrets(t)
	sink := newWebhookSink(t)
	config := l.config("0s", webhookReceiver(sink))
	p := start(t, l.dir, "run", config)
	opens(t, known, 5)
	opens(t, other, 1)
	if got := objects(sink.waitFor(t, 1)); !slices.Equal(got, []string{other}) {
		t.Errorf("delivered %v, want %s", got, other)
	}
	e := p.covered(t, "known", 5)
	if e.State != pipeline.EntryActive || e.Reason != "it is known" || e.First.IsZero() || e.Last.Before(e.First) || len(e.Rules) != 1 {
		t.Fatalf("usage = %+v, want an active entry with one rule", e)
	}
	if r := e.Rules[0]; r.Rule != "Opened" || r.Hits != 5 || r.Sample == nil || r.Sample.Output != "opened (file="+known+")" || r.Sample.Covered != nil || len(r.Hosts) != 1 {
		t.Errorf("rule = %+v, want 5 hits on one host and the alert as a sample", r)
	}
	if n := p.metric(t, "tocsin_whitelist_hits_total", "known"); n != 5 {
		t.Errorf("tocsin_whitelist_hits_total = %v, want 5", n)
	}
	if at := p.metric(t, "tocsin_whitelist_first_hit_timestamp_seconds", "known"); at != float64(e.First.UnixNano())/1e9 {
		t.Errorf("tocsin_whitelist_first_hit_timestamp_seconds = %v, want %v", at, e.First)
	}
	if at := p.metric(t, "tocsin_whitelist_last_hit_timestamp_seconds", "known"); at < float64(e.First.Unix()) {
		t.Errorf("tocsin_whitelist_last_hit_timestamp_seconds = %v, want after %v", at, e.First)
	}

	l.allow(t, "- {id: known, reason: broken, match: {fd.nmae: [x]}, rules: [Opened]}\n")
	if status, body := p.reload(t); status != http.StatusInternalServerError || !strings.Contains(body, "whitelist.yaml:1:") || !strings.Contains(body, `did you mean \"fd.name\"`) {
		t.Errorf("reload of a broken whitelist = %d %s, want 500 with place and hint", status, body)
	}
	opens(t, known, 1)
	if e := p.covered(t, "known", 6); e.Reason != "it is known" {
		t.Errorf("reason = %q, want that of before the refused reload", e.Reason)
	}

	l.allow(t, fmt.Sprintf(secretEntry, "a better reason", filepath.Dir(known)))
	if status, body := p.reload(t); status != http.StatusOK {
		t.Fatalf("reload = %d %s, want 200", status, body)
	}
	opens(t, known, 1)
	if e := p.covered(t, "known", 7); e.Reason != "a better reason" {
		t.Errorf("reason = %q, want that of the reload", e.Reason)
	}
	p.stop(t)

	p = start(t, l.dir, "run", config)
	opens(t, known, 2)
	after := p.covered(t, "known", 9)
	if !after.First.Equal(e.First) || !after.Since.Before(e.First) {
		t.Errorf("after a restart since %v, first %v; want those of before, first %v", after.Since, after.First, e.First)
	}
	if n := len(sink.received()); n != 1 {
		t.Errorf("%d messages, want the one of the other file", n)
	}
	if strings.Contains(p.stdout.String(), "secret.known") {
		t.Errorf("stdout tells of what is covered: %s", p.stdout)
	}
	p.stop(t)
}

// reload posts to /-/reload.
func (p *process) reload(t *testing.T) (status int, body string) {
	t.Helper()
	resp, err := http.Post(p.base+"/-/reload", "", nil)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(text)
}

// The router knows what its sensors' whitelists keep quiet; its receivers are told nothing of it.
func TestARouterKeepsTheAccountOfItsSensors(t *testing.T) {
	needRoot(t)
	l, known, other := layoutOfSecrets(t)
	routerSide, sink := newLayout(t, fmt.Sprintf(openRule, "/nowhere")), newWebhookSink(t)
	routerSide.allow(t, fmt.Sprintf(secretEntry, "the router's", "/nowhere"))
	router := start(t, routerSide.dir, "router", routerSide.config("0s", webhookReceiver(sink), "sensor: {enabled: false}"))
	config := l.config("0s", webhookReceiver(sink), "bus: "+router.base)
	sensor := start(t, l.dir, "sensor", config)
	opens(t, known, 3)
	opens(t, other, 1)
	sink.waitFor(t, 1)
	if e := sensor.covered(t, "known", 3); e.Reason != "it is known" {
		t.Errorf("the sensor tells of %+v, want its own entry", e)
	}
	e := router.covered(t, "known", 3) // within ten seconds
	if host, _ := os.Hostname(); e.Reason != "the router's" || len(e.Rules) != 1 || !slices.Equal(e.Rules[0].Hosts, []string{host}) || e.Rules[0].Sample == nil {
		t.Errorf("the router tells of %+v, want its entry with a sample of host %s", e, host)
	}
	opens(t, known, 2)
	sensor.covered(t, "known", 5)
	sensor.stop(t) // the rest is in its spool
	sensor = start(t, l.dir, "sensor", config)
	router.covered(t, "known", 5)
	sensor.stop(t)
	if got := objects(sink.received()); !slices.Equal(got, []string{other}) {
		t.Errorf("delivered %v, want only %s", got, other)
	}
	router.stop(t)
}

// A health-check path passes one rule about posted events, for a reason.
func TestAHealthCheckPathPassesARuleForPostedEvents(t *testing.T) {
	l, sink := newLayout(t, `
- rule: Request without login
  desc: d
  source: json
  condition: event.type == "request" && event.user == ""
  output: request without login (path=%event.path)
  priority: WARNING
  dedupe: {by: [event.path]}
`), newWebhookSink(t)
	l.allow(t, `
- id: health
  reason: the load balancer has no login
  match: {event.path: [/healthz, "/health/*"], event.client.ip: [10.0.0.0/8]}
  rules: [Request without login]
`)
	p := start(t, l.dir, "router", l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}"))
	event := func(path, ip string) string {
		return fmt.Sprintf(`{"type": "request", "user": "", "path": %q, "client": {"ip": %q}}`, path, ip)
	}
	postEvents(t, p, "", "["+event("/healthz", "10.1.2.3")+","+event("/health/db", "10.1.2.3")+"]", http.StatusAccepted)
	postEvents(t, p, "", event("/admin", "10.1.2.3"), http.StatusAccepted)
	sink.waitFor(t, 1)
	e := p.covered(t, "health", 2)
	if sample := e.Rules[0].Sample; sample == nil || !strings.Contains(sample.Output, "path=/health") {
		t.Errorf("usage = %+v, want a sample of the health check", e)
	}
	postEvents(t, p, "", `{"type": "request", "user": "", "path": "/healthz"}`, http.StatusAccepted) // from where?
	eventually(t, "both others were told", func() error {
		want := []string{"request without login (path=/admin)", "request without login (path=/healthz)"}
		if got := outputs(sink.received()); !slices.Equal(got, want) {
			return fmt.Errorf("got %q", got)
		}
		return nil
	})
	p.stop(t)
}
