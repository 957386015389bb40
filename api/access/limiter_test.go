package access

import (
	"strconv"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	now := time.Unix(1000, 0)
	l := NewLimiter(2, 3, 100)
	for i := range 3 {
		if wait := l.Take("a", now); wait != 0 {
			t.Fatalf("request %d of a burst of 3 waits %v", i+1, wait)
		}
	}
	if wait := l.Take("a", now); wait != 500*time.Millisecond {
		t.Errorf("the fourth waits %v, want exactly half a second at 2 a second", wait)
	}
	if wait := l.Take("b", now); wait != 0 {
		t.Errorf("another client waits %v for the first one", wait)
	}
	if wait := l.Take("a", now.Add(200*time.Millisecond)); wait != 300*time.Millisecond {
		t.Errorf("after 200 ms it waits %v, want the 300 ms that are left: a refused one takes nothing", wait)
	}
	now = now.Add(500 * time.Millisecond)
	if wait := l.Take("a", now); wait != 0 {
		t.Errorf("after the time it was told it waits another %v", wait)
	}
	now = now.Add(time.Hour)
	for range 3 {
		l.Take("a", now)
	}
	if wait := l.Wait("a", now); wait == 0 {
		t.Error("an hour of nothing gives more than a burst")
	}
	if wait := l.Take("a", now.Add(-time.Hour)); wait != 500*time.Millisecond {
		t.Errorf("with a clock that goes back it waits %v, want half a second", wait)
	}
	if wait := l.Take("a", now); wait == 0 {
		t.Error("a clock that goes back and forth fills the bucket")
	}
}

func TestLimiterIsBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	l := NewLimiter(1, 1, 10)
	for i := range 1000 {
		l.Take(strconv.Itoa(i), now)
	}
	if len(l.byKey) != 10 || l.order.Len() != 10 {
		t.Errorf("it remembers %d and %d clients, want 10", len(l.byKey), l.order.Len())
	}
	if l.Take("999", now) == 0 {
		t.Error("the latest client is forgotten")
	}
	if l.Wait("unknown", now) != 0 || len(l.byKey) != 10 {
		t.Error("asking about a client that is not known makes it wait, or remembers it")
	}
}
