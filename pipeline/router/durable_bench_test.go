package router_test

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/bus"
	"github.com/tocsin-security/tocsin/pipeline/router"
	"github.com/tocsin-security/tocsin/stages/route"
)

// BenchmarkDurableAlerts brings batches of 256 alerts through the whole durable half, with a file store,
// to a notifier that counts them. An op is a batch; alerts/s counts those delivered.
func BenchmarkDurableAlerts(b *testing.B) {
	for name, cfg := range map[string]route.Config{
		"one group, gathered 100ms": {GroupWait: duration(100 * time.Millisecond), GroupInterval: duration(100 * time.Millisecond)},
		"a group per host, at once": {GroupBy: []string{"batch"}, GroupWait: duration(0)},
	} {
		for kind, distinct := range map[string]bool{"all distinct": true, "nine of ten repeats": false} {
			b.Run(name+"/"+kind, func(b *testing.B) { benchmarkAlerts(b, cfg, distinct) })
		}
	}
}

func benchmarkAlerts(b *testing.B, cfg route.Config, distinct bool) {
	var told atomic.Uint64
	count := func(_ context.Context, n pipeline.Notification) error {
		for i := range n.Alerts {
			told.Add(n.Alerts[i].Count)
		}
		return nil
	}
	d := start(b, options{
		dir: b.TempDir(), route: cfg, quiet: time.Hour,
		deliver: map[string]deliverFunc{"counter": count},
	})
	b.ReportAllocs()
	sent := uint64(0)
	for b.Loop() {
		b.StopTimer()
		batch := alertsOf(router.MaxBatch)
		for i := range batch {
			if !distinct && i%10 != 0 {
				batch[i].Fingerprint = batch[i-i%10].Fingerprint
			}
			batch[i].Labels["batch"] = strconv.FormatUint(sent, 10)
		}
		b.StartTimer()
		if err := d.PublishAlerts(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		sent += uint64(len(batch))
	}
	b.StartTimer()
	for told.Load() < sent {
		if b.Elapsed() > time.Minute {
			b.Fatalf("%d of %d alerts told", told.Load(), sent)
		}
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "alerts/s")
}

// BenchmarkDurableIngest is the intake alone: alerts made durable, in batches of 100. Nothing handles
// them meanwhile. An op is a batch.
func BenchmarkDurableIngest(b *testing.B) {
	ctx := b.Context()
	bs, err := bus.Open(ctx, bus.Config{Dir: b.TempDir(), MaxBytes: 64 << 30}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer bs.Close()
	r, err := router.New(router.Config{}, bs, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	batch := alertsOf(100)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		batch[0].ID = strconv.Itoa(n) // the same ids would be the same batch, stored once
		if err := r.PublishAlerts(ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "alerts/s")
}

// BenchmarkDurableLatency is the way of a single alert that does not wait for a group, from Batcher to
// notifier.
func BenchmarkDurableLatency(b *testing.B) {
	arrived := make(chan time.Time, 1)
	d := start(b, options{
		dir: b.TempDir(), quiet: time.Hour,
		route: route.Config{GroupBy: []string{route.AllLabels}, GroupWait: duration(0)},
		deliver: map[string]deliverFunc{"clock": func(context.Context, pipeline.Notification) error {
			arrived <- time.Now()
			return nil
		}},
	})
	b.ReportAllocs()
	var took []time.Duration
	for b.Loop() {
		a := alertsOf(1)
		begin := time.Now()
		if err := d.PublishAlerts(b.Context(), a); err != nil {
			b.Fatal(err)
		}
		took = append(took, (<-arrived).Sub(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
