package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPartsStopInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stopped []string
		waits := func(name string, lasts time.Duration) part {
			return part{name: name, run: func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(lasts)
				stopped = append(stopped, name)
				return nil
			}}
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err := runParts(ctx, slog.New(slog.DiscardHandler), []part{waits("sensor", 2*time.Second), waits("router", 0), waits("bus", time.Second)})
		if want := []string{"sensor", "router", "bus"}; err != nil || !slices.Equal(stopped, want) {
			t.Errorf("stopped %v with %v, want %v: a producer stops before its consumer", stopped, err, want)
		}
	})
}

func TestOnePartFailingStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopped := false
		err := runParts(context.Background(), slog.New(slog.DiscardHandler), []part{
			{name: "waits", run: func(ctx context.Context) error { <-ctx.Done(); stopped = true; return nil }},
			{name: "http", run: func(context.Context) error { return errors.New("port taken") }},
		})
		if !stopped || err == nil || !strings.Contains(err.Error(), "http: port taken") {
			t.Errorf("runParts = %v, other part stopped: %v; want the failure named and everything stopped", err, stopped)
		}
	})
}

func TestAPartThatHangsIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		release := make(chan struct{})
		start, stopped := time.Now(), false
		err := runParts(ctx, slog.New(slog.DiscardHandler), []part{
			{name: "hangs", run: func(context.Context) error { <-release; return nil }},
			{name: "bus", run: func(ctx context.Context) error { <-ctx.Done(); stopped = true; return nil }},
		})
		if err != nil || !stopped || time.Since(start) != time.Second+defaultGrace {
			t.Errorf("after %v: %v, bus stopped: %v; want to go on after the grace time", time.Since(start), err, stopped)
		}
		close(release)
	})
}
