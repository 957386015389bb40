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
	// An integration that takes fastFrom notifications in paceWindow does not keep them waiting.
	fastFrom   = 10
	paceWindow = 10 * time.Millisecond
	// yieldFor is how long a post waits when notifications are late and the process is busy: who posts one by one still
	// posts 50 a second. Longer has people hear sooner.
	yieldFor = 20 * time.Millisecond
	// askEvery is how often it is asked whether the process is busy.
	askEvery = 50 * time.Millisecond
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

// way gives notifications the right of way: while they are late and the process is busy, those who post alerts wait a
// moment. Otherwise a flood is taken first, and told when it is over. It is safe for concurrent use.
type way struct {
	yielded prometheus.Counter
	until   atomic.Int64 // ns since the epoch

	mu     sync.Mutex  // guards what follows
	asks   func() bool // whether the process was busy since it was asked last
	asked  time.Time
	isBusy bool // as was answered
}

// late is for a notification that is late though its integration is fast.
func (w *way) late(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.asked) >= askEvery {
		w.isBusy, w.asked = w.asks(), now
	}
	if w.isBusy {
		w.until.Store(now.Add(yieldFor).UnixNano())
	}
}

// yield waits while notifications are late, a moment at most, and until ctx ends.
func (w *way) yield(ctx context.Context) {
	now := time.Now()
	wait := time.Unix(0, w.until.Load()).Sub(now)
	if wait <= 0 {
		return
	}
	w.yielded.Inc()
	sleep(ctx, wait)
}
