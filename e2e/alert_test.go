package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// planted is a secret in the address of a receiver, which nothing that explains may show.
const planted = "PLANTED-5ecret"

// tocsinAlert asks a process with the command line.
func tocsinAlert(t *testing.T, p *process, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(binary, append(append([]string{"alert"}, args...), "--url", p.base)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// An alert whose sink refuses it twice: every attempt is explained, by the API and on the command line, also after
// a restart; and it is found by search.
func TestAlertIsExplained(t *testing.T) {
	var tries atomic.Int64
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if tries.Add(1) <= 2 {
			http.Error(w, "busy with lunch", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(sink.Close)
	gone := freeAddr(t) // nobody listens
	receiver := fmt.Sprintf("webhook_configs: [{url: %q}, {url: %q}]", sink.URL+"/hook?key="+planted, "http://"+gone+"/"+planted)
	l := newLayout(t, shadowRules)
	config := l.config("0s", receiver, "sensor: {enabled: false}")
	p := start(t, l.dir, "router", config)

	at := time.Now().Add(-time.Second).UTC().Format(time.RFC3339Nano)
	post(t, p, fmt.Sprintf(`{"rule":"Shell in a pod","priority":"Critical","time":%q,"source":"syscall","output":"shell: \u001b[31mred /bin/sh",
"output_fields":{"container.id":"3ad7b26ded6d","proc.name":"sh"}}`, at))

	var e struct {
		Why   string
		Alert struct {
			Fingerprint string
			State       string
			Occurrences int
		}
		Deliveries []struct {
			Integration string
			State       string
			Attempts    []struct{ Verdict, Answer string }
		}
	}
	eventually(t, "the sink has taken it and history knows", func() error {
		out, err := tocsinAlert(t, p, "explain", "--last", "--json")
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		if err := json.Unmarshal([]byte(out), &e); err != nil {
			return err
		}
		for _, d := range e.Deliveries {
			if len(d.Attempts) == 3 && d.State == "sent" {
				return nil
			}
		}
		return fmt.Errorf("deliveries: %+v", e.Deliveries)
	})
	if e.Alert.State != "active" || e.Alert.Occurrences != 1 || len(e.Deliveries) != 2 ||
		!strings.Contains(e.Why, "sent to sink over webhook-") || !strings.Contains(e.Why, "at attempt 3") || !strings.Contains(e.Why, "not yet at sink over webhook-") {
		t.Errorf("explained: %+v", e)
	}
	p.stop(t)
	p = start(t, l.dir, "router", config)
	for _, c := range []struct{ args, want []string }{
		{[]string{"explain", e.Alert.Fingerprint}, []string{"sent to sink over webhook-", "{} > sink", "dedupe   passed", "attempt 1: retry", "busy with lunch", "attempt 2: retry", "attempt 3: sent", "connection refused"}},
		{[]string{"list", "--filter", `rule="Shell in a pod"`}, []string{e.Alert.Fingerprint, "active", "Critical", "shell: [31mred"}},
		{[]string{"list", "--filter", `rule="other"`}, []string{"no alert is live"}},
		{[]string{"history", "--text", "/BIN/SH", "--since", "1h"}, []string{e.Alert.Fingerprint, "event", "Shell in a pod"}},
		{[]string{"history", "--until", "1h"}, []string{"nothing was found"}},
	} {
		out, err := tocsinAlert(t, p, c.args...)
		if err != nil || strings.Contains(out, "\x1b") || strings.Contains(out, planted) {
			t.Errorf("tocsin alert %v: %v\n%q", c.args, err, out)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("tocsin alert %v lacks %q:\n%s", c.args, want, out)
			}
		}
	}
	out, err := tocsinAlert(t, p, "explain", e.Alert.Fingerprint)
	if dedupe, route := strings.Index(out, "dedupe   passed"), strings.Index(out, "route    passed"); err != nil || dedupe < 0 || route < dedupe {
		t.Errorf("the steps are not in the order in which they were: %v\n%s", err, out)
	}
	if _, listed, err := get(p.base + "/api/v2/alerts"); err != nil || !strings.Contains(listed, `"receivers":[{"name":"sink"}]`) {
		t.Errorf("Alertmanager's API lists %s, %v", listed, err)
	}
	for args, want := range map[string]string{"explain 00000000000000ff": "history.max_age", "explain": "--last", "history --since x": "how long ago"} {
		if out, err := tocsinAlert(t, p, strings.Fields(args)...); err == nil || !strings.Contains(out, want) {
			t.Errorf("tocsin alert %s: %v %s, want an error with %q", args, err, out, want)
		}
	}
	resp, err := http.Get(p.base + "/api/v1/alerts/" + e.Alert.Fingerprint + "/explain")
	must(t, err)
	defer resp.Body.Close()
	var body strings.Builder
	if err := resp.Write(&body); err != nil || strings.Contains(body.String(), planted) || !strings.Contains(body.String(), "busy with lunch") {
		t.Errorf("the API's answer shows a secret, or not the channel's: %v\n%s", err, body.String())
	}
}
