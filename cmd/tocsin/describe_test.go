package main

import (
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/geoip"
	"github.com/tocsin-security/tocsin/stages/owner"
)

// A completion is found by the labels of the alert that it completes, those included that its owner added here.
func TestACompletionIsAssignedAsTheFirst(t *testing.T) {
	owners, err := owner.New(owner.First, []owner.Config{
		{Matchers: []string{`container_name = "web"`}, Team: "shop"},
		{Matchers: []string{`hostname = "h"`}, Team: "platform"},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := &durable{places: geoip.New(slog.New(slog.DiscardHandler))}
	d.owners.Store(owners)
	partial := pipeline.Alert{ID: "1", Labels: map[string]string{"hostname": "h"}}
	asked := &pipeline.Completes{Labels: partial.Labels}
	whole := pipeline.Alert{ID: "1", Labels: map[string]string{"hostname": "h", "container_name": "web"}, Completes: asked}
	alerts := []pipeline.Alert{partial, whole}
	d.assign(alerts)
	if diff := cmp.Diff(alerts[0].Labels, alerts[1].Completes.Labels); diff != "" || alerts[0].Labels["team"] != "platform" {
		t.Errorf("the first has %v; the completion is routed by others (-first +it):\n%s", alerts[0].Labels, diff)
	}
	if alerts[1].Labels["team"] != "shop" {
		t.Errorf("the whole alert's labels are %v, want the team shop", alerts[1].Labels)
	}
	if owned, unowned := owners.Stats(); owned != 1 || unowned != 0 {
		t.Errorf("%d alerts counted as owned, %d as unowned, want one: a completion is no alert of its own", owned, unowned)
	}
	if len(asked.Labels) != 1 {
		t.Errorf("the alert that the bus may hand out again was changed: %v", asked.Labels)
	}
}
