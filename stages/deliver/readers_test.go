package deliver_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/deliver"
)

// Two entries write to some of the same people: nobody gets more than one may, and who is written to by one alone is not
// held up by what the others get.
func TestReadersHaveAQuotaEach(t *testing.T) {
	const warnings = 7 // of ten: the rest is for what is urgent
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, dir)
		var mu sync.Mutex
		got := map[string][]time.Time{} // by reader
		entry := func(name string, readers ...string) *deliver.Queue {
			c := b.channel
			c.Robot, c.Limits = name, []pipeline.Limit{{Most: 10, Per: time.Minute}}
			c.Readers = func(pipeline.Message) []string { return readers }
			c.Notify = func(context.Context, pipeline.Message) error {
				mu.Lock()
				defer mu.Unlock()
				for _, r := range readers {
					got[r] = append(got[r], time.Now())
				}
				return nil
			}
			return b.queues.Set(name, c)
		}
		queues := map[string]*deliver.Queue{"one": entry("one", "li", "wang"), "two": entry("two", "wang", "zhang"), "alone": entry("alone", "chen")}
		begun := time.Now()
		var all sync.WaitGroup
		for name, q := range queues {
			for i := range 4 { // few enough to go alone
				all.Go(func() {
					n := notification(fmt.Sprint(name, i), pipeline.Warning)
					n.Integration = name
					if err := deliverOne(t.Context(), q, n); err != nil {
						t.Errorf("%s: %v", n.ID, err)
					}
				})
			}
		}
		all.Wait()
		for who, times := range got {
			for i := range times {
				if i >= warnings && times[i].Sub(times[i-warnings]) < time.Minute {
					t.Errorf("%s got more than %d messages within a minute: %v", who, warnings, times)
					break
				}
			}
		}
		if first := got["chen"]; len(first) == 0 || first[0].Sub(begun) > time.Second {
			t.Errorf("chen got %v, want the first at once", first)
		}
	})
}

// The quota of an hour holds for a reader, too, over what two entries send in many minutes.
func TestReadersHaveAQuotaByTheHour(t *testing.T) {
	const most = 12
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, dir)
		var mu sync.Mutex
		var got []time.Time
		entry := func(name string) *deliver.Queue {
			c := b.channel
			c.Robot, c.Limits = name, []pipeline.Limit{{Most: 10, Per: time.Minute}, {Most: most, Per: time.Hour}}
			c.Readers = func(pipeline.Message) []string { return []string{"li"} }
			c.Notify = func(context.Context, pipeline.Message) error {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, time.Now())
				return nil
			}
			return b.queues.Set(name, c)
		}
		queues := map[string]*deliver.Queue{"one": entry("one"), "two": entry("two")}
		var all sync.WaitGroup
		for i := range 10 {
			for name, q := range queues {
				all.Go(func() {
					n := notification(fmt.Sprint(name, i), pipeline.Warning)
					n.Integration = name
					if err := deliverOne(t.Context(), q, n); err != nil {
						t.Errorf("%s: %v", n.ID, err)
					}
				})
			}
			time.Sleep(2 * time.Minute) // few enough for a minute
		}
		all.Wait()
		if len(got) <= most {
			t.Fatalf("%d messages were sent, want more than an hour's", len(got))
		}
		for i := most; i < len(got); i++ {
			if got[i].Sub(got[i-most]) < time.Hour {
				t.Fatalf("li got more than %d messages within an hour: %v", most, got)
			}
		}
	})
}
