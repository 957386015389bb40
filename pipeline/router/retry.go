package router

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// RetryConfig says how often and for how long a delivery is tried.
type RetryConfig struct {
	Min    time.Duration // wait after the first failure; default 1 s
	Max    time.Duration // the wait doubles up to this; default 60 s
	MaxAge time.Duration // of a notification, after which it is parked; default 24 h
}

func (c *RetryConfig) setDefaults() error {
	if c.Min == 0 {
		c.Min = time.Second
	}
	if c.Max == 0 {
		c.Max = time.Minute
	}
	if c.MaxAge == 0 {
		c.MaxAge = 24 * time.Hour
	}
	if c.Min < 0 || c.Max < c.Min || c.MaxAge < 0 {
		return fmt.Errorf("retry: min %s, max %s, max age %s: want 0 < min <= max, and no negative age", c.Min, c.Max, c.MaxAge)
	}
	return nil
}

// backoff is the wait after failure number attempt, counted from 0: doubling, with the upper half
// random so that what failed together does not come back together.
func (c RetryConfig) backoff(attempt int) time.Duration {
	wait := c.Max
	if attempt < 30 && c.Min<<attempt < c.Max && c.Min<<attempt > 0 {
		wait = c.Min << attempt
	}
	return wait/2 + rand.N(wait/2+1)
}

// sleep reports whether it slept to the end; false: ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// panicError is a handler's panic as an error.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// attempt runs f once. It is bounded in time but not cut off when ctx ends: a stop lets what is under
// way finish, since half a delivery is a duplicate later.
func (r *Router) attempt(ctx context.Context, f func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.AttemptTimeout)
	defer cancel()
	return guarded(func() error { return f(ctx) })
}

// guarded makes a panic an error.
func guarded(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v, debug.Stack()}
		}
	}()
	return f()
}
