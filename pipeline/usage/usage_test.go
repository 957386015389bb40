package usage

import (
	"testing"
	"time"
)

// A process is busy when it takes half of what it may.
func TestBusy(t *testing.T) {
	was := sample{time.Unix(1_800_000_000, 0), time.Minute}
	for _, c := range []struct {
		cpu        time.Duration
		processors int
		want       bool
	}{{0, 2, false}, {90 * time.Millisecond, 2, false}, {100 * time.Millisecond, 2, true}, {100 * time.Millisecond, 4, false}} {
		later := sample{was.at.Add(100 * time.Millisecond), was.cpu + c.cpu}
		if got := later.busySince(was, c.processors); got != c.want {
			t.Errorf("%s in 100 ms of %d processors: busy %v, want %v", c.cpu, c.processors, got, c.want)
		}
	}
	if was.busySince(sample{}, 1) || (sample{}).busySince(was, 1) {
		t.Error("busy, though that is not known")
	}
}

// The kernel counts what this process computes, and a meter compares with when it was asked last.
func TestMeter(t *testing.T) {
	var m Meter
	if m.Busy() {
		t.Error("busy before there was anything to compare with")
	}
	for begin := now(); now().cpu == begin.cpu; {
		if time.Since(begin.at) > time.Minute {
			t.Fatal("the kernel does not count what this process computes")
		}
	}
	was := m.last
	m.Busy()
	if m.last.cpu <= was.cpu || !m.last.at.After(was.at) {
		t.Errorf("after computing the meter has %+v, before %+v", m.last, was)
	}
}
