package history

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// busyShare is how much of the processors that it may use a process takes when it is busy: less than all, as what sends
// alerts to it may share them.
const busyShare = 0.5

// usage is how long the process has computed up to some time.
type usage struct {
	at  time.Time
	cpu time.Duration
}

// usageNow is the zero value where the kernel does not say (getrusage(2)).
func usageNow() usage {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return usage{}
	}
	return usage{time.Now(), time.Duration(r.Utime.Nano() + r.Stime.Nano())}
}

// busySince reports whether a process that may use so many processors was busy since an earlier usage.
func (u usage) busySince(was usage, processors int) bool {
	if u.at.IsZero() || was.at.IsZero() {
		return false
	}
	return float64(u.cpu-was.cpu) >= busyShare*float64(u.at.Sub(was.at))*float64(processors)
}

// processBusy is a function that reports whether the process was busy since it was called last. One may call it.
func processBusy() func() bool {
	var last usage
	return func() bool {
		was := last
		last = usageNow()
		return last.busySince(was, runtime.GOMAXPROCS(0))
	}
}
