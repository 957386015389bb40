package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Windows and dedupe are for events: a stateful alert that comes again has to reach its group.
func TestSplitKeepsBothKindsInTheirOrder(t *testing.T) {
	so := &pipeline.Stateful{}
	alerts := []pipeline.Alert{{ID: "e1"}, {ID: "s1", Stateful: so}, {ID: "e2"}, {ID: "s2", Stateful: so}}
	ids := func(alerts []pipeline.Alert) (all []string) {
		for _, a := range alerts {
			all = append(all, a.ID)
		}
		return all
	}
	stateful, events := split(alerts)
	if diff := cmp.Diff([][]string{{"s1", "s2"}, {"e1", "e2"}}, [][]string{ids(stateful), ids(events)}); diff != "" {
		t.Errorf("split (-want +got):\n%s", diff)
	}
	if stateful, events := split(alerts[:1]); stateful != nil || len(events) != 1 {
		t.Errorf("split of one event = %v, %v", ids(stateful), ids(events))
	}
}
