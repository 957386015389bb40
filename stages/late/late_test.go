package late

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	t0   = int64(1_700_000_000_000_000_000)
	wait = int64(500 * time.Millisecond)
)

// world is a Queue and what is known around it; it logs what becomes of events.
type world struct {
	*Queue
	known    map[string]*pipeline.Container
	waiting  map[string]*pipeline.Container // what a process has before that
	fires    bool                           // every event makes an alert
	log      []string
	err      error
	onMatch  func(ev *pipeline.Event)
	released int64

	onComplete func()
	gone       map[string]bool // alerts that cannot be made again
}

func newWorld() *world {
	w := &world{known: map[string]*pipeline.Container{}, waiting: map[string]*pipeline.Container{}}
	w.Queue = New(func(id string) *pipeline.Container { return w.known[id] })
	return w
}

func (w *world) Match(ev *pipeline.Event) ([]pipeline.Alert, error) {
	w.log = append(w.log, fmt.Sprint(ev.Str, " ", ev.Proc.Container.Name))
	if w.onMatch != nil {
		w.onMatch(ev)
	}
	if w.fires && !ev.Proc.Container.Complete {
		return []pipeline.Alert{{ID: ev.Str, Enrichment: pipeline.Partial}}, w.err
	}
	return nil, w.err
}

func (w *world) Complete(ev *pipeline.Event, partial *pipeline.Alert) (bool, error) {
	if w.gone[partial.ID] {
		return false, w.err
	}
	w.log = append(w.log, fmt.Sprint(partial.ID, " completed ", ev.Proc.Container.Name))
	if w.onComplete != nil {
		w.onComplete()
	}
	return true, w.err
}

// event is one of a container that has been waited for since t0, unless it is known.
func (w *world) event(name, id string, after time.Duration) *pipeline.Event {
	c := w.known[id]
	if c == nil {
		if c = w.waiting[id]; c == nil {
			c = &pipeline.Container{ID: id, Awaited: t0 + wait}
			w.waiting[id] = c
		}
	}
	return &pipeline.Event{Str: name, Time: t0 + int64(after), Proc: &pipeline.Process{PID: 1, ContainerID: id, Container: c}}
}

func (w *world) learn(id string, after time.Duration) {
	w.known[id] = &pipeline.Container{ID: id, Name: "web-" + id, Complete: true, Learned: t0 + int64(after)}
}

func (w *world) hold(t *testing.T, want bool, ev *pipeline.Event) {
	t.Helper()
	if got := w.Hold(ev); got != want {
		t.Errorf("Hold(%s) = %v, want %v", ev.Str, got, want)
	}
}

// release lets go what may at a time, and compares what was judged.
func (w *world) release(t *testing.T, after time.Duration, drain bool, want ...string) {
	t.Helper()
	next, err := w.Release(t0+int64(after), drain, w)
	if !errors.Is(err, w.err) {
		t.Errorf("Release = %v, want %v", err, w.err)
	}
	w.released = next
	if diff := cmp.Diff(want, w.log); diff != "" {
		t.Errorf("%s after the first event, judged (-want +got):\n%s", after, diff)
	}
	w.log = nil
}

func TestEventsWaitForTheirContainer(t *testing.T) {
	w := newWorld()
	w.hold(t, true, w.event("1", "a", 0))
	w.hold(t, true, w.event("2", "b", time.Millisecond))
	w.hold(t, true, w.event("3", "a", 2*time.Millisecond))
	w.hold(t, false, &pipeline.Event{Str: "host", Time: t0, Proc: &pipeline.Process{Container: &pipeline.Container{Complete: true}}})
	w.release(t, 100*time.Millisecond, false)
	if w.released != t0+wait {
		t.Errorf("the next wait ends at %d, want %d", w.released, t0+wait)
	}
	w.learn("a", 110*time.Millisecond)
	w.release(t, 120*time.Millisecond, false, "1 web-a", "3 web-a")
	w.hold(t, false, w.event("4", "a", 130*time.Millisecond))
	w.release(t, 500*time.Millisecond, false)
	w.release(t, 500*time.Millisecond+1, false, "2 ")
	w.hold(t, false, w.event("5", "b", 501*time.Millisecond))
	if got, want := w.Stats(), (Stats{Held: 3, Complete: 2, Partial: 1}); got != want || w.Held() != 0 || w.bytes != 0 {
		t.Errorf("Stats = %+v, %d events and %d bytes held; want %+v and none", got, w.Held(), w.bytes, want)
	}
}

// The wait is over at its end, however late anybody looks: live and a replay judge alike.
func TestWhatComesAfterTheWaitIsLate(t *testing.T) {
	w := newWorld()
	w.fires = true
	w.hold(t, true, w.event("1", "a", 0))
	w.learn("a", 500*time.Millisecond+1)
	w.release(t, 600*time.Millisecond, false, "1 ", "1 completed web-a")
	if got, want := w.Stats(), (Stats{Held: 1, Partial: 1, Completed: 1}); got != want {
		t.Errorf("Stats = %+v, want %+v", got, want)
	}
}

func TestPartialAlertsAreCompleted(t *testing.T) {
	w := newWorld()
	w.fires = true
	w.hold(t, true, w.event("1", "a", 0))
	w.hold(t, true, w.event("2", "b", 0))
	w.release(t, time.Second, false, "1 ", "2 ")
	now := w.event("3", "a", 2*time.Second) // judged at once: the wait is over
	w.hold(t, false, now)
	w.Remember(now, pipeline.Alert{ID: "3", Enrichment: pipeline.Partial})
	w.learn("a", 3*time.Second)
	w.release(t, 3*time.Second, false, "1 completed web-a", "3 completed web-a")
	w.learn("b", 2*time.Minute)
	w.release(t, 3*time.Second, false) // too late by its own time, whatever the clock says
}

// The other goroutine remembers what goes out while this one completes: it is completed too.
func TestWhatGoesOutDuringACompletionIsRemembered(t *testing.T) {
	w := newWorld()
	w.Remember(w.event("1", "a", time.Second), pipeline.Alert{ID: "1"})
	w.onComplete = func() {
		w.onComplete = nil
		w.Remember(w.event("2", "b", time.Second), pipeline.Alert{ID: "2"})
	}
	w.learn("a", time.Second)
	w.release(t, 2*time.Second, false, "1 completed web-a")
	w.learn("b", 2*time.Second)
	w.release(t, 3*time.Second, false, "2 completed web-b")
}

func TestOnlyWhatIsMadeAgainIsCounted(t *testing.T) {
	w := newWorld()
	w.fires, w.gone = true, map[string]bool{"1": true} // a reload took its rule away
	w.hold(t, true, w.event("1", "a", 0))
	w.hold(t, true, w.event("2", "a", 0))
	w.release(t, time.Second, false, "1 ", "2 ")
	w.learn("a", time.Second)
	w.release(t, time.Second, false, "2 completed web-a")
	if n := w.Stats().Completed; n != 1 {
		t.Errorf("%d alerts count as completed, want 1", n)
	}
}

func TestWhatNobodyCanTellOfIsNotRemembered(t *testing.T) {
	w := newWorld()
	ev := w.event("1", "a", 0)
	ev.Proc.Container = &pipeline.Container{ID: "a"}
	w.hold(t, false, ev)
	w.Remember(ev, pipeline.Alert{ID: "1"})
	old := w.event("2", "b", 2*time.Minute)
	w.Remember(old, pipeline.Alert{ID: "2"})
	if len(w.partial) != 0 {
		t.Errorf("remembered %v, want nothing", w.partial)
	}
	for i := range maxPartial + 1 {
		w.Remember(w.event(fmt.Sprint(i), "c", 0), pipeline.Alert{ID: fmt.Sprint(i)})
	}
	if len(w.partial) != maxPartial || w.partial[0].alerts[0].ID != "1" {
		t.Errorf("%d are remembered, the first %q; want %d without the oldest", len(w.partial), w.partial[0].alerts[0].ID, maxPartial)
	}
	w.release(t, 2*time.Minute, false)
	if len(w.partial) != 0 {
		t.Errorf("%d are remembered after two minutes, want none", len(w.partial))
	}
}

// An event that comes while those before it are being judged is judged after them.
func TestNoEventOvertakesAnother(t *testing.T) {
	w := newWorld()
	w.hold(t, true, w.event("1", "a", 0))
	w.hold(t, true, w.event("2", "a", 0))
	w.learn("a", time.Millisecond)
	w.onMatch = func(ev *pipeline.Event) {
		if ev.Str == "1" {
			w.hold(t, true, w.event("3", "a", 2*time.Millisecond))
			w.hold(t, true, w.event("other", "b", 2*time.Millisecond))
		}
	}
	w.release(t, 3*time.Millisecond, false, "1 web-a", "2 web-a", "3 web-a")
	w.onMatch = nil
	w.release(t, 3*time.Millisecond, true, "other ")
	w.hold(t, false, w.event("4", "a", 4*time.Millisecond))
}

func TestDrainLosesNothing(t *testing.T) {
	w := newWorld()
	w.err = errors.New("no")
	for i := range 3 {
		w.hold(t, true, w.event(fmt.Sprint(i), fmt.Sprint("c", i%2), 0))
	}
	w.release(t, 0, true, "0 ", "2 ", "1 ")
}

func TestAFullQueueSaysSo(t *testing.T) {
	w := newWorld()
	for range maxEvents {
		w.hold(t, true, w.event("1", "a", 0))
	}
	w.hold(t, false, w.event("2", "a", 0))
	if got := w.Stats(); got.Full != 1 || got.Held != maxEvents {
		t.Errorf("Stats = %+v, want one that found no room", got)
	}
	w = newWorld()
	big := w.event("1", "a", 0)
	big.Data = strings.Repeat("x", 1<<20)
	n := 0
	for ; w.Hold(big); n++ {
	}
	if n < 30 || n > 32 {
		t.Errorf("%d events of a MiB were held, want those that 32 MiB have room for", n)
	}
}

// A container whose wait has not begun, or is over, costs a look at two fields.
func TestHoldDoesNotAllocate(t *testing.T) {
	w := newWorld()
	w.learn("known", 0)
	for name, ev := range map[string]*pipeline.Event{
		"host":    {Time: t0, Proc: &pipeline.Process{Container: &pipeline.Container{Complete: true}}},
		"known":   w.event("1", "known", 0),
		"over":    w.event("2", "a", time.Second),
		"unasked": {Time: t0, Proc: &pipeline.Process{ContainerID: "x", Container: &pipeline.Container{ID: "x"}}},
	} {
		if n := testing.AllocsPerRun(100, func() { w.hold(t, false, ev) }); n != 0 {
			t.Errorf("%s: %v allocations an event, want none", name, n)
		}
	}
}
