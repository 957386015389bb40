package main

import (
	"context"

	"github.com/tocsin-security/tocsin/pipeline"
)

// describe adds to alerts that people are to be told of what their routes and texts say of them: where and
// whose, then what was deployed and what scanners found.
func (d *durable) describe(ctx context.Context, alerts []pipeline.Alert) {
	d.assign(alerts)
	for i := range alerts {
		d.deployments.Annotate(&alerts[i])
	}
	d.findings.Annotate(ctx, alerts)
}

// assign says where alerts come from, then whose they are, because an owner may be found by the country. A
// completion goes where the alert went that it completes: by the labels that were added to that.
func (d *durable) assign(alerts []pipeline.Alert) {
	owners := d.owners.Load()
	for i := range alerts {
		a := &alerts[i]
		if c := a.Completes; c != nil {
			first := *a
			first.Labels = c.Labels
			d.places.Locate(&first)
			owners.Apply(&first)
			a.Completes = &pipeline.Completes{Labels: first.Labels}
		}
		d.places.Locate(a)
		owners.Apply(a)
	}
}
