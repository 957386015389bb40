package window_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/window"
)

// names are keys as match makes them.
func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("Port scan from a container\x00%012x\x0010.0.%d.%d", i, i>>8&255, i&255)
	}
	return all
}

// benchmark shows occurrences to so many keys in turn, in an order that no cache likes, each every 20 s of a
// minute's window: three are in view. An op is an occurrence.
func benchmark(b *testing.B, keys int, w pipeline.Window, fill func(*pipeline.Observation, int)) {
	m, all, start := window.NewMemory(window.DefaultConfig()), names(keys), time.Now()
	o, judged := pipeline.Observation{Window: &w}, pipeline.Judged{}
	n := 0
	show := func() {
		o.Key = all[n*7919%keys]
		o.At = start.Add(time.Duration(float64(n) / float64(keys) * float64(20*time.Second)))
		o.Arrived = o.At
		if fill != nil {
			fill(&o, n)
		}
		m.Judge(&o, &judged)
		n++
	}
	for range 6 * keys {
		show()
	}
	b.ReportAllocs()
	for b.Loop() {
		show()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
	if m.Keys() != keys || m.Evicted() != 0 {
		b.Fatalf("%d keys, %d evicted, want %d and none", m.Keys(), m.Evicted(), keys)
	}
}

func BenchmarkCount(b *testing.B) {
	for _, keys := range []int{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint("keys=", keys), func(b *testing.B) {
			benchmark(b, keys, pipeline.Window{Within: time.Minute, Count: 10}, nil)
		})
	}
}

func BenchmarkDistinct(b *testing.B) {
	ports := names(100)
	benchmark(b, 1000, pipeline.Window{Within: time.Minute, Distinct: 10}, func(o *pipeline.Observation, n int) {
		o.Distinct = ports[n%len(ports)]
	})
}

func BenchmarkRate(b *testing.B) {
	benchmark(b, 1000, pipeline.Window{Rate: 10, RateSpan: 10 * time.Second, RateFor: time.Minute}, nil)
}

func BenchmarkSequence(b *testing.B) {
	benchmark(b, 1000, pipeline.Window{Within: time.Minute, Steps: 3}, func(o *pipeline.Observation, n int) {
		o.Steps = 1 << (n % 2)
	})
}

// A hundred thousand occurrences of one key in view.
func BenchmarkAboveExact(b *testing.B) {
	w := pipeline.Window{Within: time.Minute, Count: 1_000_000}
	m, now := window.NewMemory(window.DefaultConfig()), time.Now()
	o, judged := pipeline.Observation{Window: &w, Key: "k"}, pipeline.Judged{}
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(600 * time.Microsecond)
		o.At, o.Arrived = now, now
		m.Judge(&o, &judged)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
}

// A million keys with four occurrences each. An op is all of them.
func BenchmarkResident(b *testing.B) {
	const keys = 1_000_000
	w := pipeline.Window{Within: time.Minute, Count: 10}
	for b.Loop() {
		debug.FreeOSMemory()
		before := resident(b)
		m, now := window.NewMemory(window.DefaultConfig()), time.Now()
		o, judged := pipeline.Observation{Window: &w, At: now, Arrived: now}, pipeline.Judged{}
		for range 4 {
			for i := range keys {
				o.Key = strconv.Itoa(i)
				m.Judge(&o, &judged)
			}
		}
		b.ReportMetric((resident(b)-before)/1e6, "MB-peak")
		debug.FreeOSMemory()
		b.ReportMetric((resident(b)-before)/1e6, "MB")
		b.ReportMetric(float64(m.Bytes())/1e6, "MB-counted")
		if m.Keys() != keys || m.Evicted() != 0 {
			b.Fatalf("%d keys, %d evicted, want %d and none", m.Keys(), m.Evicted(), keys)
		}
	}
}

// resident is this process's memory.
func resident(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, text, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.ParseFloat(strings.Fields(text)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib * 1024
}
