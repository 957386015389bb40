package main

import (
	"time"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/pipeline"
)

// sourceInternal is the source of alerts about tocsin itself.
const sourceInternal = "internal"

// newInternalAlert is an alert about tocsin itself, which goes the way of all others. Its identity is its
// rule and the host.
func newInternalAlert(host, rule string, priority pipeline.Priority, output string, fields pipeline.Fields) pipeline.Alert {
	a := pipeline.Alert{
		ID: uuid.Must(uuid.NewV7()).String(), Time: time.Now().UTC(), Rule: rule, Priority: priority, Source: sourceInternal,
		Hostname: host, Output: output, Tags: []string{}, OutputFields: fields,
		Annotations: map[string]string{"summary": rule, "output": output},
	}
	a.SetIdentity(nil)
	return a
}
