package route_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/route"
)

// A stop in the middle of a flush lets it end: what is published is noted, so that the next process does not tell it
// again.
func TestStoppingFinishesAFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, gathering)
		b.during = b.stop
		b.add(alert("a", "rule=x"))
		time.Sleep(30 * time.Second)
		b.want("30 webhook-ops first notification: a×1")
		for key, g := range b.store.groups {
			if !g.lease.IsZero() || len(g.inbox) > 0 {
				t.Errorf("group %s is claimed until %v and has %d alerts in its inbox, want it settled", key, g.lease, len(g.inbox))
			}
		}
	})
}

// A pass over many groups takes a while: a silence that others make meanwhile counts for what is claimed after it.
func TestSilencesAreRefreshedAfterEachClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, gathering)
		var all []pipeline.Alert
		for i := range 600 { // more than one claim has
			all = append(all, alert(fmt.Sprint("a", i), fmt.Sprint("kind=test rule=", i)))
		}
		now := time.Now()
		b.during = func() {
			b.silences.elsewhere(memSilence{"s", labels("kind=test"), now, now.Add(time.Hour)})
		}
		b.add(all...)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if n := len(b.log); n == 0 || n == len(all) {
			t.Errorf("%d of %d alerts were told, want those of the first claim: the others are silenced by then", n, len(all))
		}
	})
}

// Between publishing and noting it a kill forgets who was told. Of an alert that is resolved by then the end is told
// all the same: to whoever was told it would fire for good.
func TestTheEndOfWhatMayHaveBeenTold(t *testing.T) {
	killed := errors.New("killed")
	for name, fail := range map[string]func(*bench){
		"killed before it was noted": func(b *bench) { b.store.failSettle(killed) },
		"publishing failed":          func(b *bench) { b.breakOnce(false) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, gathering)
				a := alert("a", "rule=x")
				now := time.Now()
				a.Stateful = &pipeline.Stateful{StartsAt: now, EndsAt: now.Add(time.Hour), UpdatedAt: now}
				b.add(a)
				fail(b)
				time.Sleep(30*time.Second + time.Millisecond)
				synctest.Wait()
				b.log = nil
				now = time.Now()
				a.Stateful = &pipeline.Stateful{StartsAt: a.Stateful.StartsAt, EndsAt: now, UpdatedAt: now}
				b.add(a)
				time.Sleep(time.Minute)
				synctest.Wait()
				if n := len(b.sent); n == 0 || len(b.log) != 1 || b.sent[n-1].Reason != "all alerts resolved" || !b.sent[n-1].Again {
					t.Errorf("told %q, want that it is resolved, marked as a repeat", b.log)
				}
			})
		})
	}
}

// A reload takes receivers away once nothing is on its way to them any more: on a queue without a channel it would
// wait for good.
func TestAReloadWaitsForAFlush(t *testing.T) {
	begun, end, used := make(chan bool), make(chan bool), make(chan bool)
	g := route.NewGrouper(route.Setup{Tree: tree(t, "{receiver: ops, group_wait: 0s}", "ops")}, route.Deps{
		Groups: newGroups(), Repeats: &memRepeats{}, Log: slog.New(slog.DiscardHandler),
		Publish: func(context.Context, []pipeline.Notification) error {
			begun <- true
			<-end
			return nil
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := g.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	defer run.Wait()
	defer cancel()
	if err := g.Add(t.Context(), []pipeline.Alert{alert("a", "rule=x")}); err != nil {
		t.Fatal(err)
	}
	<-begun
	run.Go(func() {
		g.Use(route.Setup{Tree: tree(t, gathering, "ops")})
		close(used)
	})
	select {
	case <-used:
		t.Error("the setup was exchanged during a flush")
	case <-time.After(50 * time.Millisecond): // enough for it to fail nearly always
	}
	close(end)
	<-used
}
