package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// newToken runs `tocsin token new` and returns the token and its line.
func newToken(t *testing.T, name, scopes string) (token, line string) {
	t.Helper()
	out, err := exec.Command(binary, "token", "new", "--name", name, "--scopes", scopes).CombinedOutput()
	if err != nil {
		t.Fatalf("tocsin token new: %v\n%s", err, out)
	}
	found := regexp.MustCompile(`(?m)^(tocsin_\S+)\n[^\n]*\n[^\n]*\n\n(\S+ \S+ sha256:\S+)$`).FindSubmatch(out)
	if found == nil {
		t.Fatalf("tocsin token new printed no token and line:\n%s", out)
	}
	return string(found[1]), string(found[2])
}

// sendAs posts with a token and requires an answer.
func sendAs(t *testing.T, p *process, path, token, contentType, body string, want int) {
	t.Helper()
	req, err := http.NewRequest("POST", p.base+path, strings.NewReader(body))
	must(t, err)
	req.Header.Set("Content-Type", contentType)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.StatusCode != want {
		t.Fatalf("POST %s = %d %s, want %d", path, resp.StatusCode, answer, want)
	}
}

// Everything that can be posted in a form of its own reaches rules or people, with the token for it; tokens that are
// exchanged count from the reload on.
func TestWhatIsPostedReachesPeople(t *testing.T) {
	shipped, err := os.ReadFile("../configs/rules/tetragon.yaml")
	must(t, err)
	l, sink := newLayout(t, string(shipped)+`
- rule: Login event
  desc: a login in an envelope
  source: cloudevents
  condition: event.type == "com.example.login" && event.data.country == "US"
  output: "login of %event.data.user from %event.source"
  priority: WARNING
`), newWebhookSink(t)
	post, postLine := newToken(t, "shipper", "intake")
	admin, adminLine := newToken(t, "ops", "admin")
	tokens := filepath.Join(l.dir, "tokens")
	must(t, os.WriteFile(tokens, []byte(postLine+"\n"+adminLine+"\n"), 0o600))
	config := strings.Replace(l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}"), `listen: "{http}"`, `listen: "{http}", auth: {tokens_file: tokens}`, 1)
	p := start(t, l.dir, "router", config)

	const exec = `{"process_exec":{"process":{"binary":"/bin/sh","arguments":"-c id","uid":0,"in_init_tree":false,"pod":{"namespace":"shop","name":"web-1","container":{"id":"containerd://551e161c47d8ff0e","image":{"name":"shop/web:1.4"}}}},"parent":{"binary":"/usr/bin/runc"}},"node_name":"n1","time":"2026-11-23T10:00:00Z"}`
	other := strings.ReplaceAll(exec, `"in_init_tree":false`, `"in_init_tree":true`)
	sendAs(t, p, "/api/v1/tetragon", post, "application/x-ndjson", other+"\n"+exec+"\n", http.StatusAccepted)
	sendAs(t, p, "/api/v1/cloudevents", post, "application/cloudevents+json",
		`{"specversion":"1.0","id":"1","source":"/shop","type":"com.example.login","data":{"country":"US","user":"li"}}`, http.StatusAccepted)
	sendAs(t, p, "/api/v1/alertmanager", post, "application/json",
		`{"version":"4","groupKey":"g","alerts":[{"status":"firing","labels":{"alertname":"Disk full","severity":"critical"},"annotations":{"summary":"sda1"},"startsAt":"2026-11-23T10:00:00Z"}]}`, http.StatusAccepted)
	want := []string{"Disk full", "Login event", "Program brought into a container"}
	eventually(t, "three alerts have arrived", func() error {
		var rules []string
		for _, m := range sink.received() {
			for _, a := range m.Alerts {
				rules = append(rules, a.Labels["alertname"])
				if a.Labels["alertname"] == want[2] && (a.Labels["k8s_pod_name"] != "web-1" || a.Labels["container_id"] != "551e161c47d8" || a.Labels["hostname"] != "n1") {
					t.Errorf("the alert on Tetragon's event has the labels %v", a.Labels)
				}
			}
		}
		slices.Sort(rules)
		if rules = slices.Compact(rules); !slices.Equal(rules, want) {
			return fmt.Errorf("got %q, want %q", rules, want)
		}
		return nil
	})

	sendAs(t, p, "/api/v1/events", "", "application/json", "{}", http.StatusUnauthorized)
	sendAs(t, p, "/-/reload", post, "", "", http.StatusForbidden)
	must(t, os.WriteFile(tokens, []byte(adminLine+"\n"), 0o600))
	sendAs(t, p, "/api/v1/events", post, "application/json", "{}", http.StatusAccepted)
	sendAs(t, p, "/-/reload", admin, "", "", http.StatusOK)
	sendAs(t, p, "/api/v1/events", post, "application/json", "{}", http.StatusUnauthorized)
	must(t, os.WriteFile(tokens, []byte("ops admin md5:0\n"), 0o600))
	sendAs(t, p, "/-/reload", admin, "", "", http.StatusInternalServerError)
	sendAs(t, p, "/-/reload", admin, "", "", http.StatusInternalServerError) // and it still is who it was
	if n := p.metric(t, "tocsin_http_denied_total", `reason="token"`); n != 1 {
		t.Errorf("tocsin_http_denied_total for the token that went = %v, want 1", n)
	}
}
