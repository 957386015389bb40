package main

import "github.com/tocsin-security/tocsin/pipeline"

// describe adds to alerts that people are to be told of what their routes and texts say of them: where, then
// whose, because an owner may be found by the country.
func (d *durable) describe(alerts []pipeline.Alert) {
	owners := d.owners.Load()
	for i := range alerts {
		a := &alerts[i]
		if c := a.Completes; c != nil { // it goes where the alert went that it completes: by what was added to that
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
