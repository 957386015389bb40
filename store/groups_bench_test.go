package store_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store"
)

// sampleAlert is as large as those of Falco's rules usually are, some 1.1 KB of JSON.
func sampleAlert(n int) pipeline.Alert {
	labels := map[string]string{
		"rule": "Terminal shell in container", "priority": "Notice", "source": "syscall", "hostname": fmt.Sprintf("node-%04d", n%500),
		"container_id": fmt.Sprintf("%012x", n), "k8s_ns_name": "shop", "k8s_pod_name": fmt.Sprintf("cart-%d", n), "proc_name": "bash",
	}
	return pipeline.Alert{
		ID: fmt.Sprintf("0197a0de-0000-7000-8000-%012x", n), Time: t0, Rule: labels["rule"], Priority: pipeline.Notice, Source: "syscall",
		Hostname: labels["hostname"], Output: "A shell was spawned in a container with an attached terminal (user=root shell=bash parent=runc cmdline=bash -i)",
		Tags: []string{"container", "shell", "mitre_execution", "T1059"}, Labels: labels, Fingerprint: pipeline.FingerprintOf(labels),
		OutputFields: pipeline.Fields{
			"evt.time": json.Number("1782900000000000001"), "user.name": "root", "proc.name": "bash", "proc.pname": "runc",
			"proc.cmdline": "bash -i", "container.id": labels["container_id"], "container.image.repository": "docker.io/library/cart", "proc.tty": json.Number("34816"),
		},
		Count: 1, FirstSeen: t0, LastSeen: t0,
	}
}

func batch(from, n int, key func(int) string) []pipeline.Inbox {
	at := map[string]int{}
	var in []pipeline.Inbox
	for i := from; i < from+n; i++ {
		a := sampleAlert(i)
		k := key(i)
		j, there := at[k]
		if !there {
			j = len(in)
			at[k] = j
			in = append(in, pipeline.Inbox{Key: k, Route: "root", Receiver: "ops", Labels: map[string]string{"k8s_pod_name": a.Labels["k8s_pod_name"]}, Wait: 30 * time.Second})
		}
		in[j].Alerts = append(in[j].Alerts, a)
	}
	return in
}

func ownGroup(n int) string { return fmt.Sprintf(`{}/team:{k8s_pod_name="cart-%d"}`, n) }
func oneGroup(int) string   { return `{}/team:{rule="Terminal shell in container"}` }

// meter adds up what some of a benchmark takes of the processors: on a busy machine wall time tells nothing.
type meter struct{ used, begun time.Duration }

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (m *meter) start() { m.begun = cpuTime() }
func (m *meter) stop()  { m.used += cpuTime() - m.begun }

func (m *meter) report(b *testing.B, what string, n int) {
	b.ReportMetric(float64(n)/m.used.Seconds(), what+"/cpu-s")
}

func drain(b *testing.B, g *store.Groups) {
	for {
		claimed, err := g.Claim(b.Context(), t0.Add(time.Hour), 64)
		if err != nil {
			b.Fatal(err)
		}
		if len(claimed) == 0 {
			return
		}
		settleAll(b, g, claimed)
	}
}

func settleAll(b *testing.B, g *store.Groups, claimed []pipeline.Claimed) {
	done := make([]pipeline.Settled, len(claimed))
	for i, c := range claimed {
		done[i] = pipeline.Settled{Key: c.Key, Token: c.Token, Upto: c.Upto, Gone: true}
	}
	if _, err := g.Settle(b.Context(), t0.Add(time.Hour), done); err != nil {
		b.Fatal(err)
	}
}

// What a batch costs. Groups are drained when 100,000 are there.
func BenchmarkGroupsPut(b *testing.B) {
	for name, c := range map[string]struct {
		size int
		key  func(int) string
	}{
		"100 alerts of one group":      {100, oneGroup},
		"256 alerts of as many groups": {256, ownGroup},
	} {
		b.Run(name, func(b *testing.B) {
			g := open(b, filepath.Join(b.TempDir(), "tocsin.db")).Groups()
			batches := make([][]pipeline.Inbox, 400)
			for i := range batches {
				batches[i] = batch(i*c.size, c.size, c.key)
			}
			b.ReportAllocs()
			n, total := 0, 0
			var m meter
			for b.Loop() {
				m.start()
				if _, _, err := g.Put(b.Context(), t0, batches[n], nil); err != nil {
					b.Fatal(err)
				}
				m.stop()
				total += c.size
				if n++; n == len(batches) {
					b.StopTimer()
					drain(b, g)
					b.StartTimer()
					n = 0
				}
			}
			m.report(b, "alerts", total)
		})
	}
}

// What it costs to flush 64 groups with an alert each, of 100,000.
func BenchmarkGroupsClaimAndSettle(b *testing.B) {
	g := open(b, filepath.Join(b.TempDir(), "tocsin.db")).Groups()
	fill := func() {
		for i := range 400 {
			if _, _, err := g.Put(b.Context(), t0, batch(i*256, 256, ownGroup), nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportAllocs()
	total := 0
	var m meter
	for b.Loop() {
		m.start()
		claimed, err := g.Claim(b.Context(), t0.Add(time.Hour), 64)
		if err != nil {
			b.Fatal(err)
		}
		if len(claimed) == 0 {
			b.StopTimer()
			fill()
			b.StartTimer()
			continue
		}
		settleAll(b, g, claimed)
		m.stop()
		total += len(claimed)
	}
	m.report(b, "groups", total)
}
