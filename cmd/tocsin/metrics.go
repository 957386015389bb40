package main

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/silence"
	"github.com/tocsin-security/tocsin/stages/whitelist"
)

// collector turns the counters that the hot half keeps into metrics when they are asked for, so that
// an event pays for an addition and not for a label look-up.
type collector struct {
	app          *app
	alertmanager string // version of the Alertmanager whose API this is
}

func newCollector(a *app) collector { return collector{a, buildOf().Version} }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tocsin_"+name, help, labels, nil)
}

var containerLabels = []string{"container_id", "container_name", "k8s_ns_name", "k8s_pod_name"}

var (
	buildInfo    = desc("build_info", "1, with the version.", "version")
	samples      = desc("samples_total", "Records read from the kernel.")
	events       = desc("events_total", "Records by what became of them: event (the rules saw it), state (process table only), failed.", "outcome")
	lossesTotal  = desc("losses_total", "Events lost or shortened, by cause; in the kernel also by CPU.", "cause", "cpu")
	processes    = desc("processes", "Processes in the process table.")
	ruleFired    = desc("rule_alerts_total", "Alerts a rule has fired. With a window of the store: where the window is asked.", "rule")
	ruleObserved = desc("rule_observed_total", "Times a rule matched and its window was shown it.", "rule")
	ruleBypassed = desc("rule_bypassed_total", "Times a rule matched but the whitelist let it pass.", "rule")
	ruleFailed   = desc("rule_errors_total", "Structured events on which a rule had no answer; each is parked.", "rule")
	entryHits    = desc("whitelist_hits_total", "Alerts that a whitelist entry kept quiet, found by this process.", "entry")
	entryFirst   = desc("whitelist_first_hit_timestamp_seconds", "Time of the event of the first of them.", "entry")
	entryLast    = desc("whitelist_last_hit_timestamp_seconds", "Time of the event of the latest of them.", "entry")
	entryStates  = desc("whitelist_entries", "Entries of the whitelist by what they do now: active, off (outside their schedule), expired.", "state")
	queued       = desc("alerts_queued", "Alerts found that are not durable yet.")
	deduped      = desc("dedupe_alerts_total", "Alerts by what dedupe did with them: passed, repeat.", "outcome")
	windowed     = desc("window_alerts_total", "Alerts that waited for a window of the store, by what it said: fired, dropped.", "outcome")
	windowKeys   = desc("window_keys", "Keys that windows in memory count, by whose: node, store.", "memory")
	windowBytes  = desc("window_bytes", "What they take.", "memory")
	windowEvicts = desc("window_evicted_total", "Keys forgotten for want of room: their counts began anew.", "memory")
	windowStands = desc("window_degraded_total", "Alerts whose window a stand-in judged because the store was away.")
	lateHeld     = desc("late_events", "Events that wait for their container's metadata now.")
	lateEvents   = desc("late_events_total", "Events that waited for their container's metadata, by what came of it: complete, partial (too late), full (no room: judged at once).", "outcome")
	lateAlerts   = desc("late_completed_total", "Alerts made again once their container's metadata came after the wait.")
	connects     = desc("tcp_connects_total", "TCP connects that succeeded or went on in the background.", containerLabels...)
	connectErrs  = desc("tcp_connect_errors_total", "TCP connects that failed, at once or later, by error.", append(containerLabels, "errno")...)
	documentsNow = desc("deployments", "Deployments known.")
	deployPosts  = desc("deployments_posted_total", "Deployments that CI posted and that were kept.")
	reportPosts  = desc("reports_total", "Reports of scanners by what became of them: kept, older (a later one was known).", "outcome")
	findingsNew  = desc("findings_new_total", "Findings that the report before did not have.")
	findingsMiss = desc("findings_failed_total", "Times that alerts went on without findings because the store did not answer.")
	escalated    = desc("dedupe_escalated_total", "Alerts that passed since they have repeated so often.")
	silencesNow  = desc("silences", "Silences by state: pending, active, expired.", "state")
	acksNow      = desc("acks", "Alerts that somebody takes care of.")
	geoBuilt     = desc("geoip_build_timestamp_seconds", "When the address database in use was built; 0: none is in use.", "file")
	geoFailed    = desc("geoip_load_errors_total", "Times an address database that was new in place could not be used.", "file")
	geoMissed    = desc("geoip_lookup_errors_total", "Lookups that an address database had no answer to for being damaged.", "file")
	owned        = desc("owner_alerts_total", "Alerts told of by whether enrich.owners knows whose they are: owned, unowned.", "outcome")
	degradedSeen = desc("dedupe_degraded_total", "Alerts judged by a stand-in window because the store was away.")
)

// Describe sends nothing: which metrics there are depends on the role.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect reads the counters.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	gauge(buildInfo, 1, version)
	gauge(queued, c.app.batcher.Waiting())
	if d := c.app.durable; d != nil {
		gauge(alertmanagerInfo, 1, c.alertmanager)
		s := d.dedupe.Load().Stats()
		count(deduped, s.Passed, "passed")
		count(deduped, s.Repeats, "repeat")
		count(escalated, s.Escalated)
		count(degradedSeen, s.Degraded)
		collectContext(d, count, gauge)
		w := d.windows.Stats()
		count(windowed, w.Fired, "fired")
		count(windowed, w.Dropped, "dropped")
		count(windowStands, w.Degraded)
		mine, nobodys := d.owners.Load().Stats()
		count(owned, mine, "owned")
		count(owned, nobodys, "unowned")
		collectGroups(ch, d.groupers())
	}
	for _, r := range c.app.ruleStats() {
		count(ruleFired, r.Fired, r.Rule)
		count(ruleBypassed, r.Bypassed, r.Rule)
		if r.observes {
			count(ruleObserved, r.Observed, r.Rule)
		}
		if r.structured {
			count(ruleFailed, r.Failed, r.Rule)
		}
	}
	for name, m := range c.app.memories() {
		gauge(windowKeys, m.Keys(), name)
		gauge(windowBytes, int(m.Bytes()), name)
		count(windowEvicts, m.Evicted(), name)
	}
	for _, f := range c.app.active.Load().places.Stats() {
		built := 0
		if !f.Built.IsZero() {
			built = int(f.Built.Unix())
		}
		gauge(geoBuilt, built, f.Path)
		count(geoFailed, f.LoadErrors, f.Path)
		count(geoMissed, f.LookupErrors, f.Path)
	}
	c.collectWhitelist(ch, c.app.active.Load().whitelist)
	if c.app.hot != nil {
		c.collectHot(c.app.hot, count, gauge)
	}
}

// collectContext counts what was posted for alerts to be told.
func collectContext(d *durable, count func(*prometheus.Desc, uint64, ...string), gauge func(*prometheus.Desc, int, ...string)) {
	deployed, found := d.deployments.Stats(), d.findings.Stats()
	gauge(documentsNow, deployed.Kept)
	count(deployPosts, deployed.Posted)
	count(reportPosts, found.Reports, "kept")
	count(reportPosts, found.Older, "older")
	count(findingsNew, found.New)
	count(findingsMiss, found.Failed)
	quiet := d.silences.Stats()
	gauge(silencesNow, quiet.Pending, silence.Pending)
	gauge(silencesNow, quiet.Active, silence.Active)
	gauge(silencesNow, quiet.Expired, silence.Expired)
	gauge(acksNow, quiet.Acks)
}

// collectWhitelist tells of every entry, of those that were never hit too.
func (c collector) collectWhitelist(ch chan<- prometheus.Metric, list *whitelist.List) {
	states := map[pipeline.EntryState]int{pipeline.EntryActive: 0, pipeline.EntryOff: 0, pipeline.EntryExpired: 0}
	hits, now := list.Counts().Entries(), time.Now()
	for _, e := range list.Entries() {
		states[e.State(now)]++
		s := hits[e.ID]
		ch <- prometheus.MustNewConstMetric(entryHits, prometheus.CounterValue, float64(s.Hits), e.ID)
		if s.Hits > 0 {
			ch <- prometheus.MustNewConstMetric(entryFirst, prometheus.GaugeValue, float64(s.First.UnixNano())/1e9, e.ID)
			ch <- prometheus.MustNewConstMetric(entryLast, prometheus.GaugeValue, float64(s.Last.UnixNano())/1e9, e.ID)
		}
	}
	for state, n := range states {
		ch <- prometheus.MustNewConstMetric(entryStates, prometheus.GaugeValue, float64(n), string(state))
	}
}

func (c collector) collectHot(h *hot, count func(*prometheus.Desc, uint64, ...string), gauge func(*prometheus.Desc, int, ...string)) {
	count(samples, h.received.Load())
	count(events, h.events.Load(), "event")
	count(events, h.state.Load(), "state")
	count(events, h.failed.Load(), "failed")
	gauge(processes, h.decoder.Processes())
	waited := h.late.Stats()
	gauge(lateHeld, h.late.Held())
	count(lateEvents, waited.Complete, "complete")
	count(lateEvents, waited.Partial, "partial")
	count(lateEvents, waited.Full, "full")
	count(lateAlerts, waited.Completed)

	kernel, err := h.sensor.LossesPerCPU()
	if err != nil {
		c.app.log.Warn("the kernel's loss counters could not be read", "err", err)
	}
	for cause, perCPU := range kernel {
		for cpu, n := range perCPU {
			count(lossesTotal, n, pipeline.Loss(cause).String(), strconv.Itoa(cpu))
		}
	}
	count(lossesTotal, h.failed.Load(), pipeline.LossDecode.String(), "")
	count(lossesTotal, h.decoder.TableFull(), pipeline.LossProcessTableFull.String(), "")

	if err := h.refreshConnects(); err != nil {
		c.app.log.Warn("the kernel's counts of connects could not be read", "err", err)
	}
	for _, s := range h.connects.Series() {
		count(connects, s.Connects, s.ID, s.Name, s.PodNS, s.PodName)
		for _, e := range s.Errors {
			count(connectErrs, e.Count, s.ID, s.Name, s.PodNS, s.PodName, e.Errno)
		}
	}
}
