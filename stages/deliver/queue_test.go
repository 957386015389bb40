package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/deliver"
)

// several delivers n notifications at once and returns what came of each.
func (b *bench) several(t *testing.T, n int, p pipeline.Priority) []error {
	t.Helper()
	q := b.queues.Set("sec.robot-1", b.channel)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = deliverOne(t.Context(), q, notification(fmt.Sprint(p, i), p)) })
	}
	wg.Wait()
	return errs
}

// down has the channel fail until a time.
func (b *bench) down(until time.Time) {
	b.robot.fail = func(pipeline.Message) error {
		if time.Now().Before(until) {
			return &pipeline.DeliveryError{Class: pipeline.Retry, Receiver: "sec", Err: errors.New("HTTP status 503")}
		}
		return nil
	}
}

func TestOutageOfAnHour(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, dir)
		begun := time.Now()
		b.down(begun.Add(time.Hour))
		attempts := 0
		inner := b.channel.Notify
		b.channel.Notify = func(ctx context.Context, m pipeline.Message) error { attempts++; return inner(ctx, m) }
		for i, err := range b.several(t, 500, pipeline.Warning) {
			if err != nil {
				t.Fatalf("notification %d: %v", i, err)
			}
		}
		if told := uint64(len(b.robot.alerts)) + b.robot.counts; told != 500 {
			t.Errorf("%d alerts told, want 500", told)
		}
		if len(b.robot.msgs) > 5 {
			t.Errorf("%d messages after the outage, want a digest", len(b.robot.msgs))
		}
		if late := b.robot.sent[0].Sub(begun.Add(time.Hour)); late > time.Minute {
			t.Errorf("the first message came %s after the outage", late)
		}
		if attempts > 500 { // one every 10 to 20 s
			t.Errorf("%d attempts in the outage, want the channel to be left alone", attempts)
		}
		if len(b.trouble) != 1 || b.trouble[0].Since.Sub(begun) > time.Second { // every hour
			t.Errorf("told of the outage: %+v, want it once", b.trouble)
		}
	})
}

func TestUrgentGoesElsewhereInAnOutage(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, dir)
		b.channel.Fallback = true
		begun := time.Now()
		b.down(begun.Add(time.Hour))
		for _, err := range b.several(t, 3, pipeline.Critical) {
			if !errors.Is(err, deliver.ErrElsewhere) || !strings.Contains(err.Error(), "503") {
				t.Errorf("Deliver = %v, want it to go elsewhere, and why", err)
			}
		}
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("it went elsewhere after %s", took)
		}
	})
}

// Somebody else uses the robot, so that it is blocked although we did nothing wrong.
func TestBan(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, dir)
		b.channel.Fallback = true
		banned := time.Now().Add(8 * time.Minute)
		b.robot.banned = banned
		var wg sync.WaitGroup
		wg.Go(func() { b.several(t, 300, pipeline.Warning) })
		time.Sleep(time.Minute)
		q := b.queues.Set("sec.robot-1", b.channel)
		asked := time.Now()
		err := deliverOne(t.Context(), q, notification("urgent", pipeline.Critical))
		if !errors.Is(err, deliver.ErrElsewhere) || time.Since(asked) > time.Second {
			t.Errorf("urgent, while the robot is blocked: %v after %s, want it elsewhere at once", err, time.Since(asked))
		}
		// A process that starts now knows of it.
		again := newBench(t, dir)
		again.robot.fail = func(pipeline.Message) error { t.Error("a restart forgot that the robot is blocked"); return nil }
		room, err := again.quotas.Take(t.Context(), "robot-1", 1, b.channel.Limits)
		if err != nil || room.Frozen.Before(banned) {
			t.Errorf("Take in another process = %+v, %v, want it frozen", room, err)
		}
		wg.Wait()
		if len(b.robot.msgs) > 3 || b.robot.counts < 250 {
			t.Errorf("after the ban %d messages with %d in digests, want a digest", len(b.robot.msgs), b.robot.counts)
		}
		if len(b.robot.sent) > 0 && b.robot.sent[0].Before(banned) {
			t.Errorf("sent while blocked")
		}
	})
}

// A digest that the channel does not want is taken apart: what is wrong with it is parked alone.
func TestBadMessageInADigest(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, dir)
		bad := &pipeline.DeliveryError{Class: pipeline.BadMessage, Receiver: "sec", Err: errors.New("unsafe link")}
		render := b.channel.Render
		b.channel.Render = func(n pipeline.Notification) (pipeline.Message, error) {
			m, err := render(n)
			for _, h := range n.Held {
				for _, r := range h.Rules {
					m.Body += r.Sample + " "
				}
			}
			for _, a := range n.Alerts {
				m.Body += a.Output + " "
			}
			return m, err
		}
		b.robot.fail = func(m pipeline.Message) error {
			if strings.Contains(m.Body, "out evil") {
				return bad
			}
			return nil
		}
		var wg sync.WaitGroup
		var got error
		q := b.queues.Set("sec.robot-1", b.channel)
		n := notification("evil", pipeline.Warning)
		n.Alerts[0].Rule = "Another"
		wg.Go(func() { got = deliverOne(t.Context(), q, n) })
		for i, err := range b.several(t, 60, pipeline.Warning) {
			if err != nil {
				t.Errorf("notification %d, which is fine: %v", i, err)
			}
		}
		wg.Wait()
		if !errors.Is(got, bad.Err) {
			t.Errorf("the one to blame: %v, want what the channel said", got)
		}
		if told := uint64(len(b.robot.alerts)) + b.robot.counts; told != 60 || b.robot.bans > 0 {
			t.Errorf("%d others told, %d bans, want 60 and none", told, b.robot.bans)
		}
	})
}

func TestFewGoAtOnceAndAlone(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, dir)
		begun := time.Now()
		b.several(t, 7, pipeline.Warning)
		if took := time.Since(begun); took > time.Second || len(b.robot.msgs) != 7 {
			t.Errorf("%d messages in %s, want 7 at once", len(b.robot.msgs), took)
		}
	})
}

func TestOrderOfLanes(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, dir)
		q := b.queues.Set("sec.robot-1", b.channel)
		var wg sync.WaitGroup
		for _, n := range []pipeline.Notification{
			notification("first", pipeline.Warning), notification("info", pipeline.Informational),
			notification("error", pipeline.Error), notification("critical", pipeline.Critical),
		} {
			wg.Go(func() { _ = deliverOne(t.Context(), q, n) })
			time.Sleep(time.Millisecond)
		}
		wg.Wait()
		var order []string
		for _, m := range b.robot.msgs {
			order = append(order, m.Alerts[0].ID)
		}
		if want := []string{"first", "critical", "error", "info"}; !slices.Equal(order, want) {
			t.Errorf("order %q, want %q", order, want)
		}
	})
}

// A stop has those that wait leave as they are: their attempt has not begun.
func TestStop(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, dir)
		if err := b.quotas.Freeze(t.Context(), "robot-1", time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		q := b.queues.Set("sec.robot-1", b.channel)
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		begun := false
		d := &pipeline.Delivery{Notification: notification("a", pipeline.Warning), Begin: func() pipeline.Notification {
			begun = true
			return notification("a", pipeline.Warning)
		}}
		if err := q.Deliver(ctx, d); !errors.Is(err, context.DeadlineExceeded) || begun {
			t.Errorf("Deliver = %v, begun %v, want it to leave before its turn", err, begun)
		}
		time.Sleep(time.Minute) // whoever went through them ends, or synctest says so
	})
}

// Without a quota each goes at once, and a channel that is down is left alone.
func TestWithoutQuota(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, dir)
		b.channel.Limits, b.robot.free = nil, true
		begun := time.Now()
		b.down(begun.Add(10 * time.Minute))
		var attempts atomic.Int64
		inner := b.channel.Notify
		b.channel.Notify = func(ctx context.Context, m pipeline.Message) error { attempts.Add(1); return inner(ctx, m) }
		for _, err := range b.several(t, 200, pipeline.Warning) {
			if err != nil {
				t.Errorf("Deliver = %v", err)
			}
		}
		if len(b.robot.msgs) != 200 {
			t.Errorf("%d messages, want each of 200", len(b.robot.msgs))
		}
		if n := attempts.Load(); n > 200+60+200 { // all at first, one every 10 s, all
			t.Errorf("%d attempts for 200 messages, want the channel to be left alone while it is down", n)
		}
	})
}

func TestPanic(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, dir)
		b.channel.Notify = func(context.Context, pipeline.Message) error { panic("oh") }
		for _, err := range b.several(t, 1, pipeline.Warning) {
			var failure *pipeline.DeliveryError
			if !errors.As(err, &failure) || failure.Class != pipeline.BadMessage || !failure.Unknown {
				t.Errorf("Deliver = %v, want a bad message that may have arrived", err)
			}
		}
	})
}

// A reload that gives the integration another channel has what waits go there.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, dir)
		if err := b.quotas.Freeze(t.Context(), "robot-1", time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { b.several(t, 3, pipeline.Warning) })
		time.Sleep(time.Minute)
		other := b.channel
		other.Limits = nil
		b.queues.Set("sec.robot-1", other)
		wg.Wait()
		if took := time.Since(begun); len(b.robot.msgs) != 3 || took > 2*time.Minute {
			t.Errorf("%d messages after %s, want 3 with the new channel", len(b.robot.msgs), took)
		}
	})
}

// What some recipients did not get is delivered: it is counted, and who asks is told.
func TestMissedRecipients(t *testing.T) {
	for name, limits := range map[string][]pipeline.Limit{"with a quota": {{Most: 18, Per: time.Minute}}, "without": nil} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, dir)
				b.channel.Limits = limits
				b.channel.Notify = func(context.Context, pipeline.Message) error {
					return &pipeline.MissedError{Receiver: "sec", Recipients: 2, Err: errors.New("a@x, b@x: unknown")}
				}
				n := notification("one", pipeline.Warning)
				d := &pipeline.Delivery{Notification: n, Begin: func() pipeline.Notification { return n }}
				if err := b.queues.Set("sec.robot-1", b.channel).Deliver(t.Context(), d); err != nil {
					t.Errorf("Deliver = %v", err)
				}
				if !strings.Contains(d.Note, "a@x, b@x: unknown") || b.missed != 2 {
					t.Errorf("note %q, %d missed, want it to name the two", d.Note, b.missed)
				}
			})
		})
	}
}
