package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

// tell runs a command of the same binary against a tocsin that runs.
func (p *process) tell(t *testing.T, args ...string) (out, problem string, ok bool) {
	t.Helper()
	cmd := exec.Command(binary, append(args, "--url", p.base)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	return strings.TrimSpace(string(stdout)), stderr.String(), err == nil
}

// must runs one that has to work.
func (p *process) must(t *testing.T, args ...string) string {
	t.Helper()
	out, problem, ok := p.tell(t, args...)
	if !ok {
		t.Fatalf("tocsin %q: %s", args, problem)
	}
	return out
}

// A silence is there when the command ends, whatever happens to the process then.
func TestSilencesSurviveAKill(t *testing.T) {
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	config := l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}")
	p := start(t, l.dir, "router", config)
	if _, problem, ok := p.tell(t, "silence", "add", "severity=critical", "-c", "x", "-a", "li.na"); ok || !strings.Contains(problem, "--force") {
		t.Errorf("one that is too broad: taken %v, %s", ok, problem)
	}
	broad := p.must(t, "silence", "add", "severity=critical", "-c", "x", "-a", "li.na", "--force", "--idle-end", "24h")
	id := p.must(t, "silence", "add", "Shadow file read", "k8s_ns_name=~shop|pay ments", "--for", "2h", "--comment", "audit until noon", "--ticket", "OPS-17", "--author", "zhang.wei")
	p.kill(t)
	p = start(t, l.dir, "router", config)
	if got := strings.Fields(p.must(t, "silence", "list", "-q")); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values([]string{broad, id}))) {
		t.Fatalf("after the kill there are %q, want %q and %q", got, broad, id)
	}
	table := p.must(t, "silence", "list")
	for _, want := range []string{id, `alertname="Shadow file read" k8s_ns_name=~"shop|pay ments"`, "zhang.wei", "audit until noon OPS-17"} {
		if !strings.Contains(table, want) {
			t.Errorf("the list lacks %q:\n%s", want, table)
		}
	}
	if again := p.must(t, "silence", "update", id, "--for", "4h", "--ticket", ""); again != id {
		t.Errorf("made longer it is %s, want %s as before", again, id)
	}
	var shown struct {
		pipeline.Silence
		State string
	}
	must(t, json.Unmarshal([]byte(p.must(t, "silence", "show", id, "-o", "json")), &shown))
	if shown.Comment != "audit until noon" || shown.Ticket != "" || shown.CreatedBy != "zhang.wei" || shown.State != "active" {
		t.Errorf("after the update: %+v, want nothing else changed", shown)
	}
	if text := p.must(t, "silence", "show", broad); !strings.Contains(text, "24h without a match") || !strings.Contains(text, "forced") {
		t.Errorf("shown as\n%s", text)
	}
	p.must(t, "silence", "expire", id, broad, "-a", "wang.fang")
	if text := p.must(t, "silence", "show", id); !strings.Contains(text, "expired by wang.fang") {
		t.Errorf("expired, and shown as\n%s", text)
	}
	if _, problem, ok := p.tell(t, "silence", "expire", "nonsense"); ok || !strings.Contains(problem, "not found") {
		t.Errorf("one that is not there: %v, %s", ok, problem)
	}
}

// The link of a message leads to a page that works without a login, also after a restart.
func TestTheLinkOfAMessageAcknowledges(t *testing.T) {
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	config := l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}", `render: {external_url: "http://{http}"}`)
	p := start(t, l.dir, "router", config)
	post(t, p, falcoAlert("/a"))
	alert := sink.waitFor(t, 1)[0].Alerts[0]
	address, err := url.Parse(alert.Annotations["ack_url"])
	must(t, err)
	if !strings.HasPrefix(address.String(), p.base+"/ack?t=") || !strings.HasPrefix(alert.Annotations["silence_url"], p.base+"/silence?t=") {
		t.Fatalf("links = %q, %q", address, alert.Annotations["silence_url"])
	}
	p.kill(t)
	p = start(t, l.dir, "router", config)
	status, page, err := get(p.base + address.RequestURI())
	must(t, err)
	if status != http.StatusOK || !strings.Contains(page, "<form") || p.must(t, "silence", "list", "-q") != "" {
		t.Fatalf("the page = %d %s", status, page)
	}
	form := url.Values{"t": {address.Query().Get("t")}, "by": {"li.na"}, "for": {"4h"}}
	resp, err := http.PostForm(p.base+"/ack", form)
	must(t, err)
	must(t, resp.Body.Close())
	_, acks, err := get(p.base + "/api/v1/acks")
	must(t, err)
	if resp.StatusCode != http.StatusOK || !strings.Contains(acks, alert.Fingerprint) || !strings.Contains(acks, "li.na") {
		t.Errorf("POST = %d, acks %s, want one of li.na for %s", resp.StatusCode, acks, alert.Fingerprint)
	}
	p.must(t, "alert", "unack", alert.Fingerprint)
	if said := p.must(t, "alert", "ack", alert.Fingerprint, "-a", "wang.fang", "-d", "30m"); !strings.Contains(said, "wang.fang takes care of it until") {
		t.Errorf("alert ack says %q", said)
	}
	silence, err := url.Parse(alert.Annotations["silence_url"])
	must(t, err)
	if _, page, err = get(p.base + silence.RequestURI()); err != nil || !strings.Contains(page, "Posted") || !strings.Contains(page, "hostname=") {
		t.Errorf("the page to silence does not say what: %v %s", err, page)
	}
	resp, err = http.PostForm(p.base+"/silence", url.Values{"t": {silence.Query().Get("t")}, "by": {"li.na"}, "comment": {"known"}, "for": {"1h"}, "scope": {"wide"}})
	must(t, err)
	must(t, resp.Body.Close())
	if list := p.must(t, "silence", "list"); resp.StatusCode != http.StatusOK || !strings.Contains(list, `alertname="Posted" hostname=`) {
		t.Errorf("POST to silence = %d, silences\n%s", resp.StatusCode, list)
	}
	form.Set("t", form.Get("t")[:30]+"AAAAAAAAAA")
	resp, err = http.PostForm(p.base+"/ack", form)
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("a forged token = %d, want 403", resp.StatusCode)
	}
}

// What a silence keeps quiet is told when it ends, at once; what somebody takes care of is not told again.
func TestASilenceEndsAtOnce(t *testing.T) {
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	p := start(t, l.dir, "router", l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}"))
	id := p.must(t, "silence", "add", "Posted", "-a", "li.na", "-c", "x")
	post(t, p, falcoAlert("/a"))
	eventually(t, "the silence was hit", func() error {
		if text := p.must(t, "silence", "list", "-o", "json"); !strings.Contains(text, `"alerts": 1`) {
			return errors.New(text)
		}
		return nil
	})
	if n := len(sink.received()); n != 0 {
		t.Fatalf("%d messages were sent all the same", n)
	}
	p.must(t, "silence", "expire", id)
	if got := sink.waitFor(t, 1)[0]; got.Receiver != "sink" {
		t.Errorf("message = %+v", got)
	}
}
