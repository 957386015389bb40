package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/bus"
	"github.com/tocsin-security/tocsin/pipeline/router"
	"github.com/tocsin-security/tocsin/stages/dedupe"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats"
	"github.com/tocsin-security/tocsin/stages/deliver"
	"github.com/tocsin-security/tocsin/stages/deployment"
	"github.com/tocsin-security/tocsin/stages/enrich/geoip"
	"github.com/tocsin-security/tocsin/stages/finding"
	"github.com/tocsin-security/tocsin/stages/match"
	"github.com/tocsin-security/tocsin/stages/owner"
	"github.com/tocsin-security/tocsin/stages/route"
	"github.com/tocsin-security/tocsin/stages/silence"
	"github.com/tocsin-security/tocsin/stages/silence/link"
	"github.com/tocsin-security/tocsin/stages/whitelist/account"
	"github.com/tocsin-security/tocsin/stages/window"
	"github.com/tocsin-security/tocsin/store"
	"github.com/tocsin-security/tocsin/store/documents"
	"github.com/tocsin-security/tocsin/store/groups"
	"github.com/tocsin-security/tocsin/store/history"
	"github.com/tocsin-security/tocsin/store/journal"
	"github.com/tocsin-security/tocsin/store/quota"
	"github.com/tocsin-security/tocsin/store/shared"
)

// durable is the durable half: from an alert on the bus to messages that channels took.
type durable struct {
	bus     *bus.Bus
	router  *router.Router
	shared  *shared.Store // nil: this process counts alone
	repeats repeats.Engine
	windows *window.Stage
	counts  *window.Memory // of windows; nil: the shared store has them
	closer  *dedupe.Closer
	account *account.Account // of what the whitelist keeps quiet
	history *history.History
	store   *store.Store
	groups  *groups.Memory   // of this process
	quiet   *journal.Journal // of repeats; nil: the shared store has them
	grouper *route.Grouper
	standby *route.Grouper                // for while the shared store is away; nil: there is none
	dedupe  atomic.Pointer[dedupe.Dedupe] // exchanged by a reload
	payload atomic.Pointer[match.Payload] // rules for structured events; likewise
	owners  atomic.Pointer[owner.Owners]  // likewise
	places  *geoip.Databases
	show    func(context.Context, []pipeline.Alert) // prints what passed dedupe; nil when a receiver does, or nobody is to see it
	log     *slog.Logger

	deployments *deployment.Deployments
	findings    *finding.Findings

	queues    *deliver.Queues
	fallbacks atomic.Pointer[map[string]fallback] // by receiver; exchanged by a reload

	silences *silence.Silences
	links    *link.Signer
	linkDocs pipeline.Documents         // of the secrets of links; nil: the configuration has one
	emit     func(pipeline.Alert) error // takes alerts about tocsin itself; set before anything runs
}

// openBus opens the configured bus. A router's address means the embedded one, as a spool.
func openBus(ctx context.Context, cfg *configs.Loaded, log *slog.Logger) (*bus.Bus, error) {
	url := string(cfg.Bus)
	if forwards(cfg) {
		url = bus.Embedded
	}
	return bus.Open(ctx, bus.Config{URL: url, Dir: filepath.Join(cfg.DataDir, "bus")}, log)
}

func openDurable(ctx context.Context, r role, p *plan, reg prometheus.Registerer, log *slog.Logger) (*durable, error) {
	d := &durable{log: log, places: p.places}
	if r.hot { // a router's alerts are other hosts', its output is a service's log
		d.show = p.show
	}
	if err := d.open(ctx, p, reg); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *durable) open(ctx context.Context, p *plan, reg prometheus.Registerer) (err error) {
	if d.bus, err = openBus(ctx, p.cfg, d.log); err != nil {
		return err
	}
	if d.store, err = store.Open(ctx, filepath.Join(p.cfg.DataDir, "tocsin.db")); err != nil {
		return err
	}
	if d.groups, err = groups.OpenMemory(filepath.Join(p.cfg.DataDir, "groups"), d.log); err != nil {
		return err
	}
	if err = d.openShared(ctx, p, reg); err != nil {
		return err
	}
	if err = d.openHistory(ctx, p, reg); err != nil {
		return err
	}
	cfg := router.Config{
		Observe: d.history.Attempt, Fallback: d.fallBack, AttemptTimeout: attemptTimeout, Dir: filepath.Join(p.cfg.DataDir, "router"),
	}
	if d.router, err = router.New(cfg, d.bus, reg, d.log); err != nil {
		return err
	}
	if err = d.openQueues(p, reg); err != nil {
		return err
	}
	d.openContext(ctx, p.cfg.Enrich)
	if err = d.openSilences(ctx, p); err != nil {
		return err
	}
	d.dedupe.Store(dedupe.New(p.cfg.Dedupe, d.repeats))
	d.payload.Store(p.payload)
	d.owners.Store(p.owners)
	d.openGrouper(p)
	d.account = account.New(d.documents(kindWhitelist, account.MaxDocuments), d.log)
	d.closer = dedupe.NewCloser(d.repeats, func(ctx context.Context, summaries []pipeline.Alert) error {
		return d.pass(ctx, summaries, nil)
	}, d.log)
	d.router.HandleAlerts(d.handleAlerts)
	if err := d.router.HandleEvents(d.handleEvent); err != nil {
		return err
	}
	return d.router.SetNotificationHandlers(ctx, d.handlers(p))
}

// openShared opens the store that a fleet shares, where one is configured, and what counts in it.
func (d *durable) openShared(ctx context.Context, p *plan, reg prometheus.Registerer) (err error) {
	url, windows := string(p.cfg.Store), p.cfg.Windows
	if shared.IsEmbedded(url) {
		if err := d.openRepeats(ctx, p, reg); err != nil {
			return err
		}
		d.counts = window.NewMemory(windows)
		d.windows = window.NewStage(d.counts)
	} else {
		scripts := slices.Concat(repeats.Scripts(), window.Scripts(), documents.Scripts(), groups.Scripts(), history.Scripts(), quota.Scripts())
		if d.shared, err = shared.Open(ctx, url, scripts, d.log); err != nil {
			return err
		}
		d.repeats = repeats.NewShared(d.shared)
		d.windows = window.NewStage(window.NewShared(d.shared, windows))
	}
	return d.registerStore(reg)
}

// registerStore makes metrics of the shared store; where there is none only that none is away.
func (d *durable) registerStore(reg prometheus.Registerer) error {
	metrics := []prometheus.Collector{prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tocsin_store_degraded",
		Help: "1 while the shared store does not answer and a local one stands in.",
	}, func() float64 {
		if d.shared != nil && d.shared.Degraded() {
			return 1
		}
		return 0
	})}
	if d.shared != nil {
		metrics = append(metrics, d.shared.Metrics()...)
	}
	for _, m := range metrics {
		if err := reg.Register(m); err != nil {
			return fmt.Errorf("register the store's metrics: %w", err)
		}
	}
	return nil
}

// handleAlerts is what happens to a batch between the bus and the groups. nil acknowledges it. What the
// whitelist covers goes to its account and nowhere else; an account that cannot be written holds no alert up.
func (d *durable) handleAlerts(ctx context.Context, alerts []pipeline.Alert) error {
	covered, alerts := account.Take(alerts)
	if len(covered) > 0 {
		if err := d.account.Add(ctx, covered); err != nil {
			d.log.Warn("what the whitelist kept quiet is not in its account yet", "pairs", len(covered), "err", err)
		}
	}
	if len(alerts) == 0 {
		return nil
	}
	stateful, events := split(alerts)
	pass, repeats, err := d.sift(ctx, events)
	if err != nil {
		return err
	}
	return d.pass(ctx, append(pass, stateful...), repeats)
}

// handleEvent asks the rules about a structured event, and publishes what they say before nil
// acknowledges it. An event on which a rule has no answer is parked, after the alerts of the others.
func (d *durable) handleEvent(ctx context.Context, event pipeline.Structured) error {
	alerts, unusable := d.payload.Load().Match(event)
	if len(alerts) > 0 {
		if err := d.router.PublishAlerts(ctx, alerts); err != nil {
			return fmt.Errorf("publish the alerts of an event: %w", err)
		}
	}
	if unusable != nil {
		return fmt.Errorf("%w: %w", router.ErrUnusable, unusable)
	}
	return nil
}

// replace exchanges what a reload may: routes, receivers, quiet times.
func (d *durable) replace(ctx context.Context, p *plan) error {
	handlers := d.handlers(p)
	for topic, handler := range handlers {
		if err := d.router.HandleNotifications(topic, handler); err != nil {
			return fmt.Errorf("start the new receivers: %w", err)
		}
	}
	d.fallbacks.Store(&p.fallbacks)
	d.useRouting(ctx, p)
	if err := d.router.SetNotificationHandlers(ctx, handlers); err != nil { // nothing goes to the others any more
		return fmt.Errorf("stop the old receivers: %w", err)
	}
	d.payload.Store(p.payload)
	d.owners.Store(p.owners)
	d.silences.SetConfig(p.cfg.Silences)
	d.dedupe.Store(dedupe.New(p.cfg.Dedupe, d.repeats))
	d.history.SetResolveTimeout(resolveTimeout(p.cfg))
	return nil
}

// parts are the long-lived pieces, producers first.
func (d *durable) parts() []part {
	parts := []part{
		{name: "summaries", run: d.closer.Run},
		{name: "deployments", run: d.deployments.Run},
	}
	parts = append(parts, d.groupParts()...)
	parts = append(parts, d.silenceParts()...) // after the groups, whose last hits they keep
	return append(parts,
		part{name: "router", run: d.router.Run, grace: routerGrace},
		part{name: "file", run: func(ctx context.Context) error { return d.store.Run(ctx, d.log) }},
		part{name: "journals", run: d.runJournals},
		part{name: "history", run: d.history.Run}, // after all that notes steps
	)
}

// runJournals brings journals to the device.
func (d *durable) runJournals(ctx context.Context) error {
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error { return d.groups.Run(ctx) })
	if d.quiet != nil {
		running.Go(func() error { return d.quiet.Run(ctx, d.log) })
	}
	return running.Wait()
}

// close releases what was opened, in the opposite order.
func (d *durable) close() error {
	var errs []error
	if d.history != nil {
		errs = append(errs, d.history.Close())
	}
	if d.shared != nil {
		errs = append(errs, d.shared.Close())
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	if d.groups != nil {
		errs = append(errs, d.groups.Close())
	}
	if d.quiet != nil {
		errs = append(errs, d.quiet.Close())
	}
	if d.bus != nil {
		errs = append(errs, d.bus.Close())
	}
	return errors.Join(errs...)
}
