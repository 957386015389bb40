package windowtest_test

import (
	"context"
	"sync"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/window"
	"github.com/tocsin-security/tocsin/stages/window/windowtest"
)

// locked makes a Reference safe for concurrent use.
type locked struct {
	mu sync.Mutex
	*windowtest.Reference
}

func (l *locked) Observe(ctx context.Context, observed []pipeline.Observation) ([]pipeline.Judged, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Reference.Observe(ctx, observed)
}

// The reference says what the scenes say.
func TestReference(t *testing.T) {
	windowtest.Run(t, func(_ *testing.T, cfg window.Config) window.Engine {
		return &locked{Reference: windowtest.NewReference(cfg)}
	})
}
