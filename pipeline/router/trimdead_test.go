package router_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// refusing makes n dead letters, each with this many bytes of output.
func refusing(t *testing.T, maxBytes int64, n, size int) *durable {
	t.Helper()
	d := start(t, options{dir: t.TempDir(), route: atOnce, quiet: time.Hour, maxBytes: maxBytes, deliver: map[string]deliverFunc{
		"w": func(context.Context, pipeline.Notification) error {
			return &pipeline.DeliveryError{Class: pipeline.BadMessage, Err: errors.New("no")}
		},
	}})
	for i := range n {
		a := pipeline.Alert{ID: fmt.Sprint("a", i), Rule: "R", Output: string(make([]byte, size))}
		if err := d.PublishNotification(t.Context(), "w", pipeline.Notification{ID: fmt.Sprint("n", i), CreatedAt: time.Now(), Alerts: []pipeline.Alert{a}}); err != nil {
			t.Fatal(err)
		}
		eventuallyDead(t, d, i+1, pipeline.DeadLetterQuery{}) // in order
	}
	return d
}

func TestOldDeadLettersGo(t *testing.T) {
	d := refusing(t, 0, 3, 1)
	for _, tc := range []struct {
		in   time.Duration
		left int
	}{{29 * 24 * time.Hour, 3}, {31 * 24 * time.Hour, 0}, {32 * 24 * time.Hour, 0}} {
		if err := d.TrimDeadLetters(t.Context(), time.Now().Add(tc.in)); err != nil {
			t.Fatal(err)
		}
		eventuallyDead(t, d, tc.left, pipeline.DeadLetterQuery{})
		if got := d.metric(t, "tocsin_dead_letters_parked"); got != float64(tc.left) {
			t.Errorf("after %s %v are parked, says the metric; want %d", tc.in, got, tc.left)
		}
		if got := d.metric(t, "tocsin_dead_letters_dropped_total", "reason=age"); got != float64(3-tc.left) {
			t.Errorf("after %s %v were dropped, says the metric; want %d", tc.in, got, 3-tc.left)
		}
	}
}

// They never fill what the bus gives them: the oldest go before, and are counted.
func TestTooManyDeadLettersGo(t *testing.T) {
	d := refusing(t, 100_000, 15, 1000) // NUL is six characters of JSON
	if err := d.TrimDeadLetters(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	left, _, err := d.DeadLetters(t.Context(), pipeline.DeadLetterQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	dropped := d.metric(t, "tocsin_dead_letters_dropped_total", "reason=size")
	if dropped < 1 || len(left) < 10 || float64(len(left))+dropped != 15 || left[len(left)-1].ID != 15 {
		t.Errorf("%v dropped, %d left; want the last ones left, and each of the 15 in one of the two", dropped, len(left))
	}
}
