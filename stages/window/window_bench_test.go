package window_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/window"
)

// name is a key as match makes one, in memory that it uses again.
type name []byte

const nameHead = "Port scan from a container\x00"

func (n *name) of(i int) string {
	*n = strconv.AppendInt(append((*n)[:0], nameHead...), int64(i), 10)
	return unsafe.String(unsafe.SliceData(*n), len(*n))
}

// benchmark shows occurrences to so many keys in turn, in an order that no cache likes, each every 20 s of a
// minute's window: three are in view. An op is an occurrence.
func benchmark(b *testing.B, keys int, w pipeline.Window, fill func(*pipeline.Observation, int)) {
	m, key, start := window.NewMemory(window.DefaultConfig()), make(name, 0, 64), time.Now()
	o, judged := pipeline.Observation{Window: &w}, pipeline.Judged{}
	n := 0
	show := func() {
		o.Key = key.of(n * 7919 % keys)
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
	measure(b, show)
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
	ports := make([]string, 100)
	for i := range ports {
		ports[i] = strconv.Itoa(40000 + i)
	}
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
	measure(b, func() {
		now = now.Add(600 * time.Microsecond)
		o.At, o.Arrived = now, now
		m.Judge(&o, &judged)
	})
}

// measure reports updates by the time of a processor that they took, which a busy machine does not change much.
func measure(b *testing.B, show func()) {
	b.Helper()
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		show()
	}
	b.ReportMetric(float64(b.N)/(cpu(b)-before).Seconds(), "updates/cpu-s")
}

// cpu is the processor time of this process.
func cpu(b *testing.B) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
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
