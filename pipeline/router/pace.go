package router

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// lateAfter is how long a notification is there when it is late for its turn.
	lateAfter = 100 * time.Millisecond
	// An integration that takes fastFrom notifications in paceWindow does not keep them waiting: the machine does.
	fastFrom   = 10
	paceWindow = 10 * time.Millisecond
	// yieldFor is how long a post waits at least when notifications are late for want of the machine, maxYield at most.
	// Longer has people hear sooner, and whoever posts wait longer.
	yieldFor = 20 * time.Millisecond
	maxYield = 100 * time.Millisecond
)

// pace is how fast an integration takes notifications. It is safe for concurrent use.
type pace struct {
	mu    sync.Mutex // guards what follows
	begin time.Time  // of a window
	taken int        // in it
	fast  bool       // in the window before
}

// late takes note of a notification whose turn has come, and reports whether it is late though its integration is fast.
func (p *pace) late(now, created time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if passed := now.Sub(p.begin); passed >= paceWindow {
		p.fast = passed <= time.Duration(p.taken)*paceWindow/fastFrom
		p.begin, p.taken = now, 0
	}
	p.taken++
	return p.fast && now.Sub(created) >= lateAfter
}

// way gives notifications the right of way: while they are late for want of the machine, those who post alerts wait a
// moment. Otherwise a flood is taken first, and told when it is over. It is safe for concurrent use.
type way struct {
	until   atomic.Int64 // ns since the epoch
	yielded prometheus.Counter
}

// late is for a notification that is late.
func (w *way) late(now time.Time) { w.until.Store(now.Add(yieldFor).UnixNano()) }

// yield waits while notifications are late, until ctx ends.
func (w *way) yield(ctx context.Context) {
	end := time.Now().Add(maxYield)
	for waited := false; ; waited = true {
		now := time.Now()
		wait := min(time.Unix(0, w.until.Load()).Sub(now), end.Sub(now))
		if wait <= 0 {
			return
		}
		if !waited {
			w.yielded.Inc()
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}
