package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/api"
	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/router"
	"github.com/tocsin-security/tocsin/sensor"
	"github.com/tocsin-security/tocsin/stages/enrich"
)

// role says which halves a process runs.
type role struct {
	name    string
	hot     bool
	durable bool
}

var (
	roleRun    = role{"run", true, true}
	roleSensor = role{"sensor", true, false}
	roleRouter = role{"router", false, true}
)

// routerGrace is how long messages under way may take to finish: an attempt's own timeout and a little.
const routerGrace = 35 * time.Second

// batcherGrace is how long alerts that the hot half has found may take to become durable.
const batcherGrace = 10 * time.Second

// app is a running tocsin.
type app struct {
	role role
	opts options
	out  io.Writer
	log  *slog.Logger
	reg  *prometheus.Registry

	hot      *hot     // nil in the router role
	durable  *durable // nil in the sensor role
	sender   *sender  // nil in roles with a durable half
	tape     *tape    // nil: nothing is recorded
	enricher *enrich.Enricher
	resolver *enrich.Resolver // of the names of hosts in rules; nil in the router role
	batcher  *router.Batcher
	server   *api.Server

	reloading sync.Mutex           // one reload at a time
	active    atomic.Pointer[plan] // exchanged by a reload
}

// newApp opens everything the role needs. What it opened is closed again when something fails.
func newApp(ctx context.Context, r role, opts options, out io.Writer, log *slog.Logger) (*app, error) {
	p, err := newPlan(opts, nil, out, log)
	if err != nil {
		return nil, err
	}
	if r.hot && p.cfg.Sensor.Enabled {
		if err := sensor.Check(); err != nil {
			return nil, err
		}
	}
	a := &app{role: r, opts: opts, out: out, log: log, reg: prometheus.NewRegistry()}
	a.active.Store(p)
	if err := a.open(ctx, p); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// open opens what the role needs, consumers first.
func (a *app) open(ctx context.Context, p *plan) error {
	if err := prepareDataDir(p.cfg.DataDir); err != nil {
		return err
	}
	p.useFiles()
	publish, err := a.openDownstream(ctx, p)
	if err != nil {
		return err
	}
	if a.batcher, err = router.NewBatcher(router.BatcherConfig{}, publish, a.log); err != nil {
		return err
	}
	if a.role.hot && p.cfg.Sensor.Enabled {
		a.enricher = enrich.New(p.cfg.Enrich.Config, p.host, a.log)
		a.resolver = enrich.NewResolver(a.log)
		a.resolver.Watch(p.rules.Program.HostNames(), p.rules.Program.Names())
		if a.hot, err = openHot(p.cfg.Sensor, wanted(p.matcher), p.host, a.enricher, a.log); err != nil {
			return err
		}
		a.hot.places = p.places
		if err := a.hot.replace(p.matcher, p.after); err != nil {
			return err
		}
		if a.opts.record != "" {
			if a.tape, err = newTape(a.opts.record, a.hot, p.host); err != nil {
				return err
			}
			a.hot.tape = a.tape
		}
	}
	if err := a.reg.Register(newCollector(a)); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	a.server, err = a.openServer(p)
	return err
}

// openDownstream opens what takes the hot half's alerts: the durable half, or a sender to one.
func (a *app) openDownstream(ctx context.Context, p *plan) (publish func(context.Context, []pipeline.Alert) error, err error) {
	if a.role.durable {
		if forwards(p.cfg) {
			return nil, fmt.Errorf("bus: %s takes alerts itself: a router's address is for `tocsin sensor`", a.role.name)
		}
		if a.durable, err = openDurable(ctx, a.role, p, a.reg, a.log); err != nil {
			return nil, err
		}
		return a.durable.router.PublishAlerts, nil
	}
	if a.sender, err = openSender(ctx, p.cfg, a.reg, a.log); err != nil {
		return nil, err
	}
	return a.sender.router.PublishAlerts, nil
}

func (a *app) openServer(p *plan) (*api.Server, error) {
	deps := api.Deps{
		Reload: a.reload, Ready: a.ready, Gatherer: a.reg, Metrics: a.reg, Hostname: p.host, Log: a.log,
	}
	deps.Whitelist = a.whitelistUsage
	deps.OnCall = func(at time.Time) []api.OnCall {
		roster := a.active.Load().onCall
		return onCallNow(roster, roster.Rotations(), at)
	}
	if a.durable != nil {
		deps.Intake = intake{a.durable.router}
		deps.Sources = func() []string { return a.active.Load().cfg.SourceNames() }
		deps.V2 = a.alertmanager(p.host)
		deps.History = a.durable.history
		deps.Dead = deadLetters{a.durable.router, a.active.Load}
		deps.Try = func(ctx context.Context, receiver, kind string) ([]api.Tried, error) {
			return a.active.Load().tryReceiver(ctx, receiver, kind)
		}
		deps.Deployments, deps.Reports = a.durable.deployments, a.durable.findings
		deps.People, deps.Links = a.durable.silences, a.linkPage()
	}
	return api.New(p.cfg.HTTP, deps)
}

// intake gives the router what was posted for good.
type intake struct{ *router.Router }

func (i intake) PublishAlerts(ctx context.Context, alerts []pipeline.Alert) error {
	return i.HandAlerts(ctx, alerts)
}

// run works until ctx ends. The parts stop in the order in which events flow.
func (a *app) run(ctx context.Context) error {
	p := a.active.Load()
	var parts []part
	emit := func(ctx context.Context) func(pipeline.Alert) error {
		return func(alert pipeline.Alert) error { return a.batcher.Add(context.WithoutCancel(ctx), alert) }
	}
	if a.hot != nil {
		parts = append(parts,
			part{name: "sensor", run: func(ctx context.Context) error { return a.hot.run(ctx, emit(ctx)) }},
			part{name: "late", run: func(ctx context.Context) error { return a.hot.runLate(ctx, emit(ctx)) }},
			part{name: "losses", run: func(ctx context.Context) error {
				return lossWatch{p.cfg.Sensor.LossAlert, p.host, a.hot.losses, emit(ctx), a.log}.run(ctx)
			}},
			part{name: "enrich", run: a.enricher.Run},
			part{name: "resolve", run: a.resolver.Run},
			part{name: "connects", run: a.hot.followConnects})
	}
	if a.durable != nil {
		a.durable.emit = emit(ctx)
	}
	if a.durable != nil && a.durable.shared != nil {
		parts = append(parts, part{name: "store", run: func(ctx context.Context) error {
			return storeWatch{p.host, a.durable.shared.LastOutage, emit(ctx)}.run(ctx)
		}})
	}
	if a.durable == nil {
		parts = append(parts, a.watchCovered(p.host)) // before the batcher, which takes its last report
	}
	parts = append(parts,
		part{name: "http", run: a.server.Run},
		part{name: "places", run: p.places.Run},
		part{name: "windows", run: (&windowWatch{host: p.host, evicted: a.evictedKeys, emit: emit(ctx)}).run},
		part{name: "batcher", run: a.batcher.Run, grace: batcherGrace},
		part{name: "reload", run: a.reloadOnSignal},
		part{name: "trim", run: a.trim},
	)
	if a.durable != nil {
		parts = append(parts, a.durable.parts()...)
		parts = append(parts, a.watchCovered(p.host)) // after the router, which asks rules to its end
	} else if a.sender.forward {
		parts = append(parts, part{name: "forward", run: a.sender.router.Run, grace: routerGrace})
	}
	a.log.Info("tocsin is up", "role", a.role.name, "config", p.cfg.Name, "http", a.server.Addr(),
		"rules", p.rulesRunning(), "receivers", len(p.cfg.Receivers))
	return errors.Join(runParts(ctx, a.log, parts), a.close())
}

// ready says whether alerts can be taken and handled.
func (a *app) ready() error {
	r := a.router()
	if a.durable == nil && !a.sender.forward {
		return nil
	}
	select {
	case <-r.Running():
		return nil
	default:
		return errors.New("the bus is not being read yet")
	}
}

func (a *app) router() *router.Router {
	if a.durable != nil {
		return a.durable.router
	}
	return a.sender.router
}

// reloadOnSignal reloads on each SIGHUP.
func (a *app) reloadOnSignal(ctx context.Context) error {
	hups := make(chan os.Signal, 1)
	signal.Notify(hups, syscall.SIGHUP)
	defer signal.Stop(hups)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hups:
			if err := a.reload(ctx); err != nil {
				a.log.Error("reload refused, the old configuration stays active", "err", err)
			}
		}
	}
}

// close releases what open opened, producers first. Closing twice is harmless.
func (a *app) close() error {
	var errs []error
	if a.hot != nil {
		errs = append(errs, a.hot.sensor.Close())
	}
	if a.tape != nil {
		errs = append(errs, a.tape.close())
	}
	if a.durable != nil {
		errs = append(errs, a.durable.close())
	}
	if a.sender != nil {
		errs = append(errs, a.sender.bus.Close())
	}
	return errors.Join(errs...)
}

// forwards reports whether the bus is a router's address.
func forwards(cfg *configs.Loaded) bool {
	return strings.HasPrefix(string(cfg.Bus), "http://") || strings.HasPrefix(string(cfg.Bus), "https://")
}

func prepareDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data_dir: %w (choose another with data_dir or --data-dir)", err)
	}
	return nil
}
