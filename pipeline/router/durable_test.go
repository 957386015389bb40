package router_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/bus"
	"github.com/tocsin-security/tocsin/pipeline/router"
	"github.com/tocsin-security/tocsin/stages/dedupe"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats"
	"github.com/tocsin-security/tocsin/stages/route"
	"github.com/tocsin-security/tocsin/store/groups"
	"github.com/tocsin-security/tocsin/store/journal"
)

// durable is the whole durable half in one process, wired as the command wires it.
type durable struct {
	*router.Router
	bus     *bus.Bus
	groups  *groups.Memory
	grouper *route.Grouper
	repeats *repeats.Memory
	reg     *prometheus.Registry
	stop    func() error // waits until all is stopped and closed
}

type options struct {
	dir      string
	route    route.Config
	deliver  map[string]deliverFunc // by integration
	receiver []route.Receiver       // default: one, "ops", of all of deliver
	retry    router.RetryConfig
	quiet    time.Duration
	maxBytes int64 // of a topic
	wrap     func(router.AlertsFunc) router.AlertsFunc
}

func duration(d time.Duration) *pipeline.Duration { p := pipeline.Duration(d); return &p }

// start runs the durable half until the returned value's stop.
func start(tb testing.TB, o options) *durable {
	tb.Helper()
	d, err := open(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.stop(); err != nil {
			tb.Errorf("stopping: %v", err)
		}
	})
	return d
}

func open(o options) (*durable, error) {
	ctx := context.Background()
	log := slog.New(slog.DiscardHandler)
	b, err := bus.Open(ctx, bus.Config{Dir: filepath.Join(o.dir, "bus"), AckWait: time.Second, MaxBytes: o.maxBytes}, log)
	if err != nil {
		return nil, err
	}
	kept, err := groups.OpenMemory(filepath.Join(o.dir, "groups"), log)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	quiet, err := journal.Open(journal.Config{Dir: filepath.Join(o.dir, "repeats")})
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	reg := prometheus.NewRegistry()
	r, err := router.New(router.Config{Retry: o.retry, Dir: o.dir}, b, reg, log)
	if err != nil {
		return nil, err
	}
	if o.receiver == nil {
		o.receiver = []route.Receiver{{Name: "ops"}}
		for integration := range o.deliver {
			o.receiver[0].Integrations = append(o.receiver[0].Integrations, route.Integration{Topic: integration, SendResolved: true})
		}
	}
	if o.route.Receiver == "" {
		o.route.Receiver = o.receiver[0].Name
	}
	tree, err := route.NewTree(&o.route, o.receiver)
	if err != nil {
		return nil, err
	}
	w := repeats.OpenMemory(ctx, 0, journal.Rows{Journal: quiet}, log)
	dd := dedupe.New(dedupe.Config{For: duration(o.quiet)}, w)
	g := route.NewGrouper(route.Setup{Tree: tree, Summaries: route.DefaultSummaries()}, route.Deps{
		Groups: kept, Repeats: w, Publish: r.PublishNotifications, Log: log,
	})
	handle := router.AlertsFunc(func(ctx context.Context, alerts []pipeline.Alert) error {
		pass, _, err := dd.Process(ctx, alerts)
		if err != nil {
			return err
		}
		return g.Add(ctx, pass)
	})
	if o.wrap != nil {
		handle = o.wrap(handle)
	}
	r.HandleAlerts(handle)
	for integration, deliver := range o.deliver {
		if err := r.HandleNotifications(integration, deliver.handler()); err != nil {
			return nil, err
		}
	}
	run, cancel := context.WithCancel(ctx)
	var group errgroup.Group
	group.Go(func() error { return r.Run(run) })
	group.Go(func() error { return g.Run(run) })
	group.Go(func() error { return dedupe.NewCloser(w, g.Add, log).Run(run) })
	<-r.Running()
	return &durable{Router: r, bus: b, groups: kept, grouper: g, repeats: w, reg: reg, stop: func() error {
		cancel()
		return errors.Join(group.Wait(), b.Close(), kept.Close(), quiet.Close())
	}}, nil
}

var alertNumber atomic.Int64

// newAlert is an alert about thing.
func newAlert(thing string) pipeline.Alert {
	n := alertNumber.Add(1)
	a := pipeline.Alert{
		ID: fmt.Sprintf("00000000-0000-7000-8000-%012d", n), Time: time.Now().UTC(),
		Rule: "Read sensitive file untrusted", Priority: pipeline.Warning, Source: "syscall", Hostname: "node-1",
		Output: "Sensitive file opened for reading by non-trusted program (file=" + thing + " process=cat user=root)",
		Tags:   []string{"container", "filesystem", "T1555"},
		OutputFields: map[string]any{
			"fd.name": thing, "proc.name": "cat", "proc.cmdline": "cat " + thing, "user.name": "root",
			"container.id": "0123456789ab",
		},
	}
	a.SetIdentity(map[string]string{"container_id": "0123456789ab", "fd_name": thing})
	return a
}

// alertsOf are n alerts about different things.
func alertsOf(n int) []pipeline.Alert {
	alerts := make([]pipeline.Alert, n)
	for i := range alerts {
		alerts[i] = newAlert(fmt.Sprintf("/etc/shadow-%d", alertNumber.Load()))
	}
	return alerts
}

// sink takes notifications and hands them to the test.
type sink chan pipeline.Notification

func (s sink) deliver(_ context.Context, n pipeline.Notification) error {
	s <- n
	return nil
}

// next waits for a notification.
func (s sink) next(t *testing.T) pipeline.Notification {
	t.Helper()
	select {
	case n := <-s:
		return n
	case <-time.After(20 * time.Second):
		t.Fatal("no notification came within 20 s")
		panic("unreachable")
	}
}

// metric is the sum of a counter or gauge over the label values given as name=value.
func (d *durable) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := d.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	series:
		for _, m := range f.GetMetric() {
			var has []string
			for _, l := range m.GetLabel() {
				has = append(has, l.GetName()+"="+l.GetValue())
			}
			for _, want := range labels {
				if !strings.Contains(strings.Join(has, ","), want) {
					continue series
				}
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}
