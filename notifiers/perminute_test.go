package notifiers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestPerMinute(t *testing.T) {
	limits := func() []pipeline.Limit {
		return []pipeline.Limit{{Most: 17, Per: time.Minute}, {Most: 4, Per: time.Second}}
	}
	for n, want := range map[PerMinute]int{0: 17, 1: 1, 17: 17} {
		if err := n.Validate(limits()); err != nil {
			t.Errorf("%d: %v", n, err)
		}
		if diff := cmp.Diff([]pipeline.Limit{{Most: want, Per: time.Minute}, {Most: 4, Per: time.Second}}, n.Limits(limits())); diff != "" {
			t.Errorf("%d (-want +got):\n%s", n, diff)
		}
	}
	for _, n := range []PerMinute{-1, 18} {
		if n.Validate(limits()) == nil {
			t.Errorf("%d is taken", n)
		}
	}
}
