package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

// send posts a body to a path and requires an answer.
func send(t *testing.T, p *process, path, body string, want int) string {
	t.Helper()
	resp, err := http.Post(p.base+path, "application/json", strings.NewReader(body))
	must(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.StatusCode != want {
		t.Fatalf("post to %s = %d %s, want %d", path, resp.StatusCode, answer, want)
	}
	return string(answer)
}

// report is one of the scanners' reports that the parsers are tested with, scanned now.
func report(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../stages/finding/testdata", name))
	must(t, err)
	now := time.Now().UTC().Format(time.RFC3339)
	return strings.NewReplacer("2026-07-01T09:00:00.123456789+08:00", now, "2026-07-01T01:00:00Z", now).Replace(string(text))
}

// annotationsOf are those of the latest alert about an object that has arrived.
func annotationsOf(sink *webhookSink, rule string) map[string]string {
	var found map[string]string
	for _, post := range sink.received() {
		for _, a := range post.Alerts {
			if a.Labels["rule"] == rule {
				found = a.Annotations
			}
		}
	}
	return found
}

// ofThePod is a Falco alert of the pod, image and node that the reports are about.
func ofThePod(rule string) string {
	return fmt.Sprintf(`{"rule":%q,"priority":"Warning","time":%q,"source":"syscall","hostname":"node-1","output":"o","output_fields":{
		"container.id":"3ad7b26ded6d","container.name":"web","container.image.repository":"registry.shop.example/shop/web","container.image.tag":"1.4.2",
		"k8s.ns.name":"shop","k8s.pod.name":"web-6d4cf56db6-x2x1z"}}`, rule, time.Now().UTC().Format(time.RFC3339Nano))
}

const (
	imageFindings = "image: 2 critical, 3 high, 1 medium, 1 unknown: CVE-2026-990001, CVE-2026-990002, CVE-2026-990003, invented-access-key, DS990"
	nodeFindings  = "node: 1 high, 1 medium, 1 low: 4.1.1, 4.1.3, 4.2.8"
	podFindings   = "resource Pod/shop/web-6d4cf56db6-x2x1z: 1 high, 1 medium: K8sRequiredOwner/pods-have-an-owner, K8sNoLatest/no-latest"
)

// deployedAgo is what CI posts.
func deployedAgo(ago time.Duration) string {
	return fmt.Sprintf(`{"selector":{"k8s_ns_name":"shop","container_name":"web"},"version":"v1.4.2","by":"zhang.wei","at":%q,"link":"https://ci.example/7"}`,
		time.Now().Add(-ago).UTC().Format(time.RFC3339))
}

func TestFindingRulesPassTheirTests(t *testing.T) {
	for _, file := range []string{"findings", "tetragon"} {
		if out, err := exec.Command(binary, "test", "../configs/rules/tests/"+file+".yaml").CombinedOutput(); err != nil {
			t.Errorf("tocsin test: %v\n%s", err, out)
		}
	}
}

// What CI and scanners posted is in the alert, and the rules that ship make alerts of what is new, once.
func TestAlertsSayWhatWasDeployedAndFound(t *testing.T) {
	rules, err := os.ReadFile("../configs/rules/findings.yaml")
	must(t, err)
	l, sink := newLayout(t, string(rules)), newWebhookSink(t)
	p := start(t, l.dir, "router", l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}"))
	send(t, p, "/api/v1/deployments", deployedAgo(12*time.Minute+5*time.Second), http.StatusAccepted)
	for range 2 { // the second time it changes nothing
		send(t, p, "/api/v1/trivy", report(t, "trivy.json"), http.StatusAccepted)
		send(t, p, "/api/v1/kube-bench?node=node-1", report(t, "kube-bench.json"), http.StatusAccepted)
		send(t, p, "/api/v1/gatekeeper", report(t, "constraints.json"), http.StatusAccepted)
	}
	post(t, p, ofThePod("Posted"))
	eventually(t, "all alerts have arrived", func() error {
		for _, rule := range []string{"Posted", "New critical findings in an image", "Node fails checks of the benchmark", "Policy violated by resources"} {
			if annotationsOf(sink, rule) == nil {
				return fmt.Errorf("there is no alert of %q", rule)
			}
		}
		return nil
	})
	got := annotationsOf(sink, "Posted")
	if want := strings.Join([]string{imageFindings, nodeFindings, podFindings}, "; "); got["findings"] != want {
		t.Errorf("findings = %q, want %q", got["findings"], want)
	}
	if got["deployment"] != "v1.4.2" || got["deployment_by"] != "zhang.wei" || got["deployment_link"] != "https://ci.example/7" || !strings.HasPrefix(got["deployment_age"], "12m") {
		t.Errorf("annotations = %v, want the deployment of 12 minutes ago", got)
	}
	const output = "new critical findings (image=registry.shop.example/shop/web:1.4.2 new=2 worst=[\"CVE-2026-990001\",\"CVE-2026-990002\",\"CVE-2026-990003\",\"invented-access-key\",\"DS990\"] critical=2 high=3 first_report=true)"
	if got := annotationsOf(sink, "New critical findings in an image")["output"]; got != output {
		t.Errorf("output = %q, want %q", got, output)
	}
	if got := annotationsOf(sink, "Node fails checks of the benchmark")["findings"]; got != nodeFindings {
		t.Errorf("findings of the node's own alert = %q, want %q", got, nodeFindings)
	}
	if n := p.metric(t, "tocsin_rule_alerts_total"); n != 3 {
		t.Errorf("tocsin_rule_alerts_total = %v, want 3: each once", n)
	}
	if n := p.metric(t, "tocsin_reports_total", `outcome="kept"`); n < 4 {
		t.Errorf("tocsin_reports_total = %v", n)
	}
	if answer := send(t, p, "/api/v1/trivy", `{"SchemaVersion": 2, "ArtifactName": "a", "Results": [{"Vulnerabilities": [{}]}]}`, http.StatusBadRequest); !strings.Contains(answer, "Results[0].Vulnerabilities[0]: VulnerabilityID is missing (at byte") {
		t.Errorf("a wrong report: %s", answer)
	}
}

// Within a day of the first message about an image or a node, one about something else that is grave comes all the same.
func TestOtherFindingsAreAnotherAlert(t *testing.T) {
	rules, err := os.ReadFile("../configs/rules/findings.yaml")
	must(t, err)
	l, sink := newLayout(t, string(rules)), newWebhookSink(t)
	p := start(t, l.dir, "router", l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}"))
	image, node := report(t, "trivy.json"), report(t, "kube-bench.json")
	send(t, p, "/api/v1/trivy", image, http.StatusAccepted)
	send(t, p, "/api/v1/kube-bench?node=node-1", node, http.StatusAccepted)
	send(t, p, "/api/v1/trivy", strings.ReplaceAll(image, "CVE-2026-990002", "CVE-2026-990077"), http.StatusAccepted)
	send(t, p, "/api/v1/kube-bench?node=node-1", strings.ReplaceAll(node, "4.1.1", "4.1.9"), http.StatusAccepted)
	eventually(t, "the later findings are told, too", func() error {
		told := strings.Join(outputs(sink.received()), "\n")
		for _, want := range []string{`new=2 worst=["CVE-2026-990001"`, `new=1 worst=["CVE-2026-990077"`, `new=1 worst=["4.1.1"`, `new=1 worst=["4.1.9"`} {
			if !strings.Contains(told, want) {
				return fmt.Errorf("there is no %s in\n%s", want, told)
			}
		}
		return nil
	})
}

// What was posted is there after a kill.
func TestFindingsSurviveAKill(t *testing.T) {
	l, sink := newLayout(t, "[]\n"), newWebhookSink(t)
	config := l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}")
	p := start(t, l.dir, "router", config)
	send(t, p, "/api/v1/deployments", deployedAgo(time.Hour), http.StatusAccepted)
	send(t, p, "/api/v1/trivy", report(t, "trivy.json"), http.StatusAccepted)
	p.kill(t)
	p = start(t, l.dir, "router", config)
	post(t, p, ofThePod("Posted"))
	sink.waitFor(t, 1)
	if got := annotationsOf(sink, "Posted"); got["findings"] != imageFindings || got["deployment"] != "v1.4.2" {
		t.Errorf("after a kill: %q, %q", got["findings"], got["deployment"])
	}
}

// Two routers that share a Redis know what was posted to the other; with Redis gone a post is refused with
// the advice to try again, and alerts go out.
func TestRoutersShareWhatWasPosted(t *testing.T) {
	redis := redistest.Start(t)
	sink := newWebhookSink(t)
	config := func(l layout) string {
		return l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}", "store: "+redis.URL()+"?timeout=5s")
	}
	first, second := newLayout(t, "[]\n"), newLayout(t, "[]\n")
	a := start(t, first.dir, "router", config(first))
	b := start(t, second.dir, "router", config(second))
	send(t, a, "/api/v1/deployments", deployedAgo(time.Hour), http.StatusAccepted)
	send(t, a, "/api/v1/trivy", report(t, "trivy.json"), http.StatusAccepted)
	eventually(t, "the other router lists the deployment", func() error {
		_, body, err := get(b.base + "/api/v1/deployments")
		if err == nil && !strings.Contains(body, "v1.4.2") {
			err = fmt.Errorf("it lists %s", body)
		}
		return err
	})
	post(t, b, ofThePod("Posted"))
	sink.waitFor(t, 1)
	if got := annotationsOf(sink, "Posted"); got["findings"] != imageFindings || got["deployment"] == "" {
		t.Errorf("at the other router: %q, %q", got["findings"], got["deployment"])
	}
	redis.Stop()
	if answer := send(t, a, "/api/v1/trivy", report(t, "trivy.json"), http.StatusServiceUnavailable); !strings.Contains(answer, "away") {
		t.Errorf("a report while Redis is gone: %s", answer)
	}
	send(t, a, "/api/v1/deployments", deployedAgo(time.Minute), http.StatusServiceUnavailable)
	post(t, a, ofThePod("While it is gone"))
	eventually(t, "the alert is delivered", func() error {
		if annotationsOf(sink, "While it is gone") == nil {
			return fmt.Errorf("it is not there")
		}
		return nil
	})
}
