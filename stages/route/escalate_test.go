package route_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-security/tocsin/stages/route"
)

const escalating = "{receiver: ops, group_by: [rule], group_wait: 30s, group_interval: 5m, escalate: e}"

// newEscalation is a bench whose alerts go from ops to oncall after 15 minutes.
func newEscalation(t *testing.T) *bench {
	t.Helper()
	e := route.Escalation{Name: "e", Steps: []route.EscalationStep{{After: 15 * time.Minute, Receiver: "oncall"}}}
	tree, err := route.NewTree(parse(t, escalating), receivers("ops", "oncall"), e)
	if err != nil {
		t.Fatal(err)
	}
	return startBench(t, route.Setup{Tree: tree, Summaries: route.DefaultSummaries()})
}

// An event that waited for an hour on the way is told at once; nobody could acknowledge it meanwhile.
func TestAStepWaitsForAnEventThatCameLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newEscalation(t)
		late := alert("a", "rule=x")
		time.Sleep(time.Hour)
		b.add(late)
		b.want("3600 webhook-ops first notification: a×1")
		time.Sleep(15*time.Minute + 30*time.Second)
		b.want("4530 webhook-oncall not acknowledged: a×1")
	})
}

func TestASumOfQuietTimesDoesNotEscalate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newEscalation(t)
		sum := alert("a", "rule=x")
		sum.Closing = true
		b.add(sum)
		time.Sleep(time.Hour)
		b.want("30 webhook-ops summary: a×1")
	})
}

// What repeated is shown by a step, and still told by the route: another chat is no less entitled to know.
func TestAStepCountsRepeatsAndTakesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newEscalation(t)
		b.add(alert("a", "rule=x"))
		time.Sleep(30 * time.Second)
		b.want("30 webhook-ops first notification: a×1")
		b.repeats.mu.Lock()
		b.repeats.untold["a"] = 99
		b.repeats.mu.Unlock()
		time.Sleep(15 * time.Minute)
		b.want("930 webhook-oncall not acknowledged: a×100")
		b.repeats.mu.Lock()
		defer b.repeats.mu.Unlock()
		if told := b.repeats.told["a"]; told != 0 {
			t.Errorf("a step told the window of %d repeats, which the route has yet to tell", told)
		}
	})
}

// History says once that an alert was routed; what a step does with it is in it all the same.
func TestStepsAreNoRoutesOfHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newEscalation(t)
		b.add(alert("a", "rule=x"))
		time.Sleep(time.Hour)
		b.steps.mu.Lock()
		defer b.steps.mu.Unlock()
		said := map[string]int{}
		for _, s := range b.steps.all {
			said[s.Stage+" "+s.Verdict+" "+s.Receiver]++
		}
		if said["route passed ops"] != 1 || said["route passed oncall"] != 0 || said["flush notified oncall"] != 1 {
			t.Errorf("history has %v", said)
		}
	})
}
