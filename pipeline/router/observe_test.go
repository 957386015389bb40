package router_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/bus"
	"github.com/tocsin-security/tocsin/pipeline/router"
)

// Who observes hears of every attempt, in order, with what the channel said and nothing else.
func TestEveryAttemptIsObserved(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	b, err := bus.Open(t.Context(), bus.Config{Dir: t.TempDir()}, log)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 10)
	r, err := router.New(router.Config{Retry: quick, Observe: func(n pipeline.Notification, attempt int, outcome, answer string, retryIn time.Duration) {
		heard <- fmt.Sprintf("%s %s %d %s %v %s", n.ID, n.Integration, attempt, outcome, retryIn > 0, answer)
	}}, b, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	r.HandleAlerts(func(context.Context, []pipeline.Alert) error { return nil })
	answers := map[string][]error{
		"comes back": {errors.New("503\n  try later"), &pipeline.DeliveryError{Receiver: "ops", Err: errors.New(strings.Repeat("长", 400))}, nil},
		"is refused": {&pipeline.DeliveryError{Class: pipeline.ChannelDown, Receiver: "ops", Err: errors.New("no such robot")}},
	}
	deliver := func(_ context.Context, n pipeline.Notification) error {
		if n.ID == "panics" {
			panic("nil map")
		}
		err := answers[n.ID][0]
		answers[n.ID] = answers[n.ID][1:]
		return err
	}
	if err := r.HandleNotifications("webhook-1", deliverFunc(deliver).handler()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() {
		stop()
		if err := errors.Join(<-done, b.Close()); err != nil {
			t.Errorf("stopping: %v", err)
		}
	}()
	<-r.Running()
	for _, c := range []struct {
		id   string
		want []string
	}{
		{"comes back", []string{"1 retry true 503 try later", "2 retry true " + strings.Repeat("长", 166) + "…", "3 sent false "}},
		{"is refused", []string{"1 dead false no such robot"}},
		{"panics", []string{"1 dead false panic: nil map"}},
	} {
		if err := r.PublishNotification(t.Context(), "webhook-1", pipeline.Notification{ID: c.id, Receiver: "ops", CreatedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			want = c.id + " webhook-1 " + want
			select {
			case got := <-heard:
				if got != want {
					t.Errorf("heard %q, want %q", got, want)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("nothing heard within 20 s, want %q", want)
			}
		}
	}
}
