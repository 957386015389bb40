package router_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/bus"
	"github.com/tocsin-security/tocsin/pipeline/router"
)

// openRouter opens a router on a bus of its own.
func openRouter(t *testing.T, cfg router.Config) (*bus.Bus, *router.Router, *prometheus.Registry) {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{URL: bus.Embedded, Dir: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	reg := prometheus.NewRegistry()
	r, err := router.New(cfg, b, reg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b, r, reg
}

// Alerts that are handed over reach their handler once each, as they were: those that are in memory still, those that
// are not, and those that would not be read as they are, which come as they are read.
func TestHandedAlerts(t *testing.T) {
	b, r, _ := openRouter(t, router.Config{})
	const posts, each = 50, 100
	want, kept := map[string]pipeline.Alert{}, map[string]pipeline.Alert{}
	var group sync.WaitGroup
	for i := range posts {
		some := make([]pipeline.Alert, each)
		if i%2 == 0 {
			some = some[:1+i/10] // joined with others
		}
		for j := range some {
			some[j] = newAlert(fmt.Sprint(i, "-", j))
			some[j].OutputFields = pipeline.Fields{"thing": "x", "long": strings.Repeat("x", 2000)}
			kept[some[j].ID] = some[j]
			copied := some[j]
			copied.OutputFields = maps.Clone(copied.OutputFields)
			want[copied.ID] = copied
		}
		if i == 7 { // a sensor's
			some[3].OutputFields["number"] = int64(3)
			some[3].OutputFields["thing"] = nil
			delete(want, some[3].ID)
		}
		group.Go(func() {
			if err := r.HandAlerts(t.Context(), some); err != nil {
				t.Errorf("HandAlerts: %v", err)
			}
		})
	}
	group.Wait()
	got := map[string]pipeline.Alert{}
	r.HandleAlerts(func(_ context.Context, alerts []pipeline.Alert) error {
		for _, a := range alerts {
			if _, twice := got[a.ID]; twice {
				t.Errorf("%s comes twice", a.ID)
			}
			got[a.ID] = a
		}
		return nil
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	backlog := func() int {
		n, err := b.Backlog(t.Context(), router.TopicAlerts)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for deadline := time.Now().Add(20 * time.Second); backlog() > 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if len(got) != len(kept) {
		t.Errorf("%d alerts came, want %d", len(got), len(kept))
	}
	inMemory := 0
	for id, a := range want {
		if !reflect.DeepEqual(got[id], a) {
			t.Fatalf("%+v came as %+v", a, got[id])
		}
		if reflect.ValueOf(got[id].OutputFields).Pointer() == reflect.ValueOf(kept[id].OutputFields).Pointer() {
			inMemory++
		}
	}
	if inMemory < 500 || inMemory > 1000 {
		t.Errorf("%d of %d alerts were in memory; want as many as may be", inMemory, len(want))
	}
}

// While notifications that have waited go out as fast as the machine can, whoever posts alerts waits a moment, and not
// after.
func TestPostsYield(t *testing.T) {
	_, r, reg := openRouter(t, router.Config{Busy: func() bool { return true }})
	const notifications = 3000
	var left atomic.Int64
	left.Store(notifications)
	err := r.HandleNotifications("hook", router.Handler{Deliver: func(_ context.Context, d *pipeline.Delivery) error {
		d.Begin()
		left.Add(-1)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	ns := make([]pipeline.Notification, notifications)
	for i := range ns {
		ns[i] = pipeline.Notification{ID: fmt.Sprint(i), Integration: "hook", CreatedAt: time.Now().UTC().Add(-time.Minute)}
	}
	if err := r.PublishNotifications(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	r.HandleAlerts(func(context.Context, []pipeline.Alert) error { return nil })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	post := func(id string) {
		t.Helper()
		if err := r.HandAlerts(t.Context(), []pipeline.Alert{newAlert(id)}); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; left.Load() > 0; i++ {
		post(fmt.Sprint("meanwhile", i))
	}
	yielded := func() float64 { return gathered(t, reg, "tocsin_intake_yielded_total") }
	if yielded() == 0 {
		t.Error("no post waited while notifications were late")
	}
	time.Sleep(100 * time.Millisecond) // what was late is over
	was := yielded()
	post("after")
	if n := yielded(); n != was {
		t.Error("a post waited though nothing was late")
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func gathered(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}
