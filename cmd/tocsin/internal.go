package main

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/pipeline"
)

// sourceInternal is the source of alerts about tocsin itself.
const sourceInternal = "internal"

// internalRule is what makes alerts about tocsin itself, in place of a rule.
type internalRule struct {
	name     string
	desc     string
	descZH   string
	priority pipeline.Priority
	// every is the least time between two of its alerts, each of which says what happened since the one
	// before: so none of them is a repeat of another, whatever dedupe's own quiet time.
	every time.Duration
}

// alert is an alert about tocsin itself, which goes the way of all others. Its identity is its rule and the
// host.
func (r internalRule) alert(host, output string, fields pipeline.Fields) pipeline.Alert {
	a := pipeline.Alert{
		ID: uuid.Must(uuid.NewV7()).String(), Time: time.Now().UTC(), Rule: r.name, Priority: r.priority, Source: sourceInternal,
		Hostname: host, Output: output, Tags: []string{}, OutputFields: fields,
		Annotations: map[string]string{"summary": r.name, "description": r.desc, "description_zh": r.descZH, "output": output},
		QuietFor:    r.every / 2, // over when the next one comes, by any clock
	}
	for name, value := range fields {
		a.Annotations[pipeline.LabelName(name)] = fmt.Sprint(value)
	}
	a.SetIdentity(nil)
	return a
}
