package route_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

const inhibiting = `
inhibit_rules: [{source_matchers: [rule = source], target_matchers: [rule = target]}]
route: {receiver: ops, group_by: [rule], group_wait: 30s}
receivers: [{name: ops, integrations: [ops]}]`

// What inhibits is not forgotten while the store is away: neither a repeat, nor an alert that another store has taken.
func TestSourcesOutliveAnOutage(t *testing.T) {
	away := errors.New("the store is away")
	for name, post := range map[string]func(*bench, pipeline.Alert) error{
		"a repeat":    func(b *bench, a pipeline.Alert) error { return b.Still(b.t.Context(), []pipeline.Alert{a}) },
		"a new alert": func(b *bench, a pipeline.Alert) error { return b.Add(b.t.Context(), []pipeline.Alert{a}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := startBench(t, scenarioSetup(t, []byte(inhibiting)))
				b.add(alert("t", "rule=target"))
				b.store.breakWith(away)
				if err := post(b, alert("s", "rule=source")); !errors.Is(err, away) {
					t.Errorf("the store is away, and the error is %v", err)
				}
				time.Sleep(20 * time.Second)
				b.store.breakWith(nil)
				time.Sleep(20 * time.Second)
				b.want()
				b.add(alert("t2", "rule=target n=2")) // it inhibits no longer than it would have
				time.Sleep(10 * time.Minute)
				b.add(alert("t3", "rule=target n=3"))
				time.Sleep(time.Minute)
				synctest.Wait()
				if len(b.sent) != 1 || len(b.sent[0].Alerts) != 1 || b.sent[0].Alerts[0].ID != "t3" {
					t.Errorf("told %+v, want t3 alone", b.log)
				}
			})
		})
	}
}

// An end that the store was not told releases what was inhibited once it is.
func TestEndsOutliveAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBench(t, scenarioSetup(t, []byte(inhibiting)))
		now := time.Now()
		s, target := alert("s", "rule=source"), alert("t", "rule=target")
		s.Stateful = &pipeline.Stateful{StartsAt: now, EndsAt: now.Add(time.Hour), UpdatedAt: now}
		target.Stateful = &pipeline.Stateful{StartsAt: now, EndsAt: now.Add(2 * time.Hour), UpdatedAt: now}
		b.add(s, target)
		time.Sleep(time.Minute)
		synctest.Wait()
		b.log = nil
		b.store.breakWith(errors.New("the store is away"))
		now = time.Now()
		s.Stateful = &pipeline.Stateful{StartsAt: s.Stateful.StartsAt, EndsAt: now, UpdatedAt: now}
		if err := b.Add(t.Context(), []pipeline.Alert{s}); err == nil {
			t.Error("Add does not say that the store is away")
		}
		time.Sleep(time.Minute)
		b.store.breakWith(nil)
		b.add(alert("any", "rule=other"))
		time.Sleep(time.Second)
		b.want("120 ops first notification: t×1")
	})
}
