package decode

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// BootOffset is what to add to CLOCK_BOOTTIME to get nanoseconds since the epoch. All processes of a
// machine that was never suspended get the same number, to the nanosecond, and so give an event the same
// time. It changes when the wall clock is set.
func BootOffset() (int64, error) {
	wall, err := wallOffset()
	if err != nil {
		return 0, err
	}
	asleep, err := timeAsleep()
	return wall - asleep, err
}

// Now is the time on the clock of events; offset is what BootOffset gave.
func Now(offset int64) int64 {
	now, err := clock(unix.CLOCK_BOOTTIME)
	if err != nil {
		panic(err) // BootOffset has read it
	}
	return now + offset
}

// wallOffset is the wall clock less CLOCK_MONOTONIC. Both coarse clocks stand still between two ticks of
// the kernel: when no tick came in between, their difference is exact.
func wallOffset() (int64, error) {
	const tries = 100 // a tick comes every 1 to 10 ms, a try takes some microseconds
	var wall, monotonic int64
	for range tries {
		before, err := clock(unix.CLOCK_MONOTONIC_COARSE)
		if err != nil {
			return 0, err
		}
		if wall, err = clock(unix.CLOCK_REALTIME_COARSE); err != nil {
			return 0, err
		}
		if monotonic, err = clock(unix.CLOCK_MONOTONIC_COARSE); err != nil {
			return 0, err
		}
		if before == monotonic {
			break
		}
	}
	return wall - monotonic, nil
}

// timeAsleep is CLOCK_BOOTTIME less CLOCK_MONOTONIC: how long the machine was suspended. There is no
// coarse clock of the kind. Some readings bound the number; servers never sleep, and then it is 0.
func timeAsleep() (int64, error) {
	const readings = 20
	var low, high int64
	for i := range readings {
		before, err := clock(unix.CLOCK_MONOTONIC)
		if err != nil {
			return 0, err
		}
		boot, err := clock(unix.CLOCK_BOOTTIME)
		if err != nil {
			return 0, err
		}
		after, err := clock(unix.CLOCK_MONOTONIC)
		if err != nil {
			return 0, err
		}
		if i == 0 {
			low, high = boot-after, boot-before
		}
		low, high = max(low, boot-after), min(high, boot-before)
	}
	if low <= 0 && high >= 0 {
		return 0, nil
	}
	return low + (high-low)/2, nil
}

func clock(id int32) (int64, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(id, &t); err != nil {
		return 0, fmt.Errorf("read clock %d: %w", id, err)
	}
	return t.Nano(), nil
}
