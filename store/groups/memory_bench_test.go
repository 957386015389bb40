package groups_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/groups"
)

func oneGroup(int) string { return `{}/team:{rule="Terminal shell in container"}` }

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

func drain(b *testing.B, g *groups.Memory) {
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

func settleAll(b *testing.B, g *groups.Memory, claimed []pipeline.Claimed) {
	done := make([]pipeline.Settled, len(claimed))
	for i, c := range claimed {
		done[i] = pipeline.Settled{Key: c.Key, Token: c.Token, Upto: c.Upto, Gone: true}
	}
	if _, err := g.Settle(b.Context(), t0.Add(time.Hour), done); err != nil {
		b.Fatal(err)
	}
}

// What a batch costs. Groups are drained when 100,000 are there.
func BenchmarkMemoryPut(b *testing.B) {
	for name, c := range map[string]struct {
		size int
		key  func(int) string
	}{
		"100 alerts of one group":      {100, oneGroup},
		"256 alerts of as many groups": {256, ownGroup},
	} {
		b.Run(name, func(b *testing.B) {
			g := openMemory(b, b.TempDir())
			batches := make([][]pipeline.Inbox, 400)
			for i := range batches {
				batches[i] = sampleBatch(i*c.size, c.size, c.key)
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
func BenchmarkMemoryClaimAndSettle(b *testing.B) {
	g := openMemory(b, b.TempDir())
	fill := func() {
		for i := range 400 {
			if _, _, err := g.Put(b.Context(), t0, sampleBatch(i*256, 256, ownGroup), nil); err != nil {
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
