package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// part is one long-lived piece of a process. Its run returns when its context ends, after its own
// goroutines have.
type part struct {
	name  string
	run   func(ctx context.Context) error
	grace time.Duration // how long it may take to finish what it holds; 0 means defaultGrace
}

const defaultGrace = 5 * time.Second

// runParts starts all parts and waits. When ctx ends, or any part returns, the parts are stopped one
// after another in the order given, which is the order in which events flow: whoever produces stops
// before whoever consumes, so that nothing is handed to a part that is gone. The first error is returned.
func runParts(ctx context.Context, log *slog.Logger, parts []part) error {
	type exit struct {
		index int
		err   error
	}
	exits := make(chan exit, len(parts))
	cancels := make([]context.CancelFunc, len(parts))
	for i, p := range parts {
		partCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		cancels[i] = cancel
		go func() { exits <- exit{i, p.run(partCtx)} }()
	}

	gone := make([]bool, len(parts))
	var first error
	left := func(e exit, early bool) {
		gone[e.index] = true
		switch {
		case e.err != nil && !errors.Is(e.err, context.Canceled):
			first = errors.Join(first, fmt.Errorf("%s: %w", parts[e.index].name, e.err))
		case early:
			first = errors.Join(first, fmt.Errorf("%s: stopped by itself", parts[e.index].name))
		}
	}
	select {
	case <-ctx.Done():
	case e := <-exits:
		left(e, true)
	}
	for i, p := range parts {
		cancels[i]()
		deadline := time.NewTimer(max(p.grace, defaultGrace))
		for !gone[i] {
			select {
			case e := <-exits:
				left(e, false)
			case <-deadline.C:
				gone[i] = true
				log.Error("did not stop in time, going on without it", "part", p.name)
			}
		}
		deadline.Stop()
	}
	return first
}

// every calls look after each pause, until ctx ends or look fails.
func every(ctx context.Context, pause time.Duration, look func(now time.Time) error) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if err := look(now); err != nil {
				return err
			}
		}
	}
}

// untilSignal returns a context that ends with SIGINT or SIGTERM; a second one ends the process at once.
func untilSignal(log *slog.Logger) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		log.Info("stopping, a second signal stops at once", "signal", (<-signals).String())
		cancel()
		<-signals
		os.Exit(1)
	}()
	return ctx, cancel
}
