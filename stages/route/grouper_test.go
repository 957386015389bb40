package route_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/route"
)

// bench is a Grouper in a bubble of fake time, with a log of what it published.
type bench struct {
	*route.Grouper
	t        *testing.T
	store    *memGroups
	repeats  *memRepeats
	silences *memSilences
	steps    *memSteps
	begin    time.Time
	fail     error  // of publishing
	once     error  // of publishing once
	half     bool   // and then half was published
	during   func() // called when something is published
	stop     func() // ends Run

	mu   sync.Mutex
	log  []string
	ids  []string
	sent []pipeline.Notification
}

func newBench(t *testing.T, yaml string) *bench {
	return startBench(t, route.Setup{Tree: tree(t, yaml, "ops", "oncall"), Summaries: route.DefaultSummaries()})
}

func startBench(t *testing.T, setup route.Setup) *bench {
	b := &bench{
		t: t, begin: time.Now(), store: newGroups(), silences: newSilences(), steps: &memSteps{},
		repeats: &memRepeats{untold: map[string]uint64{}, told: map[string]uint64{}},
	}
	b.Grouper = route.NewGrouper(setup, route.Deps{
		Groups: b.store, Repeats: b.repeats, Publish: b.publish, Silences: b.silences, Steps: b.steps, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	b.stop = cancel
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
	return b
}

// publish logs "seconds integration reason id×count…".
func (b *bench) publish(ctx context.Context, ns []pipeline.Notification) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	if b.during != nil {
		b.during()
	}
	failed := b.once
	if b.once = nil; failed != nil {
		ns = ns[:len(ns)/2]
		if !b.half {
			ns = nil
		}
	}
	if failed == nil {
		failed = ctx.Err()
	}
	for _, n := range ns {
		line := fmt.Sprintf("%v %s %s:", time.Since(b.begin).Seconds(), n.Integration, n.Reason)
		for _, a := range n.Alerts {
			line += fmt.Sprintf(" %s×%d", a.ID, a.Count)
		}
		b.log = append(b.log, line)
		b.ids = append(b.ids, n.ID)
		b.sent = append(b.sent, n)
	}
	return failed
}

// breakOnce makes the next publishing fail, with half of it done or nothing.
func (b *bench) breakOnce(half bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.once, b.half = errors.New("the bus is gone"), half
}

func (b *bench) breakBus(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = err
}

func alert(id, set string) pipeline.Alert {
	l := labels(set)
	return pipeline.Alert{
		ID: id, Time: time.Now(), Labels: l, Fingerprint: pipeline.FingerprintOf(l),
		Count: 1, FirstSeen: time.Now(), LastSeen: time.Now(),
	}
}

func (b *bench) add(alerts ...pipeline.Alert) {
	b.t.Helper()
	if err := b.Add(b.t.Context(), alerts); err != nil {
		b.t.Fatalf("Add: %v", err)
	}
}

func (b *bench) want(lines ...string) {
	b.t.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if got, want := strings.Join(b.log, "\n"), strings.Join(lines, "\n"); got != want {
		b.t.Errorf("published after %s:\n%s\nwant:\n%s", time.Since(b.begin), got, want)
	}
	b.log = nil
}

const gathering = "{receiver: ops, group_by: [rule], group_wait: 30s, group_interval: 5m}"

func TestGroupWaitThenInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, gathering)
		b.add(alert("a", "rule=x n=1"))
		time.Sleep(20 * time.Second)
		b.add(alert("b", "rule=x n=2"), alert("c", "rule=y"))
		b.want()
		time.Sleep(10 * time.Second)
		b.want("30 webhook-ops first notification: a×1 b×1")
		time.Sleep(20 * time.Second)
		b.want("50 webhook-ops first notification: c×1")
		b.add(alert("d", "rule=x n=3"))
		time.Sleep(279 * time.Second)
		b.want()
		time.Sleep(time.Second)
		b.want("330 webhook-ops new alerts added: d×1")
		time.Sleep(time.Hour) // nothing new: the groups go
		b.want()
		if n := b.store.len(); n != 0 {
			t.Errorf("%d groups are left, want none", n)
		}
		b.add(alert("e", "rule=x n=3"))
		time.Sleep(30 * time.Second)
		b.want("3960 webhook-ops first notification: e×1")
	})
}

func TestNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "{receiver: ops, group_by: [rule], group_wait: 0s, group_interval: 10s}")
		b.add(alert("a", "rule=x n=1"), alert("b", "rule=x n=2"))
		b.want("0 webhook-ops first notification: a×1 b×1")
		b.add(alert("c", "rule=x n=3"))
		b.want()
		time.Sleep(10 * time.Second)
		b.want("10 webhook-ops new alerts added: c×1")
	})
}

func TestAlertsThatWaitedOnTheWayDoNotWaitAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, gathering)
		late := alert("a", "rule=x")
		time.Sleep(time.Minute)
		b.add(late)
		b.want("60 webhook-ops first notification: a×1")
	})
}

func TestRepeatsAreCountedWhenTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, gathering)
		b.repeats.untold["a"] = 99
		b.add(alert("a", "rule=x"))
		time.Sleep(30 * time.Second)
		b.want("30 webhook-ops first notification: a×100")
		if b.repeats.told["a"] != 99 {
			t.Errorf("the window was told %v, want 99 of a", b.repeats.told)
		}
	})
}

func TestSameAlertsAreMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, gathering)
		a := alert("a", "rule=x")
		b.add(a)
		b.add(a) // redelivered
		time.Sleep(time.Second)
		again := alert("b", "rule=x") // its quiet time is shorter than the group's wait
		again.Count = 3
		b.add(again)
		time.Sleep(30 * time.Second)
		b.want("30 webhook-ops first notification: b×4")
	})
}

// An alert whose repeats pass or are summed up while it waits is one alert with the right count.
func TestEscalationAndSummaryInOneMessage(t *testing.T) {
	later := func(id, episode string, count uint64, closing bool) pipeline.Alert {
		a := alert(id, "rule=x")
		a.Episode, a.Count, a.Closing, a.Escalated = episode, count, closing, !closing
		return a
	}
	first := func(id string, count uint64) pipeline.Alert {
		a := alert(id, "rule=x")
		a.Count = count
		return a
	}
	for name, tc := range map[string]struct {
		alerts []pipeline.Alert
		untold map[string]uint64
		want   string
	}{
		"the first and the 10th":            {[]pipeline.Alert{first("a", 1), later("b", "a", 10, false)}, nil, "first notification: b×10"},
		"one that stands for earlier ones":  {[]pipeline.Alert{first("a", 5), later("b", "a", 10, false), later("c", "a", 100, false)}, nil, "first notification: c×104"},
		"and what came since":               {[]pipeline.Alert{first("a", 5), later("b", "a", 10, false)}, map[string]uint64{"a": 20}, "first notification: b×25"},
		"the 10th alone":                    {[]pipeline.Alert{later("b", "a", 10, false)}, map[string]uint64{"a": 20}, "first notification: b×21"},
		"a summary":                         {[]pipeline.Alert{later("b", "a", 37, true)}, map[string]uint64{"a": 36}, "summary: b×37"},
		"a summary of what nobody heard of": {[]pipeline.Alert{first("a", 3), later("b", "a", 37, true)}, nil, "first notification: b×39"},
		"a summary and the next":            {[]pipeline.Alert{later("b", "a", 37, true), first("c", 2)}, nil, "first notification: c×39"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, gathering)
				for id, n := range tc.untold {
					b.repeats.untold[id] = n
				}
				b.add(tc.alerts...)
				time.Sleep(30 * time.Second)
				b.want("30 webhook-ops " + tc.want)
			})
		})
	}
}

func TestEveryReceiverAndIntegration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "{receiver: ops, group_wait: 0s, routes: [{receiver: oncall, matchers: [p = high], continue: true}, {receiver: ops}]}")
		b.add(alert("a", "p=high"))
		b.want("0 webhook-oncall first notification: a×1", "0 webhook-ops first notification: a×1")
		if b.ids[0] == b.ids[1] {
			t.Error("both notifications have one delivery id")
		}
	})
}

func TestBigGroupIsSeveralNotifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, gathering)
		var all []pipeline.Alert
		for i := range 300 {
			all = append(all, alert(fmt.Sprint("id", i), fmt.Sprint("rule=x n=", i)))
		}
		b.add(all...)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		var sizes []int
		for _, line := range b.log {
			sizes = append(sizes, strings.Count(line, "×"))
		}
		if fmt.Sprint(sizes) != "[256 44]" || b.ids[0] == b.ids[1] {
			t.Errorf("notifications of %v alerts, want 256 and 44, with different ids", sizes)
		}
	})
}

// Whatever fails, the group stays and goes out later under the same delivery id.
func TestTroubleIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, gathering)
		b.add(alert("a", "rule=x"))
		b.breakBus(errors.New("the bus is gone"))
		time.Sleep(35 * time.Second)
		b.want()
		b.breakBus(nil)
		time.Sleep(time.Second)
		b.want("36 webhook-ops first notification: a×1") // it did not wait for the lease
		id := b.ids[0]
		if !b.sent[0].Again {
			t.Error("the notification does not say that it may have been sent before")
		}

		full := errors.New("the disk is full")
		b.store.breakWith(full)
		if err := b.Add(t.Context(), []pipeline.Alert{alert("b", "rule=y")}); !errors.Is(err, full) {
			t.Errorf("Add while the store fails: %v, want its error, so that the bus keeps the alert", err)
		}
		b.store.breakWith(nil)
		b.store.forget() // as after a crash before it was noted
		b.add(alert("a", "rule=x"))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got := b.ids[len(b.ids)-1]; got != id {
			t.Errorf("published again as %s, want %s as before", got, id)
		}
	})
}

func TestReloadKeepsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "{receiver: ops, group_by: [rule], group_wait: 30s, routes: [{receiver: oncall, matchers: [p = high]}]}")
		b.add(alert("a", "p=high"))
		// The receiver is gone, and the other route's matcher is another.
		next, err := route.NewTree(parse(t, "{receiver: ops, group_by: [rule], group_wait: 30s}"), receivers("ops"))
		if err != nil {
			t.Fatal(err)
		}
		b.Use(route.Setup{Tree: next})
		time.Sleep(30 * time.Second)
		b.want("30 webhook-ops first notification: a×1")
	})
}

// Group keys are what "already announced" hangs on.
func TestGroupKey(t *testing.T) {
	key := func(yaml, set string) string {
		t.Helper()
		b := newGroups()
		g := route.NewGrouper(route.Setup{Tree: tree(t, yaml, "ops", "oncall")}, route.Deps{Groups: b})
		if err := g.Add(t.Context(), []pipeline.Alert{alert("a", set)}); err != nil {
			t.Fatal(err)
		}
		for k := range b.groups {
			return k
		}
		return ""
	}
	const set = "rule=x p=high"
	base := key("{receiver: ops, group_by: [rule], routes: [{matchers: [p = high]}]}", set)
	for name, tc := range map[string]struct {
		yaml, labels string
		same         bool
	}{
		"an edited matcher":         {"{receiver: ops, group_by: [rule], routes: [{matchers: ['p =~ \"high|low\"']}]}", set, true},
		"another order of group_by": {"{receiver: ops, group_by: [rule, missing], routes: [{matchers: [p = high]}]}", set, true},
		"another receiver":          {"{receiver: ops, group_by: [rule], routes: [{receiver: oncall, matchers: [p = high]}]}", set, false},
		"another label value":       {"{receiver: ops, group_by: [rule], routes: [{matchers: [p = high]}]}", "rule=y p=high", false},
		"another place in the tree": {"{receiver: ops, group_by: [rule], routes: [{matchers: [p = low]}, {matchers: [p = high]}]}", set, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := key(tc.yaml, tc.labels); (got == base) != tc.same {
				t.Errorf("key %s, before %s: want the same = %v", got, base, tc.same)
			}
		})
	}
	named := key("{receiver: ops, group_by: [rule], routes: [{name: h, matchers: [p = high]}]}", set)
	moved := key("{receiver: ops, group_by: [rule], routes: [{matchers: [p = low]}, {name: h, matchers: [p = high]}]}", set)
	if named != moved {
		t.Errorf("a named route that moved has key %s, want %s as before", moved, named)
	}
	// Values come from outside: none may read as another label.
	forged := map[string]string{"p": `high","rule"="x`}
	b := newGroups()
	g := route.NewGrouper(route.Setup{Tree: tree(t, "{receiver: ops, group_by: [rule, p]}", "ops")}, route.Deps{Groups: b})
	for _, l := range []map[string]string{forged, labels(set)} {
		if err := g.Add(t.Context(), []pipeline.Alert{{ID: "a", Time: time.Now(), Labels: l}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.groups) != 2 {
		t.Errorf("a forged value shares a group with the real labels: %v", b.groups)
	}
}
