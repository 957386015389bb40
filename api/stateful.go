package api

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/pipeline"
)

// postedAlert is an alert as Alertmanager's API and its webhook have it.
type postedAlert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
}

// statefulAlert makes ours of one that was posted at now. Its identity is all of its labels; those with an empty
// value are none. One without an end fires for resolveTimeout from now on.
func statefulAlert(p postedAlert, now time.Time, resolveTimeout time.Duration) (pipeline.Alert, error) {
	labels := maps.Clone(p.Labels)
	maps.DeleteFunc(labels, func(_, value string) bool { return value == "" })
	if err := checkLabels(labels); err != nil {
		return pipeline.Alert{}, err
	}
	state := &pipeline.Stateful{StartsAt: p.StartsAt, EndsAt: p.EndsAt, UpdatedAt: now, GeneratorURL: p.GeneratorURL}
	if state.StartsAt.IsZero() {
		state.StartsAt = now
		if !p.EndsAt.IsZero() {
			state.StartsAt = p.EndsAt
		}
	}
	if state.EndsAt.IsZero() {
		state.EndsAt, state.Timeout = now.Add(resolveTimeout), true
	}
	if state.EndsAt.Before(state.StartsAt) {
		return pipeline.Alert{}, errors.New("endsAt is before startsAt")
	}
	state.StartsAt, state.EndsAt = storable(state.StartsAt), storable(state.EndsAt)
	id, err := uuid.NewV7()
	if err != nil {
		return pipeline.Alert{}, fmt.Errorf("make an alert id: %w", err)
	}
	return pipeline.Alert{
		ID: id.String(), Time: state.StartsAt, Rule: labels["alertname"], Priority: severityOf(labels),
		Source: orElse(labels["source"], "alertmanager"), Hostname: orElse(labels["hostname"], labels["instance"]),
		Output: outputOf(p.Annotations), Tags: []string{},
		Labels: labels, Annotations: maps.Clone(p.Annotations), Fingerprint: pipeline.FingerprintOf(labels),
		Stateful: state,
	}, nil
}

// Times that stores hold, as nanoseconds from 1970 on.
var (
	earliest = time.Unix(0, 0).UTC()
	latest   = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

// storable is t, or the nearest time that stores hold: what fires for ever, or since ever, is taken all the same.
func storable(t time.Time) time.Time {
	switch {
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t
}

func checkLabels(labels map[string]string) error {
	if len(labels) == 0 {
		return errors.New("there are no labels: they are what an alert is known by")
	}
	for name, value := range labels {
		if name == "" || !utf8.ValidString(name) {
			return fmt.Errorf("%q is no name of a label", name)
		}
		if !utf8.ValidString(value) {
			return fmt.Errorf("label %q: the value is not UTF-8", name)
		}
	}
	return nil
}

// severities are what people write into the labels severity and priority, beside our own names of priorities.
var severities = map[string]pipeline.Priority{
	"page": pipeline.Critical, "fatal": pipeline.Critical, "crit": pipeline.Critical, "high": pipeline.Critical, "p0": pipeline.Critical,
	"major": pipeline.Error, "err": pipeline.Error, "p1": pipeline.Error,
	"warn": pipeline.Warning, "minor": pipeline.Warning, "medium": pipeline.Warning, "p2": pipeline.Warning,
	"low": pipeline.Notice, "information": pipeline.Informational, "none": pipeline.Informational,
}

// severityOf reads the alert's priority off its labels; Warning where they do not say.
func severityOf(labels map[string]string) pipeline.Priority {
	for _, name := range []string{"priority", "severity"} {
		word := strings.ToLower(labels[name])
		if p, err := pipeline.ParsePriority(word); err == nil {
			return p
		}
		if p, known := severities[word]; known {
			return p
		}
	}
	return pipeline.Warning
}

// outputOf is what the alert says in a sentence.
func outputOf(annotations map[string]string) string {
	for _, name := range []string{"description", "message", "summary"} {
		if text := annotations[name]; text != "" {
			return text
		}
	}
	return ""
}
