package api

import (
	"slices"

	"github.com/tocsin-security/tocsin/pipeline"
)

// States of an alert in Alertmanager's API.
const (
	stateUnprocessed = "unprocessed" // no route has been found for it yet
	stateActive      = "active"
	stateSuppressed  = "suppressed" // by silences, other alerts, time intervals or somebody who takes care of it
)

// gettableAlert is an alert in Alertmanager's API.
type gettableAlert struct {
	Annotations  map[string]string    `json:"annotations"`
	EndsAt       apiTime              `json:"endsAt"`
	Fingerprint  pipeline.Fingerprint `json:"fingerprint"`
	Receivers    []receiverName       `json:"receivers"`
	StartsAt     apiTime              `json:"startsAt"`
	Status       alertState           `json:"status"`
	UpdatedAt    apiTime              `json:"updatedAt"`
	GeneratorURL string               `json:"generatorURL,omitempty"`
	Labels       map[string]string    `json:"labels"`
}

type receiverName struct {
	Name string `json:"name"`
}

// alertState is what keeps an alert back.
type alertState struct {
	InhibitedBy []string `json:"inhibitedBy"` // fingerprints
	MutedBy     []string `json:"mutedBy"`     // names of time intervals
	SilencedBy  []string `json:"silencedBy"`  // ids
	State       string   `json:"state"`
}

// suppression is an alert's state without time intervals, which belong to routes.
func suppression(to *pipeline.Routed) alertState {
	s := alertState{InhibitedBy: []string{}, MutedBy: []string{}, SilencedBy: []string{}, State: stateActive}
	for _, by := range to.Suppressed {
		s.State = stateSuppressed
		switch by.Why {
		case pipeline.BySilence:
			s.SilencedBy = append(s.SilencedBy, by.By)
		case pipeline.ByInhibition:
			s.InhibitedBy = append(s.InhibitedBy, by.By)
		}
	}
	if len(to.Groups) == 0 {
		s.State = stateUnprocessed
	}
	return s
}

// stateOf is an alert's state whatever the route. Time intervals count when they mute every route that takes it:
// as long as one is open, somebody is told.
func stateOf(to *pipeline.Routed) alertState {
	s := suppression(to)
	open := func(in pipeline.InGroup) bool { return len(in.Muted) == 0 }
	if !slices.ContainsFunc(to.Groups, open) {
		for i := range to.Groups {
			s.mute(&to.Groups[i])
		}
	}
	return s
}

// mute adds the time intervals that mute a route.
func (s *alertState) mute(in *pipeline.InGroup) {
	for _, by := range in.Muted {
		s.State = stateSuppressed
		if !slices.Contains(s.MutedBy, by.By) {
			s.MutedBy = append(s.MutedBy, by.By)
		}
	}
}

// receiversOf lists who gets an alert, each once, in the order of the routes.
func receiversOf(to *pipeline.Routed) []receiverName {
	all := make([]receiverName, 0, len(to.Groups))
	for i := range to.Groups {
		if name := (receiverName{to.Groups[i].Receiver}); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

func newGettableAlert(a *pipeline.Live, state alertState, receivers []receiverName) *gettableAlert {
	g := &gettableAlert{
		Annotations: orEmpty(a.Annotations), Labels: orEmpty(a.Labels), Fingerprint: a.Fingerprint,
		StartsAt: apiTime(a.StartsAt), EndsAt: apiTime(a.EndsAt), UpdatedAt: apiTime(a.UpdatedAt),
		Receivers: receivers, Status: state,
	}
	if a.Stateful != nil {
		g.GeneratorURL = a.Stateful.GeneratorURL
	}
	return g
}
