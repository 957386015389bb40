package windowtest

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/window"
)

// coarse keeps little one by one.
var coarse = window.Config{MaxKeys: 1000, MaxBytes: 32 << 20, Exact: 32, Lateness: pipeline.Duration(10 * time.Second)}

// What an estimate of values may be wrong by: it is 1.6 % as a rule, and values count for up to a 16th of
// Within too long. A test has to hold always, hence more.
const (
	estimateError = 0.1
	estimatePanes = 16
)

// crowd is many occurrences of one key, some of them late, and how many are really in view.
type crowd struct {
	now    time.Time
	times  []time.Time // when they were
	values []int
	latest time.Time
}

// draw adds one.
func (c *crowd) draw(rt *rapid.T) (at time.Time, value int) {
	c.now = c.now.Add(time.Duration(rapid.IntRange(0, 200).Draw(rt, "pause")) * time.Millisecond)
	at = c.now
	if rapid.IntRange(0, 4).Draw(rt, "is late") == 0 {
		at = at.Add(-time.Duration(rapid.IntRange(0, 5000).Draw(rt, "late")) * time.Millisecond)
	}
	value = rapid.IntRange(0, 400).Draw(rt, "value")
	c.times, c.values = append(c.times, at), append(c.values, value)
	if at.After(c.latest) {
		c.latest = at
	}
	return at, value
}

// inView counts the occurrences, and the values, of the last span.
func (c *crowd) inView(span time.Duration) (count, distinct uint64) {
	seen := map[int]bool{}
	for i, at := range c.times {
		if at.After(c.latest.Add(-span)) {
			count++
			seen[c.values[i]] = true
		}
	}
	return count, uint64(len(seen))
}

func testPanes(t *testing.T, fresh func(*testing.T, window.Config) window.Engine) {
	const within = 10 * time.Second
	for _, over := range []uint64{1, 31, 50} { // less than, as much as, and more than exact
		t.Run(fmt.Sprint("over ", over), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				e, c := fresh(t, coarse), crowd{now: time.Now().UTC().Truncate(time.Second)}
				w := pipeline.Window{Within: within, Count: over}
				for range rapid.IntRange(50, 250).Draw(rt, "occurrences") {
					at, _ := c.draw(rt)
					got := observe(t, e, pipeline.Observation{Window: &w, Key: "k", At: at, Arrived: c.now})
					least, _ := c.inView(within)
					most, _ := c.inView(within + within/window.Panes)
					if over < uint64(coarse.Exact) {
						if got.Fired != (least > over) {
							rt.Fatalf("fired %v with %d in view, want the exact answer", got.Fired, least)
						}
					} else if got.Fired && most <= over || !got.Fired && least > over {
						rt.Fatalf("fired %v with %d to %d in view, over: %d", got.Fired, least, most, over)
					}
					if got.Fired && (got.Count < least || got.Count > most) {
						rt.Fatalf("%d in view, want %d to %d", got.Count, least, most)
					}
				}
			})
		})
	}
}

func testEstimate(t *testing.T, fresh func(*testing.T, window.Config) window.Engine) {
	const within = 10 * time.Second
	for _, over := range []uint64{1, 31, 50} {
		t.Run(fmt.Sprint("over ", over), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				e, c := fresh(t, coarse), crowd{now: time.Now().UTC().Truncate(time.Second)}
				w := pipeline.Window{Within: within, Distinct: over}
				for range rapid.IntRange(50, 250).Draw(rt, "occurrences") {
					at, value := c.draw(rt)
					got := observe(t, e, pipeline.Observation{Window: &w, Key: "k", At: at, Arrived: c.now, Distinct: fmt.Sprint("value ", value)})
					_, exact := c.inView(within)
					_, old := c.inView(within + within/estimatePanes)
					least, most := float64(exact)*(1-estimateError), float64(old)*(1+estimateError)
					switch {
					case over < uint64(coarse.Exact):
						if got.Fired != (exact > over) {
							rt.Fatalf("fired %v with %d values in view, want the exact answer", got.Fired, exact)
						}
					case got.Fired && most <= float64(over), !got.Fired && least > float64(over):
						rt.Fatalf("fired %v with %d to %d values in view, over: %d", got.Fired, exact, old, over)
					}
					if got.Fired && (float64(got.Distinct) < least || float64(got.Distinct) > most) {
						rt.Fatalf("%d values in view, want %d to %d", got.Distinct, exact, old)
					}
					if got.Fired && exact < uint64(coarse.Exact) && old < uint64(coarse.Exact) && got.Distinct != exact {
						rt.Fatalf("%d values in view, want exactly %d: so few are not estimated", got.Distinct, exact)
					}
				}
			})
		})
	}
}
