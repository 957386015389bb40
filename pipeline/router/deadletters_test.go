package router_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/router"
)

// eventuallyDead waits for n dead letters.
func eventuallyDead(t *testing.T, d *durable, n int, q pipeline.DeadLetterQuery) []pipeline.DeadLetter {
	t.Helper()
	q.Limit = 100
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		all, _, err := d.DeadLetters(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == n {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d dead letters, want %d: %+v", len(all), n, all)
		}
	}
}

// What a channel refuses is a dead letter that can be looked at and replayed, to where its receiver is by then.
func TestDeadLetters(t *testing.T) {
	out := make(sink, 10)
	refuse := true
	fussy := func(ctx context.Context, n pipeline.Notification) error {
		if refuse {
			return &pipeline.DeliveryError{Class: pipeline.ChannelDown, Receiver: n.Receiver, Err: errors.New("errcode 93000")}
		}
		return out.deliver(ctx, n)
	}
	dir := t.TempDir()
	o := options{dir: dir, route: atOnce, quiet: time.Hour, deliver: map[string]deliverFunc{"sec.wecom-1": fussy}}
	d, err := open(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"n1", "n2", "n3"} {
		n := pipeline.Notification{ID: id, Receiver: "sec", CreatedAt: time.Now().Add(-48 * time.Hour), Alerts: []pipeline.Alert{{ID: "a", Rule: "Rule of " + id}}}
		if err := d.PublishNotification(t.Context(), "sec.wecom-1", n); err != nil {
			t.Fatal(err)
		}
	}
	letters := eventuallyDead(t, d, 3, pipeline.DeadLetterQuery{})
	slices.SortFunc(letters, func(a, b pipeline.DeadLetter) int { return int(a.ID) - int(b.ID) })
	first := letters[0]
	if first.Stage != "notify" || first.Receiver != "sec" || first.Alerts != 1 || len(first.Rules) != 1 || first.Unsure || first.Input != nil {
		t.Errorf("a dead letter in a list: %+v", first)
	}
	if one, err := d.DeadLetter(t.Context(), first.ID); err != nil || len(one.Input) == 0 {
		t.Errorf("DeadLetter(%d) = %+v, %v, want it with its input", first.ID, one, err)
	}
	if _, err := d.DeadLetter(t.Context(), 99); !errors.Is(err, pipeline.ErrNoDeadLetter) {
		t.Errorf("DeadLetter(99) = %v", err)
	}
	if some, next, err := d.DeadLetters(t.Context(), pipeline.DeadLetterQuery{Limit: 2}); err != nil || len(some) != 2 || next != letters[2].ID {
		t.Errorf("the first two: %d, next %d, %v", len(some), next, err)
	}
	for _, q := range []pipeline.DeadLetterQuery{{Receiver: "ops"}, {Stage: "alerts"}, {Before: time.Now().Add(-time.Hour)}, {From: letters[2].ID + 1}} {
		eventuallyDead(t, d, 0, q)
	}

	refuse = false
	nowhere := func(string, string) []string { return nil }
	if to, err := d.ReplayDeadLetter(t.Context(), first.ID, nowhere); err != nil || !slices.Equal(to, []string{"sec.wecom-1"}) {
		t.Fatalf("ReplayDeadLetter = %v, %v", to, err)
	}
	if n := out.next(t); n.Again || time.Since(n.CreatedAt) > time.Hour {
		t.Errorf("replayed %+v, want it as it was, with time for its attempts", n)
	}
	if _, err := d.ReplayDeadLetter(t.Context(), first.ID, nowhere); !errors.Is(err, pipeline.ErrNoDeadLetter) {
		t.Errorf("a second replay = %v, want that it is gone", err)
	}
	if err := d.RemoveDeadLetter(t.Context(), letters[1].ID); err != nil {
		t.Errorf("RemoveDeadLetter = %v", err)
	}
	if err := d.RemoveDeadLetter(t.Context(), letters[1].ID); !errors.Is(err, pipeline.ErrNoDeadLetter) {
		t.Errorf("a second RemoveDeadLetter = %v", err)
	}

	// Its key is another now, so its integration is too; the letter is there after a restart.
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	moved := make(sink, 1)
	o.deliver = map[string]deliverFunc{"sec.wecom-2": moved.deliver}
	d = start(t, o)
	if _, err := d.ReplayDeadLetter(t.Context(), letters[2].ID, nowhere); !errors.Is(err, router.ErrNotReplayable) {
		t.Errorf("replay to a receiver that is gone = %v", err)
	}
	eventuallyDead(t, d, 1, pipeline.DeadLetterQuery{})
	to, err := d.ReplayDeadLetter(t.Context(), letters[2].ID, func(receiver, was string) []string {
		if was != "sec.wecom-1" {
			t.Errorf("asked for the successors of %s", was)
		}
		return []string{receiver + ".wecom-2"}
	})
	if err != nil || !slices.Equal(to, []string{"sec.wecom-2"}) {
		t.Fatalf("ReplayDeadLetter = %v, %v", to, err)
	}
	if n := moved.next(t); n.Integration != "sec.wecom-2" || n.ID != letters[2].Notification {
		t.Errorf("replayed %+v", n)
	}
	eventuallyDead(t, d, 0, pipeline.DeadLetterQuery{})
}

// One that may have reached its channel says so when it is replayed.
func TestReplayOfWhatMayHaveArrived(t *testing.T) {
	out := make(sink, 1)
	failed := false
	d := start(t, options{
		dir: t.TempDir(), route: atOnce, quiet: time.Hour, retry: router.RetryConfig{Min: time.Millisecond, Max: time.Millisecond, MaxAge: time.Nanosecond},
		deliver: map[string]deliverFunc{"w": func(ctx context.Context, n pipeline.Notification) error {
			if !failed {
				failed = true
				return &pipeline.DeliveryError{Class: pipeline.Retry, Unknown: true, Err: errors.New("no answer")}
			}
			return out.deliver(ctx, n)
		}},
	})
	n := pipeline.Notification{ID: "n1", Receiver: "r", CreatedAt: time.Now(), Alerts: []pipeline.Alert{{ID: "a"}}}
	if err := d.PublishNotification(t.Context(), "w", n); err != nil {
		t.Fatal(err)
	}
	letter := eventuallyDead(t, d, 1, pipeline.DeadLetterQuery{})[0]
	if _, err := d.ReplayDeadLetter(t.Context(), letter.ID, nil); err != nil || !letter.Unsure {
		t.Fatalf("replay of %+v = %v", letter, err)
	}
	if got := out.next(t); !got.Again {
		t.Errorf("replayed %+v, want it to say that it may be a repeat", got)
	}
}
