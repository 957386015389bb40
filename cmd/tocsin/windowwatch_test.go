package main

import (
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// It is told when keys begin to be forgotten, not while that goes on, and again after an hour without.
func TestCrowdedWindowsAreToldOnceASpell(t *testing.T) {
	var evicted uint64
	var told []pipeline.Alert
	w := windowWatch{host: "h", evicted: func() uint64 { return evicted }, emit: func(a pipeline.Alert) error { told = append(told, a); return nil }}
	now := time.Now()
	for i, c := range []struct {
		after time.Duration
		more  uint64
		told  int
	}{
		{0, 0, 0}, {time.Second, 3, 1}, {50 * time.Minute, 1, 1}, {50 * time.Minute, 1, 1}, {2 * time.Hour, 0, 1}, {time.Second, 1, 2},
	} {
		now, evicted = now.Add(c.after), evicted+c.more
		if err := w.look(now); err != nil || len(told) != c.told {
			t.Fatalf("look %d: told %d times, %v, want %d", i, len(told), err, c.told)
		}
	}
	if a := told[1]; a.OutputFields["window.evicted"] != uint64(6) || a.Source != sourceInternal || a.Annotations["window_evicted"] != "6" {
		t.Errorf("alert = %+v, want how many", a)
	}
}
