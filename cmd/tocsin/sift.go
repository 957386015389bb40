package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/tocsin-security/tocsin/pipeline"
)

// sift passes on the events that people are to hear of: whose windows fire, and which are no repeats. Those that
// are it returns as well.
func (d *durable) sift(ctx context.Context, events []pipeline.Alert) (pass, repeats []pipeline.Alert, err error) {
	if len(events) == 0 {
		return nil, nil, nil
	}
	fired, err := d.windows.Process(ctx, events)
	if err != nil {
		return nil, nil, fmt.Errorf("ask windows: %w", err)
	}
	pass, quiet, err := d.dedupe.Load().Process(ctx, fired)
	if err != nil {
		return nil, nil, fmt.Errorf("look for repeats: %w", err)
	}
	d.log.Debug("alerts handled", "passed", len(pass), "repeats", quiet, "unfired", len(events)-len(fired))
	repeats = repeatsOf(fired, pass)
	d.still(ctx, repeats)
	return pass, repeats, nil
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
