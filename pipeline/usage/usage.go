// Package usage tells whether this process has as much to do as it can: then what can wait should. It knows nothing of
// what that is.
package usage

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// busyShare is how much of the processors that it may use a process takes when it is busy: less than all, as what sends
// alerts to it may share them.
const busyShare = 0.5

// sample is how long the process has computed up to some time.
type sample struct {
	at  time.Time
	cpu time.Duration
}

// now is the zero value where the kernel does not say (getrusage(2)).
func now() sample {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return sample{}
	}
	return sample{time.Now(), time.Duration(r.Utime.Nano() + r.Stime.Nano())}
}

// busySince reports whether a process that may use so many processors was busy since an earlier sample.
func (s sample) busySince(was sample, processors int) bool {
	if s.at.IsZero() || was.at.IsZero() {
		return false
	}
	return float64(s.cpu-was.cpu) >= busyShare*float64(s.at.Sub(was.at))*float64(processors)
}

// Meter is for one who asks now and then.
type Meter struct{ last sample }

// Busy reports whether the process was busy since it was asked last; the first time it says no, and where that is not
// known.
func (m *Meter) Busy() bool {
	was := m.last
	m.last = now()
	return m.last.busySince(was, runtime.GOMAXPROCS(0))
}
