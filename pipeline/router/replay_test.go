package router_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/bus"
	"github.com/tocsin-security/tocsin/pipeline/router"
)

// An alert that no stage could handle is a dead letter as often as that is so, however soon it is replayed, and is told
// when it is so no more. What came with it and was handled is not told again.
func TestReplayOfAnAlert(t *testing.T) {
	out := make(sink, 10)
	good, poison := newAlert("/good"), newAlert("/poison")
	var mended atomic.Bool
	d := start(t, options{
		dir: t.TempDir(), route: atOnce, quiet: 0, retry: quick, deliver: map[string]deliverFunc{"w": out.deliver},
		wrap: func(handle router.AlertsFunc) router.AlertsFunc {
			return func(ctx context.Context, alerts []pipeline.Alert) error {
				for i := range alerts {
					if alerts[i].ID == poison.ID && !mended.Load() {
						panic("nil map")
					}
				}
				return handle(ctx, alerts)
			}
		},
	})
	publish(t, d, good, poison)
	if n := out.next(t); n.Alerts[0].ID != good.ID {
		t.Errorf("told of %s, want of the good one, %s", n.Alerts[0].ID, good.ID)
	}
	var last uint64
	for range 2 {
		letter := eventuallyDead(t, d, 1, pipeline.DeadLetterQuery{From: last + 1})[0]
		if letter.Stage != "alerts" || letter.Alerts != 1 || letter.Rules[0] != poison.Rule {
			t.Errorf("the dead letter is %+v, want the poisonous alert", letter)
		}
		if to, err := d.ReplayDeadLetter(t.Context(), letter.ID, nil); err != nil || to[0] != router.TopicAlerts {
			t.Fatalf("ReplayDeadLetter = %v, %v", to, err)
		}
		last = letter.ID
	}
	letter := eventuallyDead(t, d, 1, pipeline.DeadLetterQuery{From: last + 1})[0]
	mended.Store(true)
	if _, err := d.ReplayDeadLetter(t.Context(), letter.ID, nil); err != nil {
		t.Fatal(err)
	}
	if n := out.next(t); n.Alerts[0].ID != poison.ID {
		t.Errorf("told of %s, want of the replayed one, %s", n.Alerts[0].ID, poison.ID)
	}
	publish(t, d, good, poison) // whoever posted them got no answer, and posts them again
	settled(t, d, router.TopicAlerts)
	if len(out) != 0 {
		t.Errorf("told again: %+v", <-out)
	}
}

// An event is what it was when it is replayed: of the same source and time, under the same id.
func TestReplayOfAnEvent(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	b, err := bus.Open(t.Context(), bus.Config{Dir: filepath.Join(t.TempDir(), "bus")}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r, err := router.New(router.Config{Retry: quick}, b, nil, quiet)
	if err != nil {
		t.Fatal(err)
	}
	var mended atomic.Bool
	seen := make(chan pipeline.Structured, 10)
	err = r.HandleEvents(func(_ context.Context, e pipeline.Structured) error {
		seen <- e
		if !mended.Load() {
			return fmt.Errorf("%w: no such field", router.ErrUnusable)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	<-r.Running()
	if err := r.PublishEventsAs(t.Context(), "audit", []string{"e1"}, []json.RawMessage{json.RawMessage(`{"a":1}`)}); err != nil {
		t.Fatal(err)
	}
	first := <-seen
	var last uint64
	for i := range 3 {
		mended.Store(i == 2)
		letters := eventuallyDead(t, &durable{Router: r}, 1, pipeline.DeadLetterQuery{From: last + 1})
		last = letters[0].ID
		if _, err := r.ReplayDeadLetter(t.Context(), last, nil); err != nil {
			t.Fatal(err)
		}
		select {
		case e := <-seen:
			if e.ID != "e1" || e.Source != "audit" || !e.At.Equal(first.At) || string(e.Body) != `{"a":1}` {
				t.Errorf("replayed %+v, want %+v", e, first)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("no event within 20 s")
		}
	}
	if _, err := r.DeadLetter(t.Context(), last); !errors.Is(err, pipeline.ErrNoDeadLetter) {
		t.Errorf("the letter that was replayed is still there: %v", err)
	}
}
