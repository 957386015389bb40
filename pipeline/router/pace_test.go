package router

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A notification is late for want of the machine only where its integration takes them fast.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		name  string
		every time.Duration
		age   time.Duration
		want  int // of 1000 that are late
	}{
		{"fast, and late", 500 * time.Microsecond, lateAfter, 980},
		{"fast, and in time", 500 * time.Microsecond, lateAfter - 1, 0},
		{"slow, as its channel is", 2 * time.Millisecond, time.Hour, 0},
	} {
		var p pace
		now, late := time.Unix(1_800_000_000, 0), 0
		for range 1000 {
			now = now.Add(c.every)
			if p.late(now, now.Add(-c.age)) {
				late++
			}
		}
		if late != c.want {
			t.Errorf("%s: %d are late, want %d", c.name, late, c.want)
		}
		if now = now.Add(time.Minute); p.late(now, now.Add(-c.age)) {
			t.Errorf("%s: late after a minute in which nothing came", c.name)
		}
	}
}

// Posts wait a moment while notifications are late and the process is busy.
func TestYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy, asked := true, 0
		w := way{
			yielded: prometheus.NewCounter(prometheus.CounterOpts{Name: "n"}),
			asks:    func() bool { asked++; return busy },
		}
		took := func(ctx context.Context) time.Duration {
			begin := time.Now()
			w.yield(ctx)
			return time.Since(begin)
		}
		if d := took(t.Context()); d != 0 {
			t.Errorf("waited %s for nothing", d)
		}
		w.late(time.Now())
		if d := took(t.Context()); d != yieldFor {
			t.Errorf("waited %s, want %s", d, yieldFor)
		}
		if d := took(t.Context()); d != 0 {
			t.Errorf("waited %s after none were late any more", d)
		}
		for range 1000 {
			w.late(time.Now())
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if d := took(ctx); d != 0 {
			t.Errorf("waited %s for one who has gone", d)
		}
		if asked != 1 {
			t.Errorf("asked %d times within %s", asked, askEvery)
		}
		busy = false
		time.Sleep(askEvery)
		w.late(time.Now())
		if d := took(t.Context()); d != 0 {
			t.Errorf("waited %s for a channel, while the process had nothing to do", d)
		}
	})
}
