package repeats_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats"
)

// A batch of 256 hits, nine of ten of them repeats. An op is a hit.
func benchmarkObserve(b *testing.B, w repeats.Engine) {
	now := time.Now()
	batch := make([]pipeline.Hit, 256)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n%len(batch) == 0 {
			for i := range batch {
				batch[i] = pipeline.Hit{Key: strconv.Itoa((n + i) / 10 % 1_000_000), ID: strconv.Itoa(n + i), At: now, For: time.Minute}
			}
			if _, err := w.Observe(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
		n++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hits/s")
}

func BenchmarkMemory(b *testing.B) { benchmarkObserve(b, repeats.NewMemory(0)) }
