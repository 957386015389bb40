package sensor

import (
	"context"
	"encoding/binary"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Kinds of event for a flood that no other process of the machine joins.
const (
	mild  = pipeline.EventOpenByHandleAt
	grave = pipeline.EventKeyctl
)

// flooded is an attached sensor with the smallest ring, which nobody reads.
func flooded(t *testing.T, order map[pipeline.EventType]Shed) *Sensor {
	t.Helper()
	needKernel(t)
	s, err := load(minRingBuffer, 0) // our own calls are reported
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.start([]pipeline.EventType{mild, grave}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetShed(order); err != nil {
		t.Fatal(err)
	}
	return s
}

func flood(t *testing.T, event pipeline.EventType, n int) {
	t.Helper()
	for range n {
		var errno unix.Errno
		switch event {
		case mild:
			_, _, errno = unix.RawSyscall(unix.SYS_OPEN_BY_HANDLE_AT, ^uintptr(0), 0, 0)
		case grave:
			_, _, errno = unix.RawSyscall(unix.SYS_KEYCTL, ^uintptr(0), 0, 0)
		}
		if errno == 0 {
			t.Fatalf("a %s without arguments succeeded", event)
		}
	}
}

// drained is what the ring held.
type drained struct {
	counts map[pipeline.EventType]uint64
	execs  int // of the process that was asked about
	noise  int // bytes of what other processes did meanwhile
}

func drain(t *testing.T, s *Sensor, pid int) drained {
	t.Helper()
	ended, cancel := context.WithCancel(context.Background())
	cancel() // what the ring holds is still handed over
	d := drained{counts: map[pipeline.EventType]uint64{}}
	err := s.Run(ended, func(sample pipeline.Sample) error {
		var h bpf.SensorEventHeader
		if _, err := binary.Decode(sample, binary.NativeEndian, &h); err != nil {
			return err
		}
		event := pipeline.EventType(h.Type)
		d.counts[event]++
		switch {
		case int(h.Pid) == pid && event == pipeline.EventExecve:
			d.execs++
		case int(h.Pid) != pid && event != mild && event != grave:
			d.noise += len(sample)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func lossesOf(t *testing.T, s *Sensor) [pipeline.NumKernelLosses]uint64 {
	t.Helper()
	losses, err := s.Losses()
	if err != nil {
		t.Fatal(err)
	}
	return losses
}

const (
	sent = 2000 // over 100 bytes each, into 64 KiB
	step = minRingBuffer / 16
)

// scene is two floods that nobody reads, and then a program that starts.
type scene struct {
	drained
	afterMild, afterGrave int // bytes that wait
	shed                  map[pipeline.EventType]uint64
	full                  uint64 // records of any kind that the ring had no room for
}

// playScene repeats the scene until the machine's other processes have left it alone: what they start is
// recorded too, and never shed. What of theirs had no room is not seen to be theirs: then the room that is left
// for a program could have been theirs, too.
func playScene(t *testing.T, s *Sensor) scene {
	t.Helper()
	var c scene
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		before := lossesOf(t, s)
		c = scene{}
		flood(t, mild, sent)
		c.afterMild = s.reader.AvailableBytes()
		middle := lossesOf(t, s)
		flood(t, grave, sent)
		c.afterGrave = s.reader.AvailableBytes()
		cmd := exec.Command("/bin/true")
		cmd.Env = []string{}
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		after := lossesOf(t, s)
		c.drained = drain(t, s, cmd.Process.Pid)
		c.shed = map[pipeline.EventType]uint64{
			mild:  middle[pipeline.LossShed] - before[pipeline.LossShed],
			grave: after[pipeline.LossShed] - middle[pipeline.LossShed],
		}
		c.full = after[pipeline.LossRingFull] - before[pipeline.LossRingFull]
		alone := c.noise == 0 && c.execs == 0
		if c.noise < step && (c.full == 0 || alone) {
			return c
		}
	}
	t.Fatalf("other processes start programs without a pause, or a program finds no room: %+v", c)
	return c
}

// The mild events go first, then the graver ones, and a program that starts is still seen.
func TestWhatMattersLeastGoesFirst(t *testing.T) {
	s := flooded(t, map[pipeline.EventType]Shed{mild: ShedEarly, grave: ShedLate})
	before := bootTime(t)
	got := playScene(t, s)
	if got.execs != 1 || got.full != 0 {
		t.Errorf("%d execs of the program arrived and %d records had no room, want the one and none", got.execs, got.full)
	}
	slack := (shedLook + 1) * step
	if over := got.afterMild - shedEarly*step; over < 0 || over > slack {
		t.Errorf("%d bytes waited after the mild flood, want little over %d", got.afterMild, shedEarly*step)
	}
	if over := got.afterGrave - shedLate*step; over < 0 || over > slack {
		t.Errorf("%d bytes waited after the grave flood, want little over %d", got.afterGrave, shedLate*step)
	}
	for event, shed := range got.shed {
		if got.counts[event]+shed != sent || shed == 0 || got.counts[event] == 0 {
			t.Errorf("of %d %s %d arrived and %d were shed, want some of both and no other", sent, event, got.counts[event], shed)
		}
	}
	if last := s.LastLoss(); last < before || last > bootTime(t) {
		t.Errorf("the last loss was at %d, the flood began at %d", last, before)
	}

	// Once it is read, all is welcome again.
	flood(t, mild, 1)
	if got := drain(t, s, 0); got.counts[mild] != 1 {
		t.Errorf("after the ring was read %d of 1 mild event arrived", got.counts[mild])
	}
}

// What critical rules ask for goes last, and leaves room for a program that starts.
func TestAFloodOfCriticalEventsLeavesRoomForPrograms(t *testing.T) {
	s := flooded(t, map[pipeline.EventType]Shed{mild: ShedLast, grave: ShedLast})
	got := playScene(t, s)
	if got.execs != 1 || got.full != 0 {
		t.Errorf("%d execs of the program arrived and %d records had no room, want the one and none", got.execs, got.full)
	}
	if got.afterMild < shedLast*step {
		t.Errorf("%d bytes waited after the flood, want at least %d", got.afterMild, shedLast*step)
	}
}

// Without an order everything has the same right to the last byte.
func TestNothingIsShedUnasked(t *testing.T) {
	s := flooded(t, nil)
	if last := s.LastLoss(); last != 0 {
		t.Errorf("the last loss was at %d before there was any", last)
	}
	flood(t, mild, sent)
	losses := lossesOf(t, s)
	got := drain(t, s, 0)
	if losses[pipeline.LossShed] != 0 || losses[pipeline.LossRingFull] == 0 {
		t.Errorf("losses %v, want a full ring and nothing shed", losses)
	}
	// Other processes' records can be among those that had no room.
	if n := got.counts[mild]; n > sent || n+losses[pipeline.LossRingFull] < sent {
		t.Errorf("of %d %d arrived, losses %v", sent, n, losses)
	}
	if s.LastLoss() == 0 {
		t.Error("nobody knows when the last loss was")
	}
}

func TestLossesPerCPUAddUp(t *testing.T) {
	s := flooded(t, map[pipeline.EventType]Shed{mild: ShedEarly})
	flood(t, mild, sent)
	perCPU, err := s.LossesPerCPU()
	if err != nil {
		t.Fatal(err)
	}
	var sum uint64
	for _, n := range perCPU[pipeline.LossShed] {
		sum += n
	}
	if total := lossesOf(t, s)[pipeline.LossShed]; sum == 0 || sum != total || len(perCPU[pipeline.LossShed]) < 1 {
		t.Errorf("shed on each CPU: %v, in all %d", perCPU[pipeline.LossShed], total)
	}
}

func TestWhatFeedsTheProcessTableIsNeverShed(t *testing.T) {
	order := map[pipeline.EventType]Shed{}
	for _, event := range Syscalls() {
		order[event] = ShedEarly
	}
	classes := shedClasses(order)
	for event, want := range map[pipeline.EventType]Shed{
		pipeline.EventSetuid: ShedNever, pipeline.EventChdir: ShedNever, pipeline.EventSetsid: ShedNever,
		pipeline.EventPivotRoot: ShedNever, pipeline.EventListen: ShedNever,
		pipeline.EventOpenat: ShedEarly, pipeline.EventConnect: ShedEarly, pipeline.EventPtrace: ShedEarly,
	} {
		if got := Shed(classes[event]); got != want {
			t.Errorf("%s is shed at %d, want %d", event, got, want)
		}
	}
	if pipeline.NumEventTypes > shedTypes {
		t.Errorf("%d kinds of event and %d classes: raise EVENT_TYPES", pipeline.NumEventTypes, shedTypes)
	}
}
