package history

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

// realistic is an alert of the size that a rule of the stock set makes in a pod: 2 KB of JSON.
func realistic(i int, at time.Time) pipeline.Alert {
	a := pipeline.Alert{
		ID: fmt.Sprintf("0197290e-8000-7000-8000-%012d", i), Time: at, Rule: "Read sensitive file untrusted", Priority: pipeline.Critical,
		Source: "syscall", Hostname: "node-1", Tags: []string{"container", "filesystem", "mitre_credential_access", "T1555"},
		Output: fmt.Sprintf("A program read /etc/shadow that has no business there: file=/etc/shadow user=root pid=%d process=cat parent=bash command=cat /etc/shadow container=api-%d image=registry.example.org/api:1.4.2", i, i),
		OutputFields: pipeline.Fields{
			"evt.time": 1751364000000000000 + int64(i), "fd.name": "/etc/shadow", "user.name": "root", "proc.name": "cat", "proc.pid": i,
			"proc.pname": "bash", "proc.cmdline": "cat /etc/shadow", "container.id": "3f2a9c81d7e4", "container.name": "api",
			"container.image.repository": "registry.example.org/api", "k8s.ns.name": "payments", "k8s.pod.name": "api-7c9",
		},
		Labels: map[string]string{
			"alertname": "Read sensitive file untrusted", "rule": "Read sensitive file untrusted", "priority": "Critical", "severity": "critical",
			"source": "syscall", "hostname": "node-1", "container_id": "3f2a9c81d7e4", "container_name": "api",
			"container_image": "registry.example.org/api:1.4.2", "k8s_ns_name": "payments", "k8s_pod_name": fmt.Sprint("api-", i),
			"proc_exepath": "/usr/bin/cat", "object": "/etc/shadow", "team": "payments",
		},
		Annotations: map[string]string{
			"summary": "Read sensitive file untrusted", "description": "A program reads a file that holds credentials and is none of those that have to.",
			"user_name": "root", "proc_name": "cat", "proc_pname": "bash", "proc_cmdline": "cat /etc/shadow", "runbook_url": "https://runbooks.example.org/shadow",
		},
		Ancestry: "systemd(1) > containerd-shim(812) > bash(4021) > cat(4022)",
	}
	a.Fingerprint = pipeline.FingerprintOf(a.Labels)
	return a
}

func benchFile(b *testing.B) *History {
	b.Helper()
	h, err := OpenFile(b.Context(), DefaultConfig(), filepath.Join(b.TempDir(), "history.db"), 5*time.Minute, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { h.Close() })
	return h
}

const perBatch = 256

// cpu is what this process has used of processors: on a busy machine the only time that says something.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it cannot fail for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func report(b *testing.B, batches int, used time.Duration) {
	b.ReportMetric(float64(batches*perBatch)/used.Seconds(), "alerts/cpu-s")
	b.ReportMetric(float64(batches*perBatch)/b.Elapsed().Seconds(), "alerts/s")
}

// One op is a batch of 256 repeats of known alerts.
func BenchmarkFileRepeats(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	h := benchFile(b)
	known := make([]pipeline.Alert, perBatch)
	now := time.Now()
	for i := range known {
		known[i] = realistic(i, now)
	}
	if err := h.Record(b.Context(), now, known, nil); err != nil {
		b.Fatal(err)
	}
	n, used := 0, time.Duration(0)
	for b.Loop() {
		n++
		for i := range known {
			known[i].ID = fmt.Sprint(n, "-", i)
			known[i].Time = known[i].Time.Add(time.Millisecond)
		}
		begun := cpu()
		if err := h.Record(b.Context(), now, nil, known); err != nil {
			b.Fatal(err)
		}
		if n%8 == 0 { // as much as a transaction takes
			h.catchUp(b.Context())
		}
		used += cpu() - begun
	}
	report(b, n, used)
}

// One op is a batch of 256 alerts that were never seen.
func BenchmarkFileDistinct(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	h := benchFile(b)
	now := time.Now()
	alerts := make([]pipeline.Alert, perBatch)
	n, used := 0, time.Duration(0)
	for b.Loop() {
		b.StopTimer()
		for i := range alerts {
			alerts[i] = realistic(n*perBatch+i, now)
		}
		n++
		b.StartTimer()
		begun := cpu()
		if err := h.Record(b.Context(), now, alerts, nil); err != nil {
			b.Fatal(err)
		}
		if n%8 == 0 { // as much as a transaction takes
			h.catchUp(b.Context())
		}
		used += cpu() - begun
	}
	report(b, n, used)
}

// One op is one alert that was never seen, recorded alone.
func BenchmarkFileSingle(b *testing.B) {
	h := benchFile(b)
	now := time.Now()
	n, used := 0, time.Duration(0)
	for b.Loop() {
		alert := []pipeline.Alert{realistic(n, now)}
		n++
		begun := cpu()
		if err := h.Record(b.Context(), now, alert, nil); err != nil {
			b.Fatal(err)
		}
		if n%1000 == 0 {
			h.catchUp(b.Context())
		}
		used += cpu() - begun
	}
	b.ReportMetric(float64(used.Microseconds())/float64(n), "cpu-µs/alert")
}

// One op is a batch of 256 stateful alerts that are posted again, as Prometheus does.
func BenchmarkFilePostedAgain(b *testing.B) {
	h := benchFile(b)
	known := make([]pipeline.Alert, perBatch)
	now := time.Now()
	for i := range known {
		known[i] = realistic(i, now)
	}
	n, used := 0, time.Duration(0)
	for b.Loop() {
		n++
		now = now.Add(time.Minute)
		for i := range known {
			known[i].ID = fmt.Sprint(n, "-", i)
			known[i].Stateful = &pipeline.Stateful{StartsAt: known[i].Time, UpdatedAt: now, EndsAt: now.Add(4 * time.Minute)}
		}
		begun := cpu()
		if err := h.Record(b.Context(), now, known, nil); err != nil {
			b.Fatal(err)
		}
		if n%8 == 0 { // as much as a transaction takes
			h.catchUp(b.Context())
		}
		used += cpu() - begun
	}
	report(b, n, used)
}

// One op reads 100,000 live alerts one after the other, or looks for the one that has a label. The heap is what history
// itself holds of them.
func BenchmarkFileLive(b *testing.B) {
	const all = 100_000
	h := benchFile(b)
	now := time.Now()
	before := heap()
	for i := 0; i < all; i += perBatch {
		alerts := make([]pipeline.Alert, min(perBatch, all-i))
		for j := range alerts {
			alerts[j] = realistic(i+j, now)
		}
		if err := h.Record(b.Context(), now, alerts, nil); err != nil {
			b.Fatal(err)
		}
	}
	held := heap() - before
	one := realistic(4711, now)
	for name, c := range map[string]struct {
		ms   []pipeline.Matcher
		want int
	}{
		"all":   {nil, all},
		"label": {[]pipeline.Matcher{{Name: "k8s_pod_name", Value: one.Labels["k8s_pod_name"], IsEqual: true}}, 1},
	} {
		b.Run(name, func(b *testing.B) {
			begun, rounds := cpu(), 0
			for b.Loop() {
				rounds++
				n := 0
				if err := h.EachLive(b.Context(), now, c.ms, func(pipeline.Live) error { n++; return nil }); err != nil || n != c.want {
					b.Fatalf("%d live, %v", n, err)
				}
			}
			b.ReportMetric(float64(held)/(1<<20), "MiB-heap")
			b.ReportMetric((cpu()-begun).Seconds()/float64(rounds), "cpu-s/op")
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// One op looks for text that is in none of 100,000 occurrences.
func BenchmarkFileSearch(b *testing.B) {
	h := benchFile(b)
	now := time.Now()
	for i := 0; i < 100_000; i += 1000 {
		alerts := make([]pipeline.Alert, 1000)
		for j := range alerts {
			alerts[j] = realistic(i+j, now)
		}
		if err := h.Record(b.Context(), now, alerts, nil); err != nil {
			b.Fatal(err)
		}
	}
	begun, rounds := cpu(), 0
	for b.Loop() {
		rounds++
		page, err := h.Search(b.Context(), pipeline.HistoryQuery{Text: "nowhere to be found"})
		if err != nil || page.Looked != 100_000 {
			b.Fatal(page.Looked, err)
		}
	}
	b.ReportMetric((cpu()-begun).Seconds()/float64(rounds), "cpu-s/op")
}

// One op is a batch of 256 alerts that were never seen, to a Redis on this machine, whose own time does not count.
func BenchmarkRedisDistinct(b *testing.B) {
	h := openTestRedis(redistest.Start(b).URL(), func() {})(b, DefaultConfig())
	now := time.Now()
	alerts := make([]pipeline.Alert, perBatch)
	n, used := 0, time.Duration(0)
	for b.Loop() {
		b.StopTimer()
		for i := range alerts {
			alerts[i] = realistic(n*perBatch+i, now)
		}
		n++
		b.StartTimer()
		begun := cpu()
		if err := h.Record(b.Context(), now, alerts, nil); err != nil {
			b.Fatal(err)
		}
		used += cpu() - begun
	}
	report(b, n, used)
}

// BenchmarkStepsOfOne asks for the way of one alert among 3,000,000 steps: so many a gigabyte has, in blocks of a busy
// router and of one that is almost quiet.
func BenchmarkStepsOfOne(b *testing.B) {
	for _, size := range []int{maxLines, blockFrom} {
		b.Run(fmt.Sprint("blocks of ", size), func(b *testing.B) {
			h := benchFile(b)
			lines := make([]line, size)
			random := rand.New(rand.NewPCG(1, 2))
			var subject uint64
			for range 3_000_000 / size {
				for i := range lines {
					subject = random.Uint64()
					lines[i] = line{subject, pipeline.Step{At: time.Now(), Stage: "deliver", Verdict: "sent", Integration: "sink.webhook-7946deab"}}
				}
				h.write(b.Context(), lines)
			}
			for b.Loop() {
				if steps, err := h.engine.steps(b.Context(), subject, maxSteps); err != nil || len(steps) != 1 {
					b.Fatal(len(steps), err)
				}
			}
		})
	}
}
