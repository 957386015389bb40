package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/tocsin-security/tocsin/pipeline"
)

// sift passes on the events that people are to hear of: whose windows fire, and which are no repeats.
func (d *durable) sift(ctx context.Context, events []pipeline.Alert) ([]pipeline.Alert, error) {
	if len(events) == 0 {
		return nil, nil
	}
	fired, err := d.windows.Process(ctx, events)
	if err != nil {
		return nil, fmt.Errorf("ask windows: %w", err)
	}
	pass, repeats, err := d.dedupe.Load().Process(ctx, fired)
	if err != nil {
		return nil, fmt.Errorf("look for repeats: %w", err)
	}
	d.log.Debug("alerts handled", "passed", len(pass), "repeats", repeats, "unfired", len(events)-len(fired))
	d.still(ctx, fired, pass)
	return pass, nil
}

// split tells stateful alerts from events. A stateful alert that comes again says that it still fires, which
// groups have to know: it is never a repeat.
func split(alerts []pipeline.Alert) (stateful, events []pipeline.Alert) {
	if !slices.ContainsFunc(alerts, isStateful) {
		return nil, alerts
	}
	for _, a := range alerts {
		if isStateful(a) {
			stateful = append(stateful, a)
		} else {
			events = append(events, a)
		}
	}
	return stateful, events
}

func isStateful(a pipeline.Alert) bool { return a.Stateful != nil }
