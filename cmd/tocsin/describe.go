package main

import (
	"context"

	"github.com/tocsin-security/tocsin/pipeline"
)

// describe adds to alerts that people are to be told of what their routes and texts say of them: where, then
// whose, because an owner may be found by the country; then what was deployed and what scanners found.
func (d *durable) describe(ctx context.Context, alerts []pipeline.Alert) {
	owners := d.owners.Load()
	for i := range alerts {
		d.places.Locate(&alerts[i])
		owners.Apply(&alerts[i])
		d.deployments.Annotate(&alerts[i])
	}
	d.findings.Annotate(ctx, alerts)
}
