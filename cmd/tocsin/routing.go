package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/route"
	"github.com/tocsin-security/tocsin/stages/route/inhibit"
	"github.com/tocsin-security/tocsin/stages/route/interval"
	"github.com/tocsin-security/tocsin/store/groups"
)

// buildRouting makes what routing needs of a configuration.
func (p *plan) buildRouting(receivers []route.Receiver, log *slog.Logger) (err error) {
	cfg := p.cfg
	p.routing.Summaries = cfg.Summaries
	if p.routing.Tree, err = route.NewTree(&cfg.Route, receivers, escalations(cfg)...); err != nil {
		return err
	}
	if p.routing.Inhibit, err = inhibit.New(cfg.InhibitRules, resolveTimeout(cfg), log); err != nil {
		return err
	}
	p.routing.Intervals, err = interval.New(slices.Concat(cfg.TimeIntervals, cfg.MuteTimeIntervals))
	return err
}

// escalations are those of the configuration, as routes take them.
func escalations(cfg *configs.Loaded) (all []route.Escalation) {
	for _, e := range cfg.OnCall.Escalations {
		one := route.Escalation{Name: e.Name}
		for _, s := range e.All() {
			one.Steps = append(one.Steps, route.EscalationStep{After: time.Duration(s.After), Notify: s.Notify, Receiver: s.Receiver})
		}
		all = append(all, one)
	}
	return all
}

// lookForOthers is how often a router looks for due groups of the others: so late after one has died, and its claims
// have run out, somebody takes them over.
const lookForOthers = time.Second

// openGrouper makes what gathers alerts into groups.
func (d *durable) openGrouper(p *plan) {
	deps := route.Deps{
		Groups: d.groups, Repeats: d.repeats, Publish: d.router.PublishNotifications, Silences: d.silences,
		Steps: d.history, Log: d.log,
	}
	if d.shared != nil {
		local := deps
		local.Standby = true
		d.standby = route.NewGrouper(p.routing, local)
		deps.Groups, deps.Look = groups.NewShared(d.shared), lookForOthers
	}
	d.grouper = route.NewGrouper(p.routing, deps)
}

// groupers are the one, and with a shared store the one that stands in.
func (d *durable) groupers() []*route.Grouper {
	if d.standby == nil {
		return []*route.Grouper{d.grouper}
	}
	return []*route.Grouper{d.grouper, d.standby}
}

// group brings alerts to their groups. While the shared store is away they gather in this process's own file: people
// may hear twice of what is known there, and not too late of anything.
func (d *durable) group(ctx context.Context, alerts []pipeline.Alert) error {
	err := d.grouper.Add(ctx, alerts)
	if err == nil || d.standby == nil || ctx.Err() != nil {
		return err
	}
	d.log.Debug("the groups of this process take alerts, since the shared ones do not", "alerts", len(alerts), "err", err)
	return d.standby.Add(ctx, alerts)
}

// wake makes groups that keep something back look whether they still have to.
func (d *durable) wake(ctx context.Context) (failed error) {
	for _, g := range d.groupers() {
		failed = errors.Join(failed, g.Wake(ctx))
	}
	return failed
}

// useRouting exchanges what routing needs, on a reload.
func (d *durable) useRouting(ctx context.Context, p *plan) {
	for _, g := range d.groupers() {
		g.Use(p.routing)
	}
	if err := d.wake(ctx); err != nil {
		d.log.Warn("what the configuration before kept back may be told late", "err", err)
	}
}

// groupParts are the flushers.
func (d *durable) groupParts() []part {
	parts := []part{{name: "groups", run: d.grouper.Run}}
	if d.standby != nil {
		parts = append(parts, part{name: "own groups", run: d.standby.Run})
	}
	return parts
}

// still tells the groups of repeats: what these inhibit stays inhibited. No alert waits for it. While the shared store
// is away that goes for the groups of this process.
func (d *durable) still(ctx context.Context, repeats []pipeline.Alert) {
	err := d.grouper.Still(ctx, repeats)
	if err != nil && d.standby != nil {
		err = d.standby.Still(ctx, repeats)
	}
	if err != nil {
		d.log.Warn("what repeats inhibit may be told too early", "err", err)
	}
}

var (
	suppressed   = desc("notifications_suppressed_total", "Alerts that began to be kept back, by reason: silence, inhibition, mute_time_interval, active_time_interval, ack.", "reason")
	summaries    = desc("notifications_summaries_total", "Notifications that sum up what was kept back.")
	groupFlushes = desc("group_flushes_total", "Groups that were due and looked at.")
	groupLag     = desc("group_flush_lag_seconds_total", "How long these had been due, all together.")
	groupLast    = desc("group_flush_lag_seconds", "And the latest of them.")
)

// collectGroups counts what groups did.
func collectGroups(ch chan<- prometheus.Metric, groupers []*route.Grouper) {
	s := groupers[0].Stats()
	for _, g := range groupers[1:] {
		s.Add(g.Stats())
	}
	for reason, n := range s.Suppressed {
		ch <- prometheus.MustNewConstMetric(suppressed, prometheus.CounterValue, float64(n), reason)
	}
	for _, m := range []struct {
		desc  *prometheus.Desc
		kind  prometheus.ValueType
		value float64
	}{
		{summaries, prometheus.CounterValue, float64(s.Summaries)},
		{groupFlushes, prometheus.CounterValue, float64(s.Flushed)},
		{groupLag, prometheus.CounterValue, s.Late.Seconds()},
		{groupLast, prometheus.GaugeValue, s.LatestLate.Seconds()},
	} {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value)
	}
}
