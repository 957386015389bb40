package router_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/bus"
	"github.com/tocsin-security/tocsin/pipeline/router"
	"github.com/tocsin-security/tocsin/stages/route"
)

// atOnce sends each alert by itself, without waiting for others.
var atOnce = route.Config{GroupBy: []string{route.AllLabels}, GroupWait: duration(0)}

// quick retries without making a test wait.
var quick = router.RetryConfig{Min: time.Millisecond, Max: 10 * time.Millisecond}

func publish(t *testing.T, d *durable, alerts ...pipeline.Alert) {
	t.Helper()
	if err := d.PublishAlerts(t.Context(), alerts); err != nil {
		t.Fatalf("PublishAlerts: %v", err)
	}
}

// settled waits until a topic of the bus has nothing left.
func settled(t *testing.T, d *durable, topic string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		n, err := d.bus.Backlog(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("topic %s still has %d messages after 20 s", topic, n)
		}
	}
}

// deadLetters reads the first n dead letters, once they are there.
func deadLetters(t *testing.T, d *durable, n int) []router.DeadLetter {
	t.Helper()
	var all []router.DeadLetter
	from := uint64(1)
	for deadline := time.Now().Add(20 * time.Second); len(all) < n; {
		kept, err := d.bus.KeptFrom(t.Context(), router.TopicDead, from)
		if errors.Is(err, bus.ErrNone) && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		if err != nil {
			t.Fatalf("%d of %d dead letters: %v", len(all), n, err)
		}
		var l router.DeadLetter
		if err := json.Unmarshal(kept.Body, &l); err != nil {
			t.Fatalf("dead letter %s: %v", kept.Body, err)
		}
		all, from = append(all, l), kept.Number+1
	}
	return all
}

func TestAlertBecomesNotification(t *testing.T) {
	out := make(sink, 1)
	d := start(t, options{dir: t.TempDir(), route: atOnce, quiet: time.Hour, deliver: map[string]deliverFunc{"webhook-1": out.deliver}})
	a := newAlert("/etc/shadow")
	publish(t, d, a)
	n := out.next(t)
	if n.Receiver != "ops" || n.Integration != "webhook-1" || n.Reason != "first notification" || n.ID == "" || n.CreatedAt.IsZero() {
		t.Errorf("notification %+v: want receiver ops, integration webhook-1, a reason, an id and a time", n)
	}
	a.Count, a.FirstSeen, a.LastSeen = 1, a.Time.Truncate(time.Microsecond), a.Time.Truncate(time.Microsecond)
	if diff := cmp.Diff([]pipeline.Alert{a}, n.Alerts); diff != "" {
		t.Errorf("alerts (-published +delivered):\n%s", diff)
	}
}

func TestHundredRepeatsAreOneMessage(t *testing.T) {
	out := make(sink, 100)
	d := start(t, options{
		dir: t.TempDir(), quiet: time.Hour, deliver: map[string]deliverFunc{"webhook-1": out.deliver},
		route: route.Config{GroupWait: duration(3 * time.Second), GroupInterval: duration(time.Hour)}, // longer than a busy machine takes for the hundred
	})
	for range 100 {
		publish(t, d, newAlert("/etc/shadow"))
	}
	if n := out.next(t); len(n.Alerts) != 1 || n.Alerts[0].Count != 100 {
		t.Errorf("got %d alerts, the first with count %d; want one with count 100", len(n.Alerts), n.Alerts[0].Count)
	}
	settled(t, d, router.TopicAlerts)
	if len(out) != 0 {
		t.Errorf("%d more notifications, want none", len(out))
	}
}

// A sink that answers 503 for a while gets the message afterwards, once.
func TestSinkThatComesBack(t *testing.T) {
	out := make(sink, 10)
	var tries atomic.Int64
	flaky := func(ctx context.Context, n pipeline.Notification) error {
		if tries.Add(1) <= 5 {
			return &pipeline.DeliveryError{Class: pipeline.Retry, Receiver: n.Receiver, Err: errors.New("503 Service Unavailable")}
		}
		return out.deliver(ctx, n)
	}
	d := start(t, options{dir: t.TempDir(), route: atOnce, retry: quick, quiet: time.Hour, deliver: map[string]deliverFunc{"webhook-1": flaky}})
	publish(t, d, newAlert("/etc/shadow"))
	out.next(t)
	settled(t, d, "notify.webhook-1")
	if n := tries.Load(); n != 6 || len(out) != 0 {
		t.Errorf("%d tries and %d more deliveries, want 6 and 0", n, len(out))
	}
}

func TestWhatCannotBeDeliveredIsParked(t *testing.T) {
	refuse := func(class pipeline.DeliveryClass) deliverFunc {
		return func(_ context.Context, n pipeline.Notification) error {
			return &pipeline.DeliveryError{Class: class, Receiver: n.Receiver, Err: errors.New("no such robot")}
		}
	}
	for name, tc := range map[string]struct {
		deliver deliverFunc
		retry   router.RetryConfig
		want    string
	}{
		"a channel that is down for good": {refuse(pipeline.ChannelDown), quick, "channel_down: no such robot"},
		"a message that is bad":           {refuse(pipeline.BadMessage), quick, "bad_message: no such robot"},
		"one that is too old to try again": {refuse(pipeline.Retry),
			router.RetryConfig{Min: time.Millisecond, Max: time.Millisecond, MaxAge: 20 * time.Millisecond}, "retry: no such robot"},
		"one whose notifier panics": {func(context.Context, pipeline.Notification) error { panic("nil map") }, quick, "panic: nil map"},
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t, options{dir: t.TempDir(), route: atOnce, retry: tc.retry, deliver: map[string]deliverFunc{"wecom-1": tc.deliver}})
			a := newAlert("/etc/shadow")
			publish(t, d, a)
			l := deadLetters(t, d, 1)[0]
			if l.Stage != "notify" || l.Topic != "notify.wecom-1" || !strings.Contains(l.Reason, tc.want) || l.At.IsZero() {
				t.Errorf("dead letter %+v: want stage notify, topic notify.wecom-1 and reason %q", l, tc.want)
			}
			var n pipeline.Notification
			if err := json.Unmarshal(l.Input, &n); err != nil || len(n.Alerts) != 1 || n.Alerts[0].ID != a.ID {
				t.Errorf("input %s (%v): want the notification of alert %s", l.Input, err, a.ID)
			}
			settled(t, d, "notify.wecom-1")
		})
	}
}

func TestGarbageIsParked(t *testing.T) {
	d := start(t, options{dir: t.TempDir(), route: atOnce, deliver: map[string]deliverFunc{"w": make(sink, 1).deliver}})
	for topic, body := range map[string]string{router.TopicAlerts: "not json\xff", "notify.w": `{"alerts": 1}`} {
		if err := d.bus.Publisher().Publish(topic, message.NewMessage("garbage for "+topic, []byte(body))); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]string{}
	for _, l := range deadLetters(t, d, 2) {
		got[l.Topic] = l.Stage + " " + string(l.Input)
	}
	want := map[string]string{router.TopicAlerts: `decode "not json\ufffd"`, "notify.w": `decode {"alerts":1}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
}

// One alert of a batch makes a stage panic; the others must not suffer.
func TestPanicParksOnlyItsAlert(t *testing.T) {
	out := make(sink, 10)
	d := start(t, options{
		dir: t.TempDir(), route: atOnce, quiet: time.Hour, deliver: map[string]deliverFunc{"w": out.deliver},
		wrap: func(next router.AlertsFunc) router.AlertsFunc {
			return func(ctx context.Context, alerts []pipeline.Alert) error {
				for _, a := range alerts {
					if a.OutputFields["fd.name"] == "/poison" {
						panic("cannot digest " + a.ID)
					}
				}
				return next(ctx, alerts)
			}
		},
	})
	poison := newAlert("/poison")
	publish(t, d, newAlert("/a"), poison, newAlert("/b"))
	got := map[any]bool{}
	for range 2 {
		got[out.next(t).Alerts[0].OutputFields["fd.name"]] = true
	}
	if !got["/a"] || !got["/b"] {
		t.Errorf("delivered %v, want /a and /b", got)
	}
	if l := deadLetters(t, d, 1)[0]; l.Stage != "alerts" || !strings.Contains(string(l.Input), poison.ID) || strings.Contains(string(l.Input), "/a") {
		t.Errorf("dead letter %s %s: want stage alerts and only the poisonous alert", l.Stage, l.Input)
	}
}

// The store fails for a while: alerts wait on the bus, and repeats are not counted again.
func TestStageThatFailsIsTriedAgain(t *testing.T) {
	out := make(sink, 10)
	var tries atomic.Int64
	d := start(t, options{
		dir: t.TempDir(), route: atOnce, retry: quick, quiet: time.Hour, deliver: map[string]deliverFunc{"w": out.deliver},
		wrap: func(next router.AlertsFunc) router.AlertsFunc {
			return func(ctx context.Context, alerts []pipeline.Alert) error {
				if tries.Add(1) <= 3 {
					return errors.New("the disk is full")
				}
				return next(ctx, alerts)
			}
		},
	})
	publish(t, d, newAlert("/etc/shadow"), newAlert("/etc/shadow"))
	if n := out.next(t); n.Alerts[0].Count != 2 {
		t.Errorf("count %d, want 2", n.Alerts[0].Count)
	}
	settled(t, d, router.TopicAlerts)
	if got := d.metric(t, "tocsin_retries_total", "handler=alerts"); got != 3 {
		t.Errorf("tocsin_retries_total{handler=alerts} = %v, want 3", got)
	}
}

func TestBlockedIntegrationHoldsUpNoOther(t *testing.T) {
	out, release := make(sink, 10), make(chan struct{})
	hangs := func(context.Context, pipeline.Notification) error { <-release; return nil }
	d := start(t, options{dir: t.TempDir(), route: atOnce, quiet: time.Hour, deliver: map[string]deliverFunc{"hangs": hangs, "works": out.deliver}})
	defer close(release)
	for i := range 50 { // more than an integration works on at once
		publish(t, d, newAlert(fmt.Sprint("/etc/shadow-", i)))
		out.next(t)
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	var mu sync.Mutex
	var at []time.Time
	done := make(chan struct{})
	limited := func(context.Context, pipeline.Notification) error {
		mu.Lock()
		defer mu.Unlock()
		if at = append(at, time.Now()); len(at) == 2 {
			close(done)
			return nil
		}
		return &pipeline.DeliveryError{RetryAfter: 400 * time.Millisecond, Err: errors.New("429 Too Many Requests")}
	}
	d := start(t, options{dir: t.TempDir(), route: atOnce, retry: quick, deliver: map[string]deliverFunc{"w": limited}})
	publish(t, d, newAlert("/etc/shadow"))
	<-done
	if wait := at[1].Sub(at[0]); wait < 400*time.Millisecond {
		t.Errorf("tried again after %s, want the 400ms that the channel asked for", wait)
	}
}

func TestReloadChangesIntegrations(t *testing.T) {
	old, added, swapped := make(sink, 10), make(sink, 10), make(sink, 10)
	d := start(t, options{
		dir: t.TempDir(), route: atOnce, quiet: time.Hour,
		deliver: map[string]deliverFunc{"stays": old.deliver, "goes": old.deliver},
	})
	set := map[string]deliverFunc{"stays": swapped.deliver, "comes": added.deliver}
	if err := d.SetNotificationHandlers(t.Context(), handlers(set)); err != nil {
		t.Fatalf("SetNotificationHandlers: %v", err)
	}
	for topic, want := range map[string]sink{"stays": swapped, "comes": added} {
		if err := d.PublishNotification(t.Context(), topic, pipeline.Notification{ID: "to " + topic, CreatedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if n := want.next(t); n.ID != "to "+topic || n.Integration != topic {
			t.Errorf("%s got %+v", topic, n)
		}
	}
	// What is for the one that is gone waits, and arrives once it is configured again.
	if err := d.PublishNotification(t.Context(), "goes", pipeline.Notification{ID: "to goes", CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if len(old) != 0 {
		t.Error("a removed or replaced handler was called")
	}
	set["goes"] = old.deliver
	if err := d.SetNotificationHandlers(t.Context(), handlers(set)); err != nil {
		t.Fatalf("SetNotificationHandlers: %v", err)
	}
	if n := old.next(t); n.ID != "to goes" {
		t.Errorf("got %q, want what waited", n.ID)
	}
}

func TestCountsAddUp(t *testing.T) {
	var n atomic.Int64
	deliver := func(context.Context, pipeline.Notification) error {
		switch n.Add(1) % 3 {
		case 0:
			return &pipeline.DeliveryError{Class: pipeline.BadMessage, Err: errors.New("no")}
		case 1:
			return errors.New("try again")
		}
		return nil
	}
	d := start(t, options{dir: t.TempDir(), route: atOnce, retry: quick, quiet: time.Hour, deliver: map[string]deliverFunc{"w": deliver}})
	publish(t, d, alertsOf(60)...)
	settled(t, d, router.TopicAlerts)
	for deadline := time.Now().Add(20 * time.Second); d.metric(t, "tocsin_notifications_published_total") < 60 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond) // groups are told of after their alerts are acknowledged
	}
	settled(t, d, "notify.w")
	received, handled, dead := d.metric(t, "tocsin_alerts_received_total"), d.metric(t, "tocsin_alerts_handled_total"), d.metric(t, "tocsin_alerts_dead_total")
	if received != 60 || handled+dead != received {
		t.Errorf("alerts: %v received, %v handled, %v dead; want 60 = handled + dead", received, handled, dead)
	}
	published := d.metric(t, "tocsin_notifications_published_total", "integration=w")
	sent := d.metric(t, "tocsin_notifications_total", "outcome=sent", "receiver=ops")
	parked := d.metric(t, "tocsin_notifications_total", "outcome=dead", "receiver=ops")
	if published != 60 || sent+parked != published || sent == 0 || parked == 0 {
		t.Errorf("notifications: %v published, %v sent, %v dead; want 60 = sent + dead, both of them some", published, sent, parked)
	}
	if letters := d.metric(t, "tocsin_dead_letters_total", "stage=notify"); letters != parked {
		t.Errorf("tocsin_dead_letters_total{stage=notify} = %v, want %v", letters, parked)
	}
}

// A clean stop lets the delivery under way finish, and nothing is sent twice afterwards.
func TestCleanStopSendsNothingTwice(t *testing.T) {
	dir := t.TempDir()
	var cutOff, deliveries atomic.Int64
	begun := make(chan struct{}, 10)
	slow := func(ctx context.Context, _ pipeline.Notification) error {
		begun <- struct{}{}
		select {
		case <-time.After(300 * time.Millisecond): // a slow channel, on the real network's clock
			deliveries.Add(1)
			return nil
		case <-ctx.Done():
			cutOff.Add(1)
			return ctx.Err()
		}
	}
	o := options{dir: dir, route: atOnce, quiet: time.Hour, deliver: map[string]deliverFunc{"w": slow}}
	d, err := open(o)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, d, newAlert("/etc/shadow"))
	<-begun
	if err := d.stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	d = start(t, o)
	settled(t, d, "notify.w")
	if n, cut := deliveries.Load(), cutOff.Load(); n != 1 || cut != 0 {
		t.Errorf("%d deliveries and %d cut off, want 1 and 0", n, cut)
	}
}

// The topic of a channel that has been away for long is full: what is new for it is parked, and the
// group's other integrations get theirs.
func TestFullTopicParksAndGoesOn(t *testing.T) {
	release := make(chan struct{})
	hangs := func(context.Context, pipeline.Notification) error { <-release; return nil }
	out := make(sink, 1000)
	d := start(t, options{
		dir: t.TempDir(), route: atOnce, quiet: time.Hour, maxBytes: 64 << 10,
		deliver: map[string]deliverFunc{"hangs": hangs, "works": out.deliver},
	})
	defer close(release)
	for i := 0; d.metric(t, "tocsin_dead_letters_total", "stage=publish") == 0; i++ {
		if i == 1000 {
			t.Fatal("1000 notifications fit into 64 KiB")
		}
		publish(t, d, newAlert(fmt.Sprint("/etc/shadow-", i)))
		out.next(t)
	}
	if l := deadLetters(t, d, 1)[0]; l.Topic != "notify.hangs" || !strings.Contains(l.Reason, "full") {
		t.Errorf("dead letter of %s: %s; want notify.hangs and that its topic is full", l.Topic, l.Reason)
	}
}
