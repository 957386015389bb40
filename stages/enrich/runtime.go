package enrich

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// runtime is one socket and the runtime behind it, whichever that is at the moment.
type runtime struct {
	socket    socket
	share     *share
	questions chan question
	engine    atomic.Pointer[engine] // nil while nobody answers: questions make no sense
	log       *slog.Logger
}

// question is the id of a container, and where to say that this runtime does not know it.
type question struct {
	id      string
	missing func()
}

const (
	// Pauses between attempts to reach a runtime: short for one that restarts, long for one that does not
	// come back.
	minPause = 250 * time.Millisecond
	maxPause = 5 * time.Second
	// How long a runtime whose socket is gone is waited for; afterwards it is looked for as before.
	goneFor = time.Minute
	// Questions waiting for one runtime. One that hangs must not keep more of them.
	runtimeQueue = 64
	// One question must not hold up those behind it for longer.
	askTimeout = 3 * time.Second
)

func newRuntime(s socket, cache *containerCache, log *slog.Logger) *runtime {
	return &runtime{
		socket: s, share: &share{cache: cache, users: s.users}, questions: make(chan question, runtimeQueue),
		log: log.With("socket", s.path),
	}
}

// run watches until ctx ends or the socket is gone for good, again and again: runtimes restart.
func (r *runtime) run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all.Go(func() { r.answer(ctx) })
	told := false // that it cannot be reached
	seen := time.Now()
	for pause := minPause; ctx.Err() == nil; pause = min(2*pause, maxPause) {
		connected, err := r.watch(ctx)
		_, gone := os.Stat(r.socket.path)
		switch {
		case ctx.Err() != nil:
			return
		case connected:
			r.log.Warn("container runtime lost", "err", err)
			pause, told, seen = minPause, true, time.Now()
		case gone != nil && time.Since(seen) > goneFor:
			return
		case gone == nil && !told:
			r.log.Warn("container runtime not reached", "err", err)
			told = true
		default:
			r.log.Debug("container runtime not reached", "err", err)
		}
		if gone == nil {
			seen = time.Now()
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// watch connects, and follows the runtime until the connection ends. connected says whether it came as far
// as following.
func (r *runtime) watch(ctx context.Context) (connected bool, err error) {
	c, err := connect(ctx, r.socket, r.share, r.log)
	if err != nil {
		return false, err
	}
	defer c.Close()           // nothing is in flight any more
	r.engine.Store(&c.engine) // a long list need not be waited for by who asks for one container
	defer r.engine.Store(nil)
	err = c.engine.Watch(ctx, func(containers int) {
		connected = true
		r.log.Info("container runtime found", "runtime", c.version.Name, "version", c.version.Text, "containers", containers)
	})
	return connected, err
}

// ask queues a question; false if this runtime cannot take it.
func (r *runtime) ask(q question) bool {
	if r.engine.Load() == nil {
		return false // the list that it begins with will have the container
	}
	select {
	case r.questions <- q:
		return true
	default:
		return false
	}
}

// answer asks the runtime what was asked, one question at a time, until ctx ends.
func (r *runtime) answer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-r.questions:
			if !r.lookUp(ctx, q.id) {
				q.missing()
			}
		}
	}
}

// lookUp reads one container into the cache and reports whether it is there.
func (r *runtime) lookUp(ctx context.Context, id string) bool {
	e := r.engine.Load()
	if e == nil || r.share.Known(id) {
		return e != nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	found, err := (*e).LookUp(ctx, id)
	if err != nil {
		r.log.Debug("container not read", "container", id, "err", err)
	}
	r.share.answered(found)
	return len(found) > 0
}
