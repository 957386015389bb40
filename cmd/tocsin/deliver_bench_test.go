package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// benchAlert has what an alert of a stock rule about a pod has.
func benchAlert(n int) pipeline.Alert {
	a := pipeline.Alert{
		ID: fmt.Sprint("0197290e-8000-7000-8000-", n), Time: time.Unix(1764126000, 0).UTC(), Rule: "Read sensitive file untrusted", Priority: pipeline.Warning,
		Source: "syscall", Hostname: "node-1", Output: fmt.Sprintf("Sensitive file opened for reading by non-trusted program (file=/etc/shadow%d gparent=systemd process=cat user=root)", n),
		Annotations: map[string]string{
			"description": "an attempt to read any sensitive file by a program that is not trusted", "user_name": "root", "proc_name": "cat",
			"proc_pname": "bash", "proc_cmdline": "cat /etc/shadow", "runbook_url": "https://runbooks.example/shadow",
		},
		Labels: map[string]string{"container_id": "3f2a9c81d7e4", "container_name": "api", "container_image": "registry.example/api:1.4.2", "k8s_ns_name": "pay", "k8s_pod_name": "api-7c9"},
	}
	a.SetIdentity(map[string]string{"object": fmt.Sprint("/etc/shadow", n)})
	return a
}

// BenchmarkRenderAndSplit makes of a notification the requests that a channel would get. Run it with -cpu 1.
func BenchmarkRenderAndSplit(b *testing.B) {
	file := filepath.Join(b.TempDir(), "t.yaml")
	text := fmt.Sprintf(`data_dir: %s
route: {receiver: r}
receivers:
  - name: r
    wecom_configs: [{url: "http://127.0.0.1:1/send?key=k"}]
    dingtalk_configs: [{url: "http://127.0.0.1:1/send?access_token=k"}]
    feishu_configs: [{url: "http://127.0.0.1:1/k"}]
`, b.TempDir())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	p, err := newPlan(options{config: file, output: "json"}, nil, io.Discard, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	for _, alerts := range []int{1, 10, 100} {
		n := pipeline.Notification{ID: "n", Receiver: "r", Reason: "first notification", CreatedAt: time.Unix(1764126000, 0), GroupLabels: map[string]string{"rule": "x"}}
		for i := range alerts {
			n.Alerts = append(n.Alerts, benchAlert(i))
		}
		for integration, c := range p.channels {
			b.Run(fmt.Sprintf("%s/%d", integration[2:8], alerts), func(b *testing.B) {
				for b.Loop() {
					m, err := c.Render(n)
					if err != nil {
						b.Fatal(err)
					}
					if c.Cost(m) < 1 {
						b.Fatal("no requests")
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "notifications/s")
			})
		}
	}
}
