package decode

import (
	"testing"
	"time"
)

// Two sensors, and a recorder beside a live run, must give an event one time.
func TestBootOffsetIsTheSameEveryTime(t *testing.T) {
	first, err := BootOffset()
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if again, err := BootOffset(); err != nil || again != first {
			t.Fatalf("BootOffset = %d, %v; a moment ago %d (was the wall clock set?)", again, err, first)
		}
	}
	boot, err := clock(7) // CLOCK_BOOTTIME
	if err != nil {
		t.Fatal(err)
	}
	if off := time.Since(time.Unix(0, boot+first)).Abs(); off > time.Second {
		t.Errorf("BootOffset is %v away from the wall clock", off)
	}
}
