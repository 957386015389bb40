package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// Connects are counted by container though no rule asks for them: what the call returned, and what became
// of it in the background.
func TestConnectsAreCountedByContainer(t *testing.T) {
	needRoot(t)
	c := newContainer(t)
	c.hostNetwork = true
	program := compile(t, "testdata/connects.c")
	copyProgram(t, program, filepath.Join(c.bundle, "rootfs/connects"))
	l := newLayout(t, shadowRules)
	p := start(t, l.dir, "run", l.config("0s", "stdout_configs: [{}]", "sensor: {connection_metrics: true}"))
	c.run(t, 0, "/connects")

	want := map[string]float64{"": 4, "ECONNREFUSED": 3, "ENETUNREACH": 1, "ETIMEDOUT": 1}
	eventually(t, "the container's connects are counted", func() error {
		for errno, n := range want {
			if got := connectsOf(t, p, c.shortID(), errno); got != n {
				return fmt.Errorf("%q counts %v, want %v", errno, got, n)
			}
		}
		return nil
	})
	if n := p.metric(t, "tocsin_tcp_connect_errors_total", `container_id="`+c.shortID()+`"`); n != 5 {
		t.Errorf("%v errors in the container, want 5", n)
	}
	before := connectsOf(t, p, "host", "ECONNREFUSED")
	must(t, exec.Command(program).Run())
	eventually(t, "the host's connects are counted", func() error {
		if n := connectsOf(t, p, "host", "ECONNREFUSED") - before; n < 3 {
			return fmt.Errorf("%v more were refused, want 3", n)
		}
		return nil
	})
}

// Without connection_metrics there is no such metric.
func TestConnectsAreNotCountedWhenTurnedOff(t *testing.T) {
	needRoot(t)
	l := newLayout(t, shadowRules)
	p := start(t, l.dir, "run", l.config("0s", "stdout_configs: [{}]", "sensor: {connection_metrics: false}"))
	if n := p.metric(t, "tocsin_tcp_connects_total"); n != 0 { // asking is a connect
		t.Errorf("%v connects counted, want none", n)
	}
}

// connectsOf is how many connects of a container ended with errno; "" is none.
func connectsOf(t *testing.T, p *process, container, errno string) float64 {
	t.Helper()
	label := `container_id="` + container + `"`
	if errno == "" {
		return p.metric(t, "tocsin_tcp_connects_total", label)
	}
	return p.metric(t, "tocsin_tcp_connect_errors_total", label, `errno="`+errno+`"`)
}
