package api

import (
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// What people read first, for what can have happened to an alert.
func TestWhy(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	event := func(at time.Time, repeats uint64) *pipeline.Known {
		k := &pipeline.Known{Repeats: repeats}
		k.Time, k.StartsAt, k.EndsAt = at, at, at.Add(5*time.Minute)
		return k
	}
	stateful := func(starts, ends time.Time) *pipeline.Known {
		k := event(starts, 0)
		k.EndsAt, k.Stateful = ends, &pipeline.Stateful{StartsAt: starts, EndsAt: ends}
		return k
	}
	tries := func(integration, state string, tries ...attempt) delivery {
		return delivery{Notification: "n", Receiver: "oncall", Integration: "oncall." + integration, State: state, Attempts: tries}
	}
	sent := func(at time.Time) attempt { return attempt{At: at, Attempt: 1, Verdict: "sent"} }
	failed := attempt{At: ago(3 * time.Second), Attempt: 1, Verdict: "retry", Answer: "503 try later"}
	waits := pipeline.Routed{Groups: []pipeline.InGroup{{Receiver: "oncall", Due: now.Add(4 * time.Second)}}}
	by := func(s pipeline.Suppressed) pipeline.Routed {
		return pipeline.Routed{Suppressed: []pipeline.Suppressed{s}, Groups: []pipeline.InGroup{{Receiver: "oncall"}}}
	}
	for want, c := range map[string]struct {
		k          *pipeline.Known
		to         pipeline.Routed
		deliveries []delivery
	}{
		"sent to oncall over wecom-1f3a 12s after it happened": {
			event(ago(time.Minute), 0), waits, []delivery{tries("wecom-1f3a", "sent", sent(ago(48*time.Second)))}},
		"sent to oncall over webhook-1 57s after it happened, at attempt 2; parked: oncall over email-2 took no message: no such user": {
			event(ago(time.Minute), 0), waits, []delivery{
				tries("webhook-1", "sent", failed, sent(ago(3*time.Second))),
				tries("email-2", "dead", attempt{At: ago(time.Second), Attempt: 1, Verdict: "dead", Answer: "no such user"})}},
		"not yet at oncall over webhook-1: attempt 1 failed 3s ago: 503 try later": {
			event(ago(time.Minute), 0), waits, []delivery{tries("webhook-1", "retrying", failed)}},
		"waits for its group, due in 4s":               {event(ago(time.Second), 0), waits, nil},
		"its group is due and goes out now":            {event(ago(time.Second), 0), pipeline.Routed{Groups: []pipeline.InGroup{{Due: ago(time.Millisecond)}}}, nil},
		"it is over, and no message about it is known": {event(ago(time.Hour), 0), pipeline.Routed{}, nil},
		"it was let through to oncall, and no message about it is known yet": {
			event(ago(time.Second), 0), pipeline.Routed{Groups: []pipeline.InGroup{{Receiver: "oncall"}}}, nil},
		"it was let through, and no message about it is known yet": {event(ago(time.Second), 0), pipeline.Routed{}, nil},
		"sent to oncall over wecom-1f3a 10s ago, before it happened again; waits for its group, due in 4s": {
			event(ago(time.Second), 0), waits, []delivery{tries("wecom-1f3a", "sent", sent(ago(10*time.Second)))}},
		"sent to oncall over wecom-1f3a 1.5s after it happened; a repeat: it has occurred 36 times since, which the next message tells": {
			event(ago(time.Minute), 36), waits, []delivery{tries("wecom-1f3a", "sent", sent(ago(58500*time.Millisecond)))}},
		"kept back by silence 5e1f until 2026-07-01T13:00:00Z": {
			event(ago(time.Second), 0), by(pipeline.Suppressed{Why: pipeline.BySilence, By: "5e1f", Until: now.Add(time.Hour)}), nil},
		"kept back by alert 00ff, which inhibits it (rule node-down)": {
			event(ago(time.Second), 0), by(pipeline.Suppressed{Why: pipeline.ByInhibition, By: "00ff", Rule: "node-down"}), nil},
		"kept back by the acknowledgement of alice; sent to oncall over wecom-1f3a 50s after it happened": {
			event(ago(time.Minute), 0), by(pipeline.Suppressed{Why: pipeline.ByAck, By: "alice"}),
			[]delivery{tries("wecom-1f3a", "sent", sent(ago(10*time.Second)))}},
		"kept back by the mute interval nights": {
			event(ago(time.Second), 0), pipeline.Routed{Groups: []pipeline.InGroup{{Muted: []pipeline.Suppressed{{Why: pipeline.ByMuteInterval, By: "nights"}}}}}, nil},
		"sent to oncall over wecom-1f3a 1m0s after it happened": { // its end was
			stateful(ago(time.Hour), ago(2*time.Minute)), pipeline.Routed{}, []delivery{tries("wecom-1f3a", "sent", sent(ago(time.Minute)))}},
	} {
		if got := why(c.k, c.to, c.deliveries, now); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
