package groups_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/groups"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

// sampleBatch is alerts as large as those of Falco's rules usually are, some 1.1 KB of JSON.
func sampleBatch(from, n int, key func(int) string) []pipeline.Inbox {
	at := map[string]int{}
	var in []pipeline.Inbox
	for i := from; i < from+n; i++ {
		labels := map[string]string{
			"rule": "Terminal shell in container", "priority": "Notice", "source": "syscall", "hostname": fmt.Sprintf("node-%04d", i%500),
			"container_id": fmt.Sprintf("%012x", i), "k8s_ns_name": "shop", "k8s_pod_name": fmt.Sprintf("cart-%d", i), "proc_name": "bash",
		}
		a := pipeline.Alert{
			ID: fmt.Sprintf("0197a0de-0000-7000-8000-%012x", i), Time: t0, Rule: labels["rule"], Priority: pipeline.Notice, Source: "syscall",
			Hostname: labels["hostname"], Output: "A shell was spawned in a container with an attached terminal (user=root shell=bash parent=runc cmdline=bash -i)",
			Tags: []string{"container", "shell", "mitre_execution", "T1059"}, Labels: labels, Fingerprint: pipeline.FingerprintOf(labels),
			OutputFields: pipeline.Fields{
				"evt.time": json.Number("1782900000000000001"), "user.name": "root", "proc.name": "bash", "proc.pname": "runc",
				"proc.cmdline": "bash -i", "container.id": labels["container_id"], "container.image.repository": "docker.io/library/cart",
			},
			Count: 1, FirstSeen: t0, LastSeen: t0,
		}
		k := key(i)
		if _, there := at[k]; !there {
			at[k] = len(in)
			in = append(in, pipeline.Inbox{Key: k, Route: "root", Receiver: "ops", Labels: map[string]string{"k8s_pod_name": labels["k8s_pod_name"]}, Wait: 30 * time.Second})
		}
		in[at[k]].Alerts = append(in[at[k]].Alerts, a)
	}
	return in
}

func ownGroup(n int) string { return fmt.Sprintf(`{}/team:{k8s_pod_name="cart-%d"}`, n) }

// What 256 alerts of as many groups cost from their coming to their going, ours and Redis's.
func BenchmarkGroups(b *testing.B) {
	server := redistest.Start(b)
	g := groups.NewShared(open(b, server.URL()+"?timeout=20s"))
	var put, flush time.Duration
	n, before := 0, redisTime(b, server)
	b.ReportAllocs()
	for b.Loop() {
		in := sampleBatch(n, 256, ownGroup)
		n += 256
		begun := time.Now()
		if _, _, err := g.Put(b.Context(), t0, in, nil); err != nil {
			b.Fatal(err)
		}
		put += time.Since(begun)
		begun = time.Now()
		for {
			claimed, err := g.Claim(b.Context(), t0.Add(time.Hour), 64)
			if err != nil {
				b.Fatal(err)
			}
			if len(claimed) == 0 {
				break
			}
			done := make([]pipeline.Settled, len(claimed))
			for i, c := range claimed {
				done[i] = pipeline.Settled{Key: c.Key, Token: c.Token, Upto: c.Upto, Gone: true}
			}
			if _, err := g.Settle(b.Context(), t0.Add(time.Hour), done); err != nil {
				b.Fatal(err)
			}
		}
		flush += time.Since(begun)
	}
	b.ReportMetric(float64(put.Microseconds())/float64(n), "put-µs/group")
	b.ReportMetric(float64(flush.Microseconds())/float64(n), "flush-µs/group")
	b.ReportMetric((redisTime(b, server)-before)*1e6/float64(n), "redis-cpu-µs/group")
}

// redisTime is what the server has used of the processors, in seconds.
func redisTime(b *testing.B, server *redistest.Server) (seconds float64) {
	return info(b, server, "cpu", "used_cpu_user:") + info(b, server, "cpu", "used_cpu_sys:")
}

func info(b *testing.B, server *redistest.Server, section, name string) float64 {
	b.Helper()
	text, _ := server.Do("INFO", section).(string)
	for line := range strings.Lines(text) {
		if value, is := strings.CutPrefix(line, name); is {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatalf("INFO %s has no %s", section, name)
	return 0
}

// What a group with an alert takes of Redis's memory.
func BenchmarkMemory(b *testing.B) {
	server := redistest.Start(b)
	g := groups.NewShared(open(b, server.URL()+"?timeout=20s"))
	before := info(b, server, "memory", "used_memory:")
	const n = 20_000
	for b.Loop() {
		for from := 0; from < n; from += 250 {
			if _, _, err := g.Put(b.Context(), t0, sampleBatch(from, 250, ownGroup), nil); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric((info(b, server, "memory", "used_memory:")-before)/n, "bytes/group")
		server.Do("FLUSHALL")
	}
}
