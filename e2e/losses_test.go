package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A burst that the ring cannot hold is told to people and counted, and what is found around it is flagged.
func TestLostEventsAreTold(t *testing.T) {
	needRoot(t)
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("x"), 0o600))
	l := newLayout(t, `
- rule: Secret read
  desc: d
  condition: evt.type in (open, openat) and fd.name = `+secret+`
  output: secret read
  priority: NOTICE
`)
	sink := newWebhookSink(t)
	config := l.config("0s", webhookReceiver(sink), "sensor: {ring_buffer: 64KiB}", "dedupe: {for: 0s}")
	p := start(t, l.dir, "run", config)
	alerts := func(rule string) (all []map[string]string) {
		for _, post := range sink.received() {
			for _, a := range post.Alerts {
				if a.Labels["rule"] == rule {
					all = append(all, a.Annotations)
				}
			}
		}
		return all
	}

	must(t, p.cmd.Process.Signal(syscall.SIGSTOP))
	for range 3000 { // some 200 bytes each, into 64 KiB
		f, err := os.Open(os.DevNull)
		must(t, err)
		must(t, f.Close())
	}
	must(t, p.cmd.Process.Signal(syscall.SIGCONT))
	eventually(t, "people are told of the loss", func() error {
		if told := alerts("Events lost"); len(told) == 0 {
			return fmt.Errorf("%d posts", len(sink.received()))
		}
		return nil
	})
	if shed := p.metric(t, "tocsin_losses_total", `cause="shed"`); shed == 0 {
		t.Error("no event was shed, though only a mild rule asked for them")
	}
	_, err := os.ReadFile(secret)
	must(t, err)
	eventually(t, "the secret's reader is told", func() error {
		told := alerts("Secret read")
		if len(told) == 0 {
			return fmt.Errorf("%d posts", len(sink.received()))
		}
		if told[0]["lossy"] != "true" {
			t.Fatalf("the alert after a loss is not flagged: %v", told[0])
		}
		return nil
	})
}
