package enrich

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/container"
	"github.com/tocsin-security/tocsin/stages/enrich/runtimetest"
)

// mayHear is an Enricher that may hear of containers, on a clock that stands at 100 s.
func mayHear(wait time.Duration) *Enricher {
	e := New(Config{Containers: ContainersConfig{Sockets: Sockets{"/nowhere.sock"}, Wait: pipeline.Duration(wait)}}, "h", slog.New(slog.DiscardHandler))
	e.SetClock(func() int64 { return 100e9 })
	return e
}

func first(e *Enricher, id string) *pipeline.Container {
	p := &pipeline.Process{PID: -1, ContainerID: id}
	e.Process(&pipeline.Event{Proc: p, Time: 99e9})
	return p.Container
}

func TestWhatIsWaitedFor(t *testing.T) {
	e := mayHear(time.Second)
	if got := first(e, "a").Awaited; got != 101e9 {
		t.Errorf("a container that may still be told of is awaited until %d, want 101 s", got)
	}
	if got := first(mayHear(0), "a").Awaited; got != 0 {
		t.Errorf("with wait: 0 it is awaited until %d, want not at all", got)
	}
	e.learned.Put(container.Described{Container: &pipeline.Container{ID: "a", Complete: true}})
	select {
	case <-e.Learned():
	default:
		t.Error("nobody hears that a container became known")
	}
	if got := first(e, "a"); !got.Complete || got.Learned != 100e9 {
		t.Errorf("once known: %+v, want it learned at 100 s", got)
	}
	e.SetClock(func() int64 { return 200e9 })
	e.learned.Put(container.Described{Container: &pipeline.Container{ID: "a", Name: "renamed", Complete: true}})
	if got := first(e, "a"); got.Name != "renamed" || got.Learned != 100e9 {
		t.Errorf("told again: %+v, want it learned when it was first", got)
	}
}

// Without a runtime there is nothing to wait for; until it is known that there is none, one may come.
func TestNobodyWaitsForARuntimeThatIsNotThere(t *testing.T) {
	e := mayHear(time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()
	runtimetest.Eventually(t, "the runtime turns out not to be there", func() bool { return e.cache.hopeful.Load() == 0 })
	if got := first(e, "a").Awaited; got != 0 {
		t.Errorf("awaited until %d, want not at all", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := first(New(Config{}, "h", slog.New(slog.DiscardHandler)), "a").Awaited; got != 0 {
		t.Errorf("with sockets: [] awaited until %d, want not at all", got)
	}
}

func TestAnUnansweredQuestionIsAskedAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := mayHear(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			e.cache.answer(ctx, e.runtimes)
			close(done)
		}()
		begin := time.Now()
		first(e, "a")
		var asked []string
		for range 400 {
			synctest.Wait()
			if n := e.Stats().Asked; int(n) > len(asked) {
				asked = append(asked, fmt.Sprint(time.Since(begin).Milliseconds()))
			}
			time.Sleep(time.Millisecond)
		}
		if want := []string{"0", "50", "150", "300"}; !slices.Equal(asked, want) {
			t.Errorf("asked after %v ms, want %v", asked, want)
		}
		cancel()
		<-done
	})
}

// A runtime that does not answer must not keep one that does from being asked again.
func TestAHungRuntimeKeepsNobodyFromBeingAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := mayHear(time.Second)
		released, lookedUp := make(chan struct{}), make(chan struct{}, 10)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for path, behind := range map[string]engine{"/a": waiting{until: released}, "/b": waiting{counted: lookedUp}} {
			r := newRuntime(socket{path: path}, e.cache, e.runtimes.log)
			r.engine.Store(&behind)
			e.runtimes.alive[r] = true
			all.Go(func() { r.answer(ctx) })
		}
		all.Go(func() { e.cache.answer(ctx, e.runtimes) })
		first(e, "a")
		time.Sleep(400 * time.Millisecond)
		synctest.Wait()
		if n := len(lookedUp); n != 4 {
			t.Errorf("the runtime that answers was asked %d times in 400 ms, want 4 times", n)
		}
		close(released)
		cancel()
		all.Wait()
	})
}

// A recording says when a container's wait began and when it was told of, though no event uses it any more.
func TestNotesOfAWait(t *testing.T) {
	live, replay := mayHear(time.Second), NewReplay("h", 2*time.Second, slog.New(slog.DiscardHandler))
	learn := func(text []byte) {
		if err := replay.Learn(text); err != nil {
			t.Fatal(err)
		}
	}
	live.Note(learn)
	first(live, "a")
	if got := first(replay, "a").Awaited; got != 102e9 {
		t.Errorf("in a replay with its own wait it is awaited until %d, want 102 s", got)
	}
	if got := first(replay, "b").Awaited; got != 0 {
		t.Errorf("a container that the capture does not tell of is awaited until %d, want not at all", got)
	}
	live.SetClock(func() int64 { return 100.5e9 })
	live.learned.Put(container.Described{Container: &pipeline.Container{ID: "a", Complete: true}})
	live.Process(&pipeline.Event{Proc: &pipeline.Process{PID: 1}}) // of the host
	if c := replay.Container("a"); c == nil || c.Learned != 100.5e9 {
		t.Errorf("in the replay the container is %+v, want it learned at 100.5 s", c)
	}
	first(live, "c")
	live.learned.Put(container.Described{Container: &pipeline.Container{ID: "c", Complete: true}})
	live.Settle() // the recording ends
	if replay.Container("c") == nil {
		t.Error("what became known at the very end was not noted")
	}
}
