package sensor

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// readerNice is the reader's niceness. Whoever reads late on a busy machine finds the ring full, and the
// processes gone whose files it needs: those of a container that lived some milliseconds.
const readerNice = -10

// precede gives the calling goroutine's thread precedence over programs of ordinary niceness, and keeps the
// goroutine on it, until the returned function is called. Without the right to do so (CAP_SYS_NICE) nothing changes.
func precede() (end func()) {
	runtime.LockOSThread()
	tid := unix.Gettid()
	was, err := unix.Getpriority(unix.PRIO_PROCESS, tid) // the kernel gives 20 - nice (getpriority(2), C library/kernel differences)
	if err == nil {
		err = unix.Setpriority(unix.PRIO_PROCESS, tid, readerNice)
	}
	return func() {
		if err == nil && unix.Setpriority(unix.PRIO_PROCESS, tid, 20-was) != nil {
			return // still locked: the thread ends with the goroutine
		}
		runtime.UnlockOSThread()
	}
}
