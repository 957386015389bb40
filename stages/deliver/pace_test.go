package deliver

import (
	"testing"
	"time"
)

func TestOffHalfHour(t *testing.T) {
	for clock, moved := range map[string]bool{"10:00:00": true, "10:30:29": true, "10:30:30": false, "10:29:59": false, "10:01:00": false} {
		at, err := time.Parse(time.TimeOnly, clock)
		if err != nil {
			t.Fatal(err)
		}
		later := offHalfHour(at).Sub(at)
		if moved != (later > 0) || moved && (later < 5*time.Second || later > 50*time.Second) {
			t.Errorf("%s goes %s later", clock, later)
		}
	}
}
