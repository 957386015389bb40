package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats"
	"github.com/tocsin-security/tocsin/store/journal"
)

// openRepeats opens what counts repeats in this process alone, and its journal.
func (d *durable) openRepeats(ctx context.Context, p *plan, reg prometheus.Registerer) (err error) {
	if d.quiet, err = journal.Open(journal.Config{Dir: filepath.Join(p.cfg.DataDir, "repeats")}); err != nil {
		return err
	}
	m := repeats.OpenMemory(ctx, 0, journal.Rows{Journal: d.quiet}, d.log)
	d.repeats = m
	err = reg.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "tocsin_dedupe_journal_errors_total",
		Help: "Times the journal of repeats could not be written or read: after a kill, what is quiet may be told again.",
	}, func() float64 { return float64(m.JournalErrors()) }))
	if err != nil {
		return fmt.Errorf("register the metrics of repeats: %w", err)
	}
	return nil
}

// pass brings what people are to be told of to its groups. History keeps it meanwhile, and the repeats that were not
// let through.
func (d *durable) pass(ctx context.Context, alerts, repeats []pipeline.Alert) error {
	d.describe(ctx, alerts)
	now := time.Now()              // before what becomes of them
	var remembering sync.WaitGroup // each of the two waits for a file of its own
	remembering.Go(func() { d.remember(ctx, now, alerts, repeats) })
	err := d.group(ctx, alerts)
	remembering.Wait()
	if err != nil {
		return fmt.Errorf("route: %w", err)
	}
	if d.show == nil {
		return nil
	}
	alerts = slices.DeleteFunc(slices.Clone(alerts), func(a pipeline.Alert) bool { return a.Completes != nil }) // shown already
	if len(alerts) > 0 {
		d.show(ctx, alerts)
	}
	return nil
}
