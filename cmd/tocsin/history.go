package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/history"
)

// openHistory opens what is known of alerts: in the store that the fleet shares, or in a file of its own. A history
// that cannot be opened is no reason to hold alerts up.
func (d *durable) openHistory(ctx context.Context, p *plan, reg prometheus.Registerer) (err error) {
	resolve := resolveTimeout(p.cfg)
	if d.shared != nil {
		d.history = history.OpenShared(d.shared, p.cfg.History, resolve, d.log)
	} else if d.history, err = history.OpenFile(ctx, p.cfg.History, filepath.Join(p.cfg.DataDir, "history.db"), resolve, d.log); err != nil {
		d.log.Error("there is no history until the next start; alerts are delivered all the same", "err", err)
	}
	for _, c := range []struct {
		name, help string
		read       func() uint64
	}{
		{"tocsin_history_errors_total", "Times the history of alerts could not be written or trimmed.", d.history.Errors},
		{"tocsin_history_steps_lost_total", "Steps of alerts that are not in the history, since too many came or it could not be written.", d.history.LostSteps},
	} {
		opts := prometheus.CounterOpts{Name: c.name, Help: c.help}
		if err := reg.Register(prometheus.NewCounterFunc(opts, func() float64 { return float64(c.read()) })); err != nil {
			return fmt.Errorf("register the metrics of the history: %w", err)
		}
	}
	return nil
}

// remember keeps a batch in the history: what goes on to groups, and what dedupe kept quiet.
func (d *durable) remember(ctx context.Context, now time.Time, passed, repeats []pipeline.Alert) {
	if err := d.history.Record(ctx, now, passed, repeats); err != nil {
		d.log.Warn("alerts are not in the history; they go on", "alerts", len(passed), "err", err)
	}
	d.history.Note(verdicts(passed, now.UTC())...)
}

// verdicts are the steps of alerts up to here. That an event is a repeat is in its account, and that a stateful
// alert still fires is nothing that happened.
func verdicts(passed []pipeline.Alert, now time.Time) []pipeline.Step {
	var steps []pipeline.Step
	add := func(a *pipeline.Alert, stage, verdict, detail string) {
		steps = append(steps, pipeline.Step{At: now, Fingerprint: a.Fingerprint, Stage: stage, Verdict: verdict, Detail: detail})
	}
	for i := range passed {
		a := &passed[i]
		if a.Stateful != nil || a.Completes != nil {
			continue
		}
		if w := a.Window; w != nil && !a.Closing {
			add(a, "window", "passed", fmt.Sprintf("%d occurrences, the first at %s", w.Count, w.First.UTC().Format(time.RFC3339)))
		}
		switch {
		case a.Closing:
			add(a, "dedupe", "closing", fmt.Sprintf("its quiet time is over: %d occurrences, the last at %s", a.Count, a.LastSeen.UTC().Format(time.RFC3339)))
		case a.Escalated:
			add(a, "dedupe", "escalated", fmt.Sprintf("occurrence %d of its quiet time", a.Count))
		case a.Degraded:
			add(a, "dedupe", "passed", "the store was away: it may be a repeat")
		case a.Count > 1:
			add(a, "dedupe", "passed", fmt.Sprintf("with %d repeats that nobody was told of", a.Count-1))
		default:
			add(a, "dedupe", "passed", "")
		}
	}
	return steps
}

// repeatsOf are the alerts that dedupe did not let through.
func repeatsOf(fired, passed []pipeline.Alert) []pipeline.Alert {
	if len(fired) == len(passed) {
		return nil
	}
	through := make(map[string]bool, len(passed))
	for i := range passed {
		through[passed[i].ID] = true
	}
	var repeats []pipeline.Alert
	for i := range fired {
		if fired[i].Completes == nil && !through[fired[i].ID] {
			repeats = append(repeats, fired[i])
		}
	}
	return repeats
}
