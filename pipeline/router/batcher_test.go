package router_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/router"
)

// slowBus takes a second for each publish and keeps the batches' sizes.
type slowBus struct {
	sizes []int
	fail  int // how many publishes fail first
	err   error
}

func (s *slowBus) publish(ctx context.Context, alerts []pipeline.Alert) error {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.fail > 0 {
		s.fail--
		return s.err
	}
	s.sizes = append(s.sizes, len(alerts))
	return nil
}

// batcher runs a Batcher in the bubble until stop.
func batcher(t *testing.T, cfg router.BatcherConfig, publish func(context.Context, []pipeline.Alert) error) (b *router.Batcher, stop func() error) {
	t.Helper()
	b, err := router.NewBatcher(cfg, publish, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	return b, func() error {
		cancel()
		return <-done
	}
}

func add(t *testing.T, b *router.Batcher, n int) {
	t.Helper()
	for range n {
		if err := b.Add(t.Context(), pipeline.Alert{ID: "a"}); err != nil {
			t.Fatalf("Add: %v", err)
		}
	}
}

func TestBatcher(t *testing.T) {
	for name, tc := range map[string]struct {
		adds []int // one after the other, each once all before is under way
		want []int
	}{
		"an idle one sends a single alert at once":         {[]int{1}, []int{1}},
		"what comes while it sends goes together":          {[]int{1, 100}, []int{1, 100}},
		"a batch has at most 256 alerts":                   {[]int{1, 300}, []int{1, 256, 44}},
		"what is there when it stops is sent all the same": {[]int{1, 2000}, []int{1, 256, 256, 256, 256, 256, 256, 256, 208}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &slowBus{}
				b, stop := batcher(t, router.BatcherConfig{}, s.publish)
				for _, n := range tc.adds {
					add(t, b, n)
					synctest.Wait()
				}
				time.Sleep(1500 * time.Millisecond)
				if err := stop(); err != nil {
					t.Fatalf("Run: %v", err)
				}
				if got := fmt.Sprint(s.sizes); got != fmt.Sprint(tc.want) {
					t.Errorf("batches of %v, want %v", got, tc.want)
				}
			})
		})
	}
}

func TestBatcherBlocksWhenFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowBus{}
		b, stop := batcher(t, router.BatcherConfig{Queue: 2}, s.publish)
		add(t, b, 1)
		synctest.Wait() // it is being sent
		add(t, b, 2)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := b.Add(ctx, pipeline.Alert{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Add to a full queue: %v, want to wait until the context ends", err)
		}
		if n := b.Waiting(); n != 2 {
			t.Errorf("Waiting() = %d, want 2", n)
		}
		add(t, b, 1) // as soon as the bus has taken the first
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestBatcherRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowBus{fail: 5, err: errors.New("the topic is full")}
		b, stop := batcher(t, router.BatcherConfig{}, s.publish)
		add(t, b, 3)
		time.Sleep(5 * time.Minute)
		if err := stop(); err != nil || fmt.Sprint(s.sizes) == "[]" {
			t.Errorf("Run: %v, batches of %v, want the alerts after five failures", err, s.sizes)
		}
	})
}

func TestBatcherSaysWhatIsLostOnStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowBus{fail: 1000, err: errors.New("the bus is gone")}
		b, stop := batcher(t, router.BatcherConfig{}, s.publish)
		add(t, b, 3)
		time.Sleep(time.Minute)
		begin := time.Now()
		err := stop()
		if err == nil || !strings.Contains(err.Error(), "3 alerts did not reach the bus") {
			t.Errorf("Run: %v, want the number of lost alerts", err)
		}
		if took := time.Since(begin); took > 15*time.Second {
			t.Errorf("the stop took %s, want about 10s at most", took)
		}
	})
}

func TestBatcherGivesUpOnlyTheOversized(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		publish := func(_ context.Context, alerts []pipeline.Alert) error {
			for _, a := range alerts {
				if a.ID == "huge" {
					return fmt.Errorf("alert huge: %w", router.ErrTooLarge)
				}
			}
			for _, a := range alerts {
				sent = append(sent, a.ID)
			}
			return nil
		}
		b, stop := batcher(t, router.BatcherConfig{}, publish)
		for _, id := range []string{"a", "huge", "b"} {
			if err := b.Add(t.Context(), pipeline.Alert{ID: id}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if err := stop(); err != nil || fmt.Sprint(sent) != "[a b]" {
			t.Errorf("Run: %v, sent %v, want a and b", err, sent)
		}
	})
}
