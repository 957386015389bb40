package sensor

import (
	"context"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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
