package sensor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Waking a reader costs the watched process more than everything else the kernel side does for an
// event. So after each batch the reader looks again by itself, and asks to be woken only when nothing
// came meanwhile.
const (
	// nap is the pause between two looks. Longer delays alerts and needs a larger ring; shorter burns
	// CPU while there are events.
	nap = 500 * time.Microsecond

	// longestWait is how long the reader sleeps when nobody wakes it. No event waits that long, unless the
	// kernel could not send the record that was to wake us (reader_waits in bpf/record.h). Shorter wakes an
	// idle machine more often.
	longestWait = 5 * time.Second
)

// past is a deadline that makes the reader return at once when the ring is empty.
var past = time.Unix(1, 0)

// Run reads records and hands each to handle until ctx ends; what the ring holds then is still
// handed over. A record is valid only during the call. An error of handle ends Run with that error.
func (s *Sensor) Run(ctx context.Context, handle func(pipeline.Sample) error) error {
	defer precede()()
	var stopping atomic.Bool
	stop := context.AfterFunc(ctx, func() {
		stopping.Store(true)
		// It fails only on a closed reader, which ends the loop below by itself.
		_ = s.reader.Flush()
	})
	defer stop()

	s.reader.SetDeadline(past) // nobody is woken who did not ask for it
	var record ringbuf.Record
	pace := pace{sensor: s}
	drained := 0 // bytes handed over since ctx ended: a busy machine fills the ring as fast as we read
	for drained <= s.reader.BufferSize() {
		err := s.reader.ReadInto(&record)
		switch {
		case err == nil:
			pace.got()
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err := pace.empty(); err != nil {
				return err
			}
			continue
		case errors.Is(err, ringbuf.ErrFlushed), errors.Is(err, ringbuf.ErrClosed):
			return nil
		default:
			return fmt.Errorf("read the sensor's ring buffer: %w", err)
		}
		if len(record.RawSample) == 0 {
			continue // it was sent to wake us
		}
		if err := handle(record.RawSample); err != nil {
			return err
		}
		if stopping.Load() {
			drained += len(record.RawSample)
		}
	}
	return nil
}

// pace decides how to wait when the ring is empty.
type pace struct {
	sensor *Sensor
	fresh  bool // records came since the ring was last found empty
	waits  bool // the deadline is in the future: the reader blocks

	barrier atomic.Uint32 // changing it orders what comes before and after, for other CPUs too
}

// got notes that a record was read.
func (p *pace) got() {
	p.fresh = true
	if p.waits {
		p.waits = false
		p.sensor.reader.SetDeadline(past)
	}
}

// empty is called when the ring has nothing more: it naps, or arranges for the next read to block.
func (p *pace) empty() error {
	if p.fresh {
		p.fresh = false
		pause := unix.NsecToTimespec(nap.Nanoseconds())
		// Not time.Sleep, which an idle Go process rounds up to a millisecond. Cut short by a signal
		// it only makes us look sooner.
		_ = unix.Nanosleep(&pause, nil)
		return nil
	}
	if err := p.sensor.objects.ReaderWaits.Set(uint32(1)); err != nil {
		return fmt.Errorf("ask the sensor to wake its reader: %w", err)
	}
	p.barrier.Add(1) // or the ring could be looked at before others see the request
	p.waits = p.sensor.reader.AvailableBytes() == 0
	deadline := past
	if p.waits {
		deadline = time.Now().Add(longestWait)
	}
	p.sensor.reader.SetDeadline(deadline)
	return nil
}
