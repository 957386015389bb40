package route_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

// completion is what completes an alert with this id and these labels: it has more of them.
func completion(id, of, set string) pipeline.Alert {
	a := alert(id, set)
	a.Count, a.FirstSeen, a.LastSeen = 0, time.Time{}, time.Time{}
	a.Completes = &pipeline.Completes{Labels: labels(of)}
	return a
}

func TestAnAlertThatWaitsIsCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "{receiver: ops, group_by: [rule], group_wait: 30s, group_interval: 5m, routes: [{receiver: oncall, matchers: ['ns = \"shop\"']}]}")
		partial := alert("a", "rule=x n=1")
		partial.Count, partial.Enrichment, partial.Degraded = 7, "partial", true
		b.add(partial, alert("b", "rule=x n=2"))
		whole := completion("a", "rule=x n=1", "rule=x n=1 ns=shop")
		b.add(whole)
		b.add(whole) // redelivered
		time.Sleep(30 * time.Second)
		b.want("30 webhook-ops first notification: a×7 b×1") // where the partial one was, for whom its labels name now
		got := b.sent[0].Alerts[0]
		want := whole
		want.Completes, want.Fingerprint, want.Degraded = nil, partial.Fingerprint, true
		want.Count, want.FirstSeen, want.LastSeen = 7, partial.FirstSeen, partial.LastSeen
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the alert (-want +got):\n%s", diff)
		}
	})
}

func TestACompletionAloneTellsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, gathering)
		b.add(completion("a", "rule=x", "rule=x"))
		if b.store.len() != 0 {
			t.Errorf("%d groups are there, want none: a completion makes no group", b.store.len())
		}
		b.add(alert("a", "rule=x"))
		time.Sleep(30 * time.Second)
		b.want("30 webhook-ops first notification: a×1")
		b.add(completion("a", "rule=x", "rule=x n=1"), completion("a", "rule=x", "rule=x n=2")) // told already
		time.Sleep(5 * time.Minute)
		b.want()
		if b.store.len() != 0 {
			t.Errorf("%d groups are there, want none: nothing new has come", b.store.len())
		}
		b.add(alert("b", "rule=x"))
		time.Sleep(30 * time.Second)
		b.want("360 webhook-ops first notification: b×1")
	})
}

// A bus hands out again what was not acknowledged, after what came later.
func TestACompletionMayComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, gathering)
		for i := range 1000 { // and many that complete what was told
			b.add(completion(fmt.Sprint(i), "rule=x", "rule=x image=other"))
		}
		b.add(completion("a", "rule=x", "rule=x image=nginx"))
		b.add(alert("a", "rule=x"), alert("0", "rule=y"))
		time.Sleep(30 * time.Second)
		b.want("30 webhook-ops first notification: a×1", "30 webhook-ops first notification: 0×1")
		if image := b.sent[0].Alerts[0].Labels["image"]; image != "nginx" {
			t.Errorf("the alert's image is %q, want nginx", image)
		}
		if image := b.sent[1].Alerts[0].Labels["image"]; image != "" {
			t.Errorf("the image of the oldest is %q: not so many are remembered", image)
		}
	})
}

func TestACompletionInTheSameBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "{receiver: ops, group_by: [rule], group_wait: 0s, group_interval: 5m}")
		b.add(alert("a", "rule=x"), completion("a", "rule=x", "rule=x image=nginx"))
		b.want("0 webhook-ops first notification: a×1")
		if image := b.sent[0].Alerts[0].Labels["image"]; image != "nginx" {
			t.Errorf("the alert's image is %q, want nginx", image)
		}
	})
}

func TestACompletionSurvivesABrokenBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, gathering)
		b.add(alert("a", "rule=x"))
		b.breakBus(errors.New("down"))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		b.add(completion("a", "rule=x", "rule=x image=nginx"))
		b.breakBus(nil)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if len(b.sent) != 1 || b.sent[0].Alerts[0].Labels["image"] != "nginx" {
			t.Errorf("sent %+v, want one message with the image", b.sent)
		}
	})
}
