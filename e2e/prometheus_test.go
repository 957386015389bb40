package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A real Prometheus reads our metrics, finds by a rule over them that a container's connects fail, and tells us; and
// we tell people, and tell them again when it is over.
func TestPrometheusAlertsOnOurConnectMetrics(t *testing.T) {
	needTool(t, "prometheus")
	c := newContainer(t)
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	config := fmt.Sprintf(`data_dir: %s
sensor: {connection_metrics: true}
rules: {files: [rules.yaml]}
whitelist: {files: [whitelist.yaml]}
http: {listen: "{http}"}
route: {receiver: sink, group_by: [alertname], group_wait: 0s, group_interval: 1s}
receivers:
  - name: sink
    webhook_configs: [{url: %q}]
`, filepath.Join(l.dir, "data"), sink.URL+"/hook")
	tocsin := start(t, l.dir, "run", config)
	prometheus := startPrometheus(t, strings.TrimPrefix(tocsin.base, "http://"),
		`rate(tocsin_tcp_connect_errors_total{container_id="`+c.shortID()+`",errno="ECONNREFUSED"}[10s]) > 2`) // a busy machine starts few programs a second, and scrapes late

	stop := c.refusedConnects(t)
	status := func() string {
		posts := sink.received()
		if len(posts) == 0 {
			return "nothing"
		}
		last := posts[len(posts)-1]
		return last.Status + " " + last.Alerts[0].Labels["alertname"] + " " + last.Alerts[0].Labels["container_id"]
	}
	waitFor := func(want string) {
		t.Helper()
		eventually(t, "the webhook is told: "+want, func() error {
			if got := status(); got != want+" ConnectsRefused "+c.shortID() {
				return fmt.Errorf("the latest is %q; Prometheus: %s", got, prometheus.stderr)
			}
			return nil
		})
	}
	waitFor("firing")
	post := sink.received()[0]
	if a := post.Alerts[0]; a.Labels["severity"] != "critical" || !strings.Contains(a.Annotations["summary"], "refused") {
		t.Errorf("Prometheus' alert came as %+v", a)
	}
	stop()
	waitFor("resolved")
	for _, post := range sink.received() {
		if len(post.Alerts) != 1 {
			t.Errorf("a message about %d alerts, want the one", len(post.Alerts))
		}
	}
}

// refusedConnects runs a container that connects to a port where nobody listens, up to 100 times a second, for
// some minutes at most. The function that it returns ends it.
func (c *container) refusedConnects(t *testing.T) (stop func()) {
	t.Helper()
	script := `i=0; while [ $i -lt 2000 ] && [ ! -e /tmp/stop ]; do i=$((i+1)); for n in 1 2 3 4 5 6 7 8 9 10; do nc 127.0.0.1 1; done; sleep 0.1; done 2>/dev/null`
	c.writeSpec(t, "rootfs", "/"+c.id, 0, []string{"sh", "-c", script})
	cmd := exec.Command("runc", "run", "--bundle", c.bundle, c.id)
	must(t, cmd.Start())
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		if err := os.WriteFile(filepath.Join(c.bundle, "rootfs/tmp/stop"), nil, 0o644); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Logf("the container ended with %v", err) // its last connect is refused
		}
	}
	t.Cleanup(stop)
	return stop
}

// startPrometheus runs one that scrapes tocsin and sends it an alert when expr holds.
func startPrometheus(t *testing.T, tocsin, expr string) *process {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		must(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	rules := write("rules.yaml", fmt.Sprintf(`groups:
  - name: tocsin
    rules:
      - alert: ConnectsRefused
        expr: %s
        for: 1s
        labels: {severity: critical}
        annotations: {summary: 'connects of {{ $labels.container_id }} are refused'}
`, expr))
	config := write("prometheus.yaml", fmt.Sprintf(`global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}
rule_files: [%s]
scrape_configs: [{job_name: tocsin, static_configs: [{targets: [%q]}]}]
alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}
`, rules, tocsin, tocsin))
	addr := freeAddr(t)
	p := &process{
		cmd: exec.Command("prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
			"--web.listen-address="+addr, "--log.level=warn"),
		stdout: &lines{}, stderr: &lines{}, base: "http://" + addr, done: make(chan error, 1),
	}
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	must(t, p.cmd.Start())
	exited := make(chan struct{})
	go func() {
		p.done <- p.cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill() // an error means that it is gone already
		<-exited
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		status, _, err := get(p.base + "/-/ready")
		if err == nil && status == http.StatusOK {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("Prometheus is not ready: %d %v\n%s", status, err, p.stderr)
		}
	}
}
