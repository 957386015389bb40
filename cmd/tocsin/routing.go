package main

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
	if p.routing.Tree, err = route.NewTree(&cfg.Route, receivers); err != nil {
		return err
	}
	if p.routing.Inhibit, err = inhibit.New(cfg.InhibitRules, resolveTimeout(cfg), log); err != nil {
		return err
	}
	p.routing.Intervals, err = interval.New(slices.Concat(cfg.TimeIntervals, cfg.MuteTimeIntervals))
	return err
}

// openGrouper makes what gathers alerts into groups.
func (d *durable) openGrouper(p *plan) {
	deps := route.Deps{Groups: d.store.GroupEngine(), Repeats: d.repeats, Publish: d.router.PublishNotifications, Log: d.log}
	if d.shared != nil {
		deps.Groups, deps.Look = groups.NewWithLocal(groups.New(d.shared), d.store.GroupEngine()), lookForGroups
	}
	d.grouper = route.NewGrouper(p.routing, deps)
}

// lookForGroups is how often it is looked for due groups in a store that routers share. Less finds those of a router
// that died later; more asks the store for nothing.
const lookForGroups = time.Second

// still tells the groups of repeats: what these inhibit stays inhibited. No alert waits for it.
func (d *durable) still(ctx context.Context, fired, passed []pipeline.Alert) {
	if err := d.grouper.Still(ctx, fired, passed); err != nil {
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
func collectGroups(ch chan<- prometheus.Metric, s route.Stats) {
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
