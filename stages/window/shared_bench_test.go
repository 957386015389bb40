package window_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/window"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

// names are keys as match makes them.
func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("Port scan from a container\x00%012x\x0010.0.%d.%d", i, i>>8&255, i&255)
	}
	return all
}

// sharedOn is an engine on a Redis of its own.
func sharedOn(b *testing.B) *window.Shared {
	s := redistest.Start(b)
	return window.NewShared(openStore(b, s.URL()), window.DefaultConfig())
}

// Batches of 256 from four goroutines, each key every 20 s of a minute's window. An op is a batch.
func BenchmarkShared(b *testing.B) {
	for _, keys := range []int{16, 10_000, 100_000} {
		b.Run(fmt.Sprint("keys=", keys), func(b *testing.B) {
			e, all := sharedOn(b), names(keys)
			w, start := pipeline.Window{Within: time.Minute, Count: 10}, time.Now()
			batch := func(n int) []pipeline.Observation {
				o := make([]pipeline.Observation, 256)
				for i := range o {
					n := n*len(o) + i
					at := start.Add(time.Duration(float64(n) / float64(keys) * float64(20*time.Second)))
					o[i] = pipeline.Observation{Window: &w, Key: all[n*7919%keys], ID: fmt.Sprint(n), At: at, Arrived: at}
				}
				return o
			}
			var mu sync.Mutex
			next := 0
			take := func() int {
				mu.Lock()
				defer mu.Unlock()
				next++
				return next
			}
			for range 4 * keys / 256 {
				mustJudge(b, e, batch(take()))
			}
			b.ReportAllocs()
			b.ResetTimer()
			var group sync.WaitGroup
			left := make(chan struct{}, b.N)
			for range b.N {
				left <- struct{}{}
			}
			close(left)
			for range 4 {
				group.Go(func() {
					for range left {
						mustJudge(b, e, batch(take()))
					}
				})
			}
			group.Wait()
			b.ReportMetric(float64(b.N)*256/b.Elapsed().Seconds(), "updates/s")
		})
	}
}

func mustJudge(b *testing.B, e window.Engine, o []pipeline.Observation) {
	judged, err := e.Observe(b.Context(), o)
	if err != nil || judged[0].Degraded {
		b.Errorf("Observe = %v, %v", judged[0], err)
	}
}

// What an alert waits for alone.
func BenchmarkSharedOne(b *testing.B) {
	e, w, all := sharedOn(b), pipeline.Window{Within: time.Minute, Count: 10}, names(1000)
	var took []time.Duration
	n := 0
	for b.Loop() {
		now := time.Now()
		mustJudge(b, e, []pipeline.Observation{{Window: &w, Key: all[n%len(all)], ID: fmt.Sprint(n), At: now, Arrived: now}})
		took = append(took, time.Since(now))
		n++
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// What a key takes in Redis.
func BenchmarkSharedMemory(b *testing.B) {
	for _, occurrences := range []int{1, 4, 1000} {
		b.Run(fmt.Sprint("occurrences=", occurrences), func(b *testing.B) {
			s := redistest.Start(b)
			e := window.NewShared(openStore(b, s.URL()), window.DefaultConfig())
			w, now := pipeline.Window{Within: time.Minute, Count: 10_000}, time.Now()
			for b.Loop() {
				s.Do("FLUSHALL")
				batch := make([]pipeline.Observation, occurrences)
				for i := range batch {
					at := now.Add(time.Duration(i) * time.Millisecond)
					batch[i] = pipeline.Observation{Window: &w, Key: "k", ID: fmt.Sprint(i), At: at, Arrived: at}
				}
				mustJudge(b, e, batch)
			}
			c := s.Client()
			b.ReportMetric(float64(c.MemoryUsage(b.Context(), c.Keys(b.Context(), "*").Val()[0]).Val()), "B/key")
		})
	}
}
