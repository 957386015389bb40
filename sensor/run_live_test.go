package sensor

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// An event that comes in the instant in which the reader falls asleep wakes it all the same. The events are
// timed for that instant, and one of some thousand meets it.
func TestNoEventIsLeftToASleepingReader(t *testing.T) {
	const (
		events  = 6_000
		step    = time.Microsecond
		tooLate = longestWait / 5
	)
	needKernel(t)
	s, err := load(minRingBuffer, 0) // our own calls are reported
	if err != nil {
		t.Fatal(err)
	}
	if err := s.start([]pipeline.EventType{grave}); err != nil {
		t.Fatal(err)
	}
	// What other processes do would wake the reader, too: of the scheduler's programs nothing is wanted.
	for _, l := range s.links[:3] {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s.links = s.links[3:]
	var seen atomic.Uint32
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, func(r pipeline.Sample) error {
			var h bpf.SensorEventHeader
			if _, err := binary.Decode(r, binary.NativeEndian, &h); err != nil {
				return err
			}
			if pipeline.EventType(h.Type) == grave && int(h.Pid) == os.Getpid() {
				seen.Add(1)
			}
			return nil
		})
	}()
	defer func() {
		cancel()
		if err := errors.Join(<-ended, s.Close()); err != nil {
			t.Error(err)
		}
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pause := nap // from an event to the next: so long takes the reader to fall asleep
	for i := range events {
		for start := time.Now(); time.Since(start) < pause; { // sleeping would not be exact enough
		}
		var asleep uint32
		if err := s.objects.ReaderWaits.Get(&asleep); err != nil {
			t.Fatal(err)
		}
		flood(t, grave, 1)
		if asleep != 0 {
			pause -= step
		} else {
			pause += step
		}
		for start := time.Now(); seen.Load() == uint32(i); {
			if late := time.Since(start); late > tooLate {
				t.Fatalf("event %d was not seen within %v", i, late)
			}
			runtime.Gosched()
		}
	}
}
