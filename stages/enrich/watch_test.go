package enrich

import (
	"context"
	"log/slog"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/runtimetest"
)

// watch runs an Enricher over sockets until the test ends.
func watch(t *testing.T, sockets ...string) *Enricher {
	t.Helper()
	e := New(Config{Containers: ContainersConfig{Sockets: sockets}}, "h", slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return e
}

// known waits until a container is known, and returns it.
func known(t *testing.T, e *Enricher, what, id string) *pipeline.Container {
	t.Helper()
	runtimetest.Eventually(t, what+": "+id, func() bool { return e.cache.get(id) != nil })
	return untimed(t, e.cache.get(id))
}

// untimed is a container without when it became known, which a test cannot foresee.
func untimed(t *testing.T, c *pipeline.Container) *pipeline.Container {
	t.Helper()
	if c == nil || c.Learned == 0 {
		t.Fatalf("container = %+v, want one that is known, and since when", c)
	}
	out := *c
	out.Learned = 0
	return &out
}

// askFor has an event of a container's process seen, as if its runtime had not told of it.
func askFor(e *Enricher, id string) { e.Resolve(&pipeline.Process{PID: -1, ContainerID: id}) }
