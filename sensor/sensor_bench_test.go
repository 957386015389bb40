package sensor

import (
	"context"
	"encoding/binary"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// BenchmarkRun makes 50,000 records of opens an op and then reads them: read-ns/event is what user
// space pays to take one record out of the ring; the rest of the op's time is opening files.
func BenchmarkRun(b *testing.B) {
	needKernel(b)
	const ring, records = 16 << 20, 50_000 // some 200 bytes each
	s, err := load(ring, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.start([]pipeline.EventType{pipeline.EventOpenat}); err != nil {
		b.Fatal(err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel() // Run then hands over what the ring holds, and returns
	dir := b.TempDir()
	read, size, reading := 0, 0, time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		for range records {
			fd, err := unix.Open(dir, unix.O_RDONLY, 0)
			if err != nil {
				b.Fatal(err)
			}
			unix.Close(fd)
		}
		start := time.Now()
		err := s.Run(ended, func(r pipeline.Sample) error {
			read++
			size += len(r)
			return nil
		})
		reading += time.Since(start)
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(reading.Nanoseconds())/float64(read), "read-ns/event")
	b.ReportMetric(float64(read)/reading.Seconds(), "read-events/s")
	b.ReportMetric(float64(size)/float64(read), "B/event")
}

// BenchmarkLatency opens a file every few milliseconds on an otherwise idle sensor: p50-us and p99-us are from
// the event's own time to its record's arrival in user space.
func BenchmarkLatency(b *testing.B) {
	needKernel(b)
	s, err := load(8<<20, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.start([]pipeline.EventType{pipeline.EventTruncate}); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	arrived := make(chan time.Duration, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, func(r pipeline.Sample) error {
			var h bpf.SensorEventHeader
			if _, err := binary.Decode(r, binary.NativeEndian, &h); err != nil {
				return err
			}
			if pipeline.EventType(h.Type) == pipeline.EventTruncate && int(h.Pid) == os.Getpid() {
				var now unix.Timespec
				if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
					return err
				}
				arrived <- time.Duration(now.Nano() - int64(h.Time))
			}
			return nil
		})
	}()
	var took []time.Duration
	for b.Loop() {
		time.Sleep(3 * time.Millisecond)     // the pace of the load, not a wait
		_ = unix.Truncate("/nonexistent", 0) // no other process makes this call all the time
		took = append(took, <-arrived)
	}
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
}
