package route

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tocsin-security/tocsin/pipeline"
)

func eventsOf(ids ...string) (all []pipeline.Alert) {
	for _, id := range ids {
		all = append(all, pipeline.Alert{ID: id})
	}
	return all
}

// An event that comes again in a later flush goes no further; what completes one always does; and a group remembers
// only so many.
func TestRecent(t *testing.T) {
	var r recent
	for _, step := range []struct{ in, want []pipeline.Alert }{
		{eventsOf("a", "b"), eventsOf("a", "b")},
		{eventsOf("b", "c", "a"), eventsOf("c")},
		{append(eventsOf("a"), pipeline.Alert{ID: "a", Completes: &pipeline.Completes{}}), []pipeline.Alert{{ID: "a", Completes: &pipeline.Completes{}}}},
		{nil, nil},
	} {
		if diff := cmp.Diff(step.want, r.fresh(slices.Clone(step.in)), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("fresh(%v) (-want +got):\n%s", step.in, diff)
		}
	}
	for i := range 3 * maxRecent {
		r.fresh(eventsOf(fmt.Sprint(i)))
	}
	if len(r) != 8*maxRecent {
		t.Errorf("%d bytes are remembered, want %d", len(r), 8*maxRecent)
	}
	if got := r.fresh(eventsOf(fmt.Sprint(2*maxRecent), "a")); len(got) != 1 || got[0].ID != "a" {
		t.Errorf("%v is fresh, want what was forgotten and nothing of the last %d", got, maxRecent)
	}
}
