package enrich

import (
	"log/slog"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

func newEnricher() *Enricher {
	return New(Config{}, "host-a", slog.New(slog.DiscardHandler))
}

func TestHostProcesses(t *testing.T) {
	e := newEnricher()
	p := &pipeline.Process{PID: 1}
	if got := e.Process(&pipeline.Event{Proc: p}); got != pipeline.Pass {
		t.Errorf("Process = %v, want pass", got)
	}
	if p.Container.Name != "host" || !p.Container.Complete || p.Container.ID != "" || p.User != "root" || p.Group != "root" {
		t.Errorf("host process = %+v in %+v", p, p.Container)
	}
}

func TestContainerIsSwappedWhenKnown(t *testing.T) {
	e := newEnricher()
	p := &pipeline.Process{PID: -1, ContainerID: "c1"}
	at := func(seconds int64) *pipeline.Container {
		e.Process(&pipeline.Event{Proc: p, Time: seconds * 1e9})
		return p.Container
	}
	first := at(100)
	if first.ID != "c1" || first.Complete {
		t.Errorf("at first = %+v, want the id alone", first)
	}
	sibling := &pipeline.Process{PID: -1, ContainerID: "c1"}
	e.Process(&pipeline.Event{Proc: sibling, Time: 100e9})
	if sibling.Container != first || e.Stats().Asked != 1 {
		t.Errorf("a second process has %p (first %p), asked %d times", sibling.Container, first, e.Stats().Asked)
	}
	for seconds, asked := range []uint64{1, 2, 2, 3, 3, 3, 3, 4} { // pauses of 1, 2, 4 seconds
		if at(100 + int64(seconds)); e.Stats().Asked != asked {
			t.Errorf("after %d s asked %d times, want %d", seconds, e.Stats().Asked, asked)
		}
	}
	e.learned.Put(container.Described{Container: &pipeline.Container{ID: "c1", Name: "web", Complete: true}})
	if got := at(108); got.Name != "web" {
		t.Errorf("once the runtime told = %+v, want web", got)
	}
	if len(e.hot.partial) != 0 {
		t.Errorf("still waiting for %v", e.hot.partial)
	}
}

func TestQuestionsNeverBlock(t *testing.T) {
	e := newEnricher() // nobody answers
	for i := range askQueue + 5 {
		e.Resolve(&pipeline.Process{PID: -1, ContainerID: pipeline.Fingerprint(i).String()})
	}
	if got := e.Stats(); got.Asked != askQueue || got.Dropped != 5 {
		t.Errorf("asked %d, dropped %d; want %d and 5", got.Asked, got.Dropped, askQueue)
	}
	for i := range maxPartial {
		e.Resolve(&pipeline.Process{PID: -1, ContainerID: "x" + pipeline.Fingerprint(i).String()})
	}
	if len(e.hot.partial) > maxPartial {
		t.Errorf("%d containers without metadata are remembered, want at most %d", len(e.hot.partial), maxPartial)
	}
}

func TestProcessDoesNotAllocate(t *testing.T) {
	e := newEnricher()
	e.learned.Put(container.Described{Container: &pipeline.Container{ID: "known", Complete: true}})
	for name, p := range map[string]*pipeline.Process{
		"host":              {PID: 1},
		"a known container": {PID: -1, ContainerID: "known"},
		"an unknown one":    {PID: -1, ContainerID: "unknown"},
	} {
		ev := &pipeline.Event{Proc: p, Time: 1e9}
		e.Process(ev)
		if n := testing.AllocsPerRun(100, func() { e.Process(ev) }); n != 0 {
			t.Errorf("%s: %v allocations an event, want none", name, n)
		}
	}
}

func BenchmarkProcess(b *testing.B) {
	e := newEnricher()
	e.learned.Put(container.Described{Container: &pipeline.Container{ID: "known", Complete: true}})
	for name, p := range map[string]*pipeline.Process{
		"host": {PID: 1}, "container": {PID: -1, ContainerID: "known"}, "unknown container": {PID: -1, ContainerID: "unknown"},
	} {
		b.Run(name, func(b *testing.B) {
			ev := &pipeline.Event{Proc: p, Time: 1e9}
			b.ReportAllocs()
			for b.Loop() {
				e.Process(ev)
			}
		})
	}
}
