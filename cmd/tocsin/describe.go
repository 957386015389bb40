package main

import "github.com/tocsin-security/tocsin/pipeline"

// describe adds to alerts that people are to be told of what their routes and texts say of them: where, then
// whose, because an owner may be found by the country.
func (d *durable) describe(alerts []pipeline.Alert) {
	owners := d.owners.Load()
	for i := range alerts {
		d.places.Locate(&alerts[i])
		owners.Apply(&alerts[i])
	}
}
