package notifiers

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	now := time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)
	for off, want := range map[time.Duration]string{
		0:                "this machine's clock agrees with the server's",
		59 * time.Second: "this machine's clock agrees with the server's",
		-time.Minute:     "this machine's clock is 1m0s ahead of the server's",
		2 * time.Hour:    "this machine's clock is 2h0m0s behind the server's",
	} {
		if got := Clock(now, now.Add(off)); got != want {
			t.Errorf("a server that is %s ahead: %q, want %q", off, got, want)
		}
	}
	if got := Clock(now, time.Time{}); got != "" {
		t.Errorf("a server that says no time: %q", got)
	}
}
