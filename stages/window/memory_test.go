package window_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/window"
	"github.com/tocsin-security/tocsin/stages/window/windowtest"
)

func TestMemory(t *testing.T) {
	windowtest.Run(t, func(_ *testing.T, cfg window.Config) window.Engine { return window.NewMemory(cfg) })
}

var minute = pipeline.Window{Within: time.Minute, Count: 1}

// show shows an occurrence of each of the keys from to to.
func show(m *window.Memory, w *pipeline.Window, from, to int, at time.Time) (fired int) {
	for i := from; i < to; i++ {
		var judged pipeline.Judged
		o := pipeline.Observation{
			Window: w, Key: fmt.Sprint("key ", i), At: at, Arrived: at,
			Distinct: fmt.Sprint("value ", at), New: fmt.Sprint("value ", at), Changed: fmt.Sprint("value ", at),
		}
		if m.Judge(&o, &judged); judged.Fired {
			fired++
		}
	}
	return fired
}

func limited(keys int, bytes pipeline.Size) *window.Memory {
	cfg := window.DefaultConfig()
	cfg.MaxKeys, cfg.MaxBytes = keys, bytes
	return window.NewMemory(cfg)
}

func TestMemoryForgetsTheLeastRecentlyTouched(t *testing.T) {
	m, now := limited(100, 16<<20), time.Now()
	show(m, &minute, 0, 100, now)
	show(m, &minute, 0, 50, now.Add(time.Second)) // they fire, and are touched
	if n := m.Evicted(); n != 0 {
		t.Fatalf("Evicted() = %d while there was room, want 0", n)
	}
	show(m, &minute, 100, 150, now.Add(2*time.Second))
	if keys, evicted := m.Keys(), m.Evicted(); keys != 100 || evicted != 50 {
		t.Errorf("%d keys, %d evicted, want 100 and 50", keys, evicted)
	}
	if fired := show(m, &minute, 0, 50, now.Add(3*time.Second)); fired != 50 {
		t.Errorf("%d of the 50 that were touched later fired, want all: the others had to go", fired)
	}
	if fired := show(m, &minute, 50, 100, now.Add(4*time.Second)); fired != 0 {
		t.Errorf("%d of those that had to go fired, want none", fired)
	}
}

func TestMemoryIsBoundedInBytes(t *testing.T) {
	const bytes = 16 << 20
	w := pipeline.Window{Within: time.Minute, Count: 1000, Distinct: 1000, Changed: time.Hour, New: time.Hour}
	m, now := limited(1_000_000, bytes), time.Now()
	for i := range 200 {
		show(m, &w, 0, 2000, now.Add(time.Duration(i)*time.Millisecond))
	}
	if n := m.Bytes(); n > bytes || n < bytes/2 {
		t.Errorf("Bytes() = %d, want at most %d, and not much less", n, bytes)
	}
	if m.Evicted() == 0 {
		t.Error("Evicted() = 0, want some: 2000 keys of 400 KB have no room")
	}
}

func TestMemoryForgetsWhatHasExpired(t *testing.T) {
	for name, w := range map[string]pipeline.Window{
		"occurrences":           minute,
		"values":                {Within: time.Minute, Distinct: 5},
		"steps":                 {Within: time.Minute, Steps: 3},
		"a rate":                {Rate: 1, RateSpan: time.Minute},
		"what was seen, at all": {Within: time.Minute, Count: 1, Distinct: 1, Changed: time.Minute, New: time.Minute, Cooldown: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			m, now := limited(4000, 64<<20), time.Now()
			for i := range 40 { // two timelines, and more than the first blocks
				show(m, &w, 0, 1000, now.Add(time.Duration(i%2)*time.Hour+time.Duration(i)*time.Second))
			}
			// Three days later one key alone is busy.
			for i := range 5000 {
				show(m, &minute, 5000, 5001, now.Add(72*time.Hour+time.Duration(i)*time.Millisecond))
			}
			one := limited(4000, 64<<20)
			for i := range 5000 {
				show(one, &minute, 5000, 5001, now.Add(72*time.Hour+time.Duration(i)*time.Millisecond))
			}
			if keys, evicted := m.Keys(), m.Evicted(); keys != 1 || evicted != 0 {
				t.Errorf("%d keys, %d evicted, want the busy one and none: what expires was not forgotten for want of room", keys, evicted)
			}
			if got, want := m.Bytes(), one.Bytes(); got != want {
				t.Errorf("Bytes() = %d, want the %d of a key that was always alone", got, want)
			}
		})
	}
}

func TestMemoryAllocatesNothing(t *testing.T) {
	for name, w := range map[string]pipeline.Window{
		"count":    {Within: time.Minute, Count: 1000},
		"distinct": {Within: time.Minute, Distinct: 30},
		"rate":     {Rate: 100, RateSpan: 10 * time.Second, RateFor: time.Minute},
		"changed":  {Within: time.Minute, Count: 1000, Changed: time.Hour},
		"new":      {Within: time.Minute, Count: 1000, New: time.Hour},
		"sequence": {Within: time.Minute, Steps: 3},
		"fires":    {Within: time.Minute, Count: 10, Steps: 2},
	} {
		t.Run(name, func(t *testing.T) {
			m, now, judged := window.NewMemory(window.DefaultConfig()), time.Now(), pipeline.Judged{}
			values := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"}
			o := pipeline.Observation{Window: &w, Key: "k"}
			n := 0
			again := func() {
				now = now.Add(time.Second)
				v := values[n%len(values)]
				o.At, o.Arrived, o.Distinct, o.Changed, o.New, o.Steps = now, now, v, v, v, 1<<(n%2)
				m.Judge(&o, &judged)
				n++
			}
			for range 1000 {
				again()
			}
			if got := testing.AllocsPerRun(1000, again); got != 0 {
				t.Errorf("%v allocations for an occurrence, want none", got)
			}
		})
	}
}

func TestJudgedIsUsedAgain(t *testing.T) {
	m, now := window.NewMemory(window.DefaultConfig()), time.Now()
	judged := pipeline.Judged{Fired: true, Sight: pipeline.Sight{Count: 3, Values: []string{"old"}, Steps: []time.Time{now}, Previous: "old"}}
	m.Judge(&pipeline.Observation{Window: &minute, Key: "k", At: now, Arrived: now}, &judged)
	if judged.Fired || judged.Count != 0 || len(judged.Values) != 0 || len(judged.Steps) != 0 || judged.Previous != "" {
		t.Errorf("Judge left %+v of what was before", judged)
	}
}
