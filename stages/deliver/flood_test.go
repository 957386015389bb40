package deliver_test

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
	"github.com/tocsin-security/tocsin/stages/deliver"
	"github.com/tocsin-security/tocsin/store/quota"
)

const (
	perMinute = 20 // what the robot takes
	budget    = 17 // what it is to get at most
)

// robot takes perMinute messages in any minute, and blocks who sends more, as DingTalk does.
type robot struct {
	t    *testing.T
	ban  time.Duration
	took time.Duration // for each message
	free bool          // of any quota

	mu     sync.Mutex
	sent   []time.Time
	bans   int
	banned time.Time
	alerts map[string]time.Time // id of an alert that was told itself → when
	counts uint64               // in digests
	msgs   []pipeline.Message
	fail   func(m pipeline.Message) error
}

func (r *robot) Notify(_ context.Context, m pipeline.Message) error {
	time.Sleep(r.took)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.fail != nil {
		if err := r.fail(m); err != nil {
			return err
		}
	}
	if now.Before(r.banned) {
		return &pipeline.DeliveryError{Class: pipeline.Retry, RetryAfter: r.ban, Err: errors.New("banned")}
	}
	r.sent = append(r.sent, now)
	if n := len(r.sent); n > perMinute && !r.free && now.Sub(r.sent[n-1-perMinute]) < time.Minute {
		r.bans++
		r.banned = now.Add(r.ban)
		return &pipeline.DeliveryError{Class: pipeline.Retry, RetryAfter: r.ban, Err: errors.New("too fast")}
	}
	r.msgs = append(r.msgs, m)
	for _, a := range m.Alerts {
		if a.Closing { // the row of a digest, see render below
			r.counts += a.Count
		} else {
			r.alerts[a.ID] = now
		}
	}
	return nil
}

// render shows a digest as one alert with its count.
func render(n pipeline.Notification) (pipeline.Message, error) {
	m := pipeline.Message{ID: n.ID, Receiver: n.Receiver, Alerts: n.Alerts, Again: n.Again, Attempt: n.Attempt}
	for _, h := range n.Held {
		m.Alerts = append(m.Alerts, pipeline.Alert{Closing: true, Count: h.Alerts})
	}
	return m, nil
}

type bench struct {
	queues  *deliver.Queues
	quotas  *quota.Files
	robot   *robot
	channel deliver.Channel
	trouble []deliver.Trouble
	missed  int
}

func newBench(t *testing.T, dir string) *bench {
	t.Helper()
	q, err := quota.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{quotas: q, robot: &robot{t: t, ban: 10 * time.Minute, took: 100 * time.Millisecond, alerts: map[string]time.Time{}}}
	b.queues = deliver.New(deliver.Config{
		Quotas: q, InFlight: inFlight, AttemptTimeout: 30 * time.Second, Log: slog.New(slog.DiscardHandler),
		Trouble: func(tr deliver.Trouble) { b.trouble = append(b.trouble, tr) },
		Merged:  func(string, int, bool) {},
		Missed:  func(_ string, n int) { b.missed += n },
	})
	b.channel = deliver.Channel{
		Render: render, Notify: b.robot.Notify, Robot: "robot-1",
		Limits: []pipeline.Limit{{Most: budget, Per: time.Minute}},
	}
	return b
}

const inFlight = 4096

func notification(id string, p pipeline.Priority) pipeline.Notification {
	now := time.Now()
	return pipeline.Notification{
		ID: "n-" + id, Receiver: "sec", Integration: "sec.robot-1", Reason: "first notification", CreatedAt: now,
		Alerts: []pipeline.Alert{{
			ID: id, Time: now, Rule: "Rule " + p.String(), Priority: p, Hostname: "node-1", Output: "out " + id,
			Labels: map[string]string{"hostname": "node-1"},
		}},
	}
}

// deliverOne delivers as the router does: again and again while the channel asks for it.
func deliverOne(ctx context.Context, q *deliver.Queue, n pipeline.Notification) error {
	for attempt := 1; ; attempt++ {
		d := &pipeline.Delivery{Notification: n, Begin: func() pipeline.Notification {
			n.Attempt = attempt
			return n
		}}
		err := q.Deliver(ctx, d)
		var failure *pipeline.DeliveryError
		if !errors.As(err, &failure) || failure.Class != pipeline.Retry {
			return err
		}
		time.Sleep(max(failure.RetryAfter, time.Second<<min(attempt, 6)))
	}
}

// flood hands n notifications out within a minute, never more at once than the bus does, and waits until all are told.
// Every urgent-th is urgent. elsewhere has those that went to the fallback.
func (b *bench) flood(t *testing.T, n, urgent int) (came, elsewhere map[string]time.Time) {
	q := b.queues.Set("sec.robot-1", b.channel)
	var wg sync.WaitGroup
	var mu sync.Mutex
	came, elsewhere = map[string]time.Time{}, map[string]time.Time{}
	bus := make(chan struct{}, inFlight)
	begun := time.Now()
	for i := range n {
		at := begun.Add(time.Minute * time.Duration(i) / time.Duration(n))
		time.Sleep(time.Until(at))
		id, p := fmt.Sprint("a", i), pipeline.Warning
		if i%urgent == urgent/2 {
			id, p = fmt.Sprint("p", i), pipeline.Critical
			came[id] = at
		}
		bus <- struct{}{}
		wg.Go(func() {
			if err := deliverOne(t.Context(), q, notification(id, p)); errors.Is(err, deliver.ErrElsewhere) {
				mu.Lock()
				elsewhere[id] = time.Now()
				mu.Unlock()
			} else if err != nil {
				t.Errorf("Deliver = %v", err)
			}
			<-bus
		})
	}
	wg.Wait()
	return came, elsewhere
}

func TestFlood(t *testing.T) {
	for name, c := range map[string]struct {
		urgent   int
		fallback bool
	}{"few urgent": {2000, false}, "many urgent, and a fallback": {100, true}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				const n = 10_000
				b := newBench(t, dir)
				b.channel.Fallback = c.fallback
				came, elsewhere := b.flood(t, n, c.urgent)
				if b.robot.bans > 0 {
					t.Errorf("the robot got more than it takes %d times", b.robot.bans)
				}
				told := uint64(len(b.robot.alerts)) + b.robot.counts + uint64(len(elsewhere))
				if told != n {
					t.Errorf("%d alerts told: %d themselves, %d in digests, %d elsewhere, want %d", told, len(b.robot.alerts), b.robot.counts, len(elsewhere), n)
				}
				for id, at := range came {
					when := b.robot.alerts[id]
					if moved, ok := elsewhere[id]; ok {
						when = moved
					}
					if late := when.Sub(at); late > 5*time.Second || late < 0 {
						t.Errorf("urgent alert %s was told after %s, want 5 s at most", id, late)
					}
				}
				if len(b.robot.msgs) > 60 {
					t.Errorf("%d messages for one flood", len(b.robot.msgs))
				}
				t.Logf("%d messages, the last %s after the first; %d elsewhere", len(b.robot.msgs), b.robot.sent[len(b.robot.sent)-1].Sub(b.robot.sent[0]), len(elsewhere))
			})
		})
	}
}
