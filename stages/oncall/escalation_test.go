package oncall

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestTheLastStepIsRepeatedAtItsPace(t *testing.T) {
	minutes := func(n int) pipeline.Duration { return pipeline.Duration(time.Duration(n) * time.Minute) }
	e := Escalation{Steps: []Step{{After: minutes(15), Notify: "a"}, {After: minutes(25), Notify: "b"}}, Repeat: 2}
	want := []Step{{After: minutes(15), Notify: "a"}, {After: minutes(25), Notify: "b"}, {After: minutes(35), Notify: "b"}, {After: minutes(45), Notify: "b"}}
	if diff := cmp.Diff(want, e.All()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	e = Escalation{Steps: []Step{{After: minutes(15)}}, Repeat: 1}
	if diff := cmp.Diff([]Step{{After: minutes(15)}, {After: minutes(30)}}, e.All()); diff != "" {
		t.Errorf("one step (-want +got):\n%s", diff)
	}
}
