package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// explanation says what happened to an alert, and why.
type explanation struct {
	Why        string          `json:"why"` // in a sentence
	Alert      knownView       `json:"alert"`
	Steps      []pipeline.Step `json:"steps"` // what happened, the earliest first
	Deliveries []delivery      `json:"deliveries"`
	Exceptions []exception     `json:"exceptions"` // of the whitelist, that keep alerts of this rule quiet
	At         time.Time       `json:"at"`
}

// delivery is a notification that tells of an alert, on its way to one integration.
type delivery struct {
	Notification string    `json:"notification"`
	Receiver     string    `json:"receiver"`
	Integration  string    `json:"integration"`
	State        string    `json:"state"` // sent, retrying, moved, dead
	Attempts     []attempt `json:"attempts"`
}

// attempt is one try to deliver.
type attempt struct {
	At      time.Time `json:"at"`
	Attempt int       `json:"attempt"` // of a process, from 1
	Verdict string    `json:"verdict"` // sent, retry, moved, dead
	Answer  string    `json:"answer,omitempty"`
}

// last is the latest attempt; a delivery has one.
func (d *delivery) last() attempt { return d.Attempts[len(d.Attempts)-1] }

// exception is an entry of the whitelist that has kept alerts of a rule quiet.
type exception struct {
	Entry string    `json:"entry"`
	Hits  uint64    `json:"hits"` // of this rule
	Last  time.Time `json:"last"`
}

// explainAlert answers the question why.
func (s *Server) explainAlert(w http.ResponseWriter, r *http.Request) {
	k, to, ok := s.known(w, r)
	if !ok {
		return
	}
	steps, err := s.deps.History.Steps(r.Context(), k.Fingerprint)
	if err != nil {
		s.noHistory(w, err)
		return
	}
	now := time.Now().UTC()
	e := explanation{
		Alert: newKnownView(k, to, now), Steps: withRepeats(k, steps), Deliveries: deliveriesOf(steps), At: now,
	}
	e.Why = why(k, s.named(to), e.Deliveries, now)
	e.Exceptions = s.exceptions(r.Context(), k.Rule)
	answer(w, http.StatusOK, e)
}

// named adds to the ids of silences, for people, whose they are and what for.
func (s *Server) named(to pipeline.Routed) pipeline.Routed {
	if s.deps.V2.Silences == nil {
		return to
	}
	to.Suppressed = slices.Clone(to.Suppressed)
	for i := range to.Suppressed {
		by := &to.Suppressed[i]
		if by.Why != pipeline.BySilence {
			continue
		}
		if silence, err := s.deps.V2.Silences.Get(by.By); err == nil { // else it is gone, and its id has to do
			by.By += " of " + silence.CreatedBy + " (" + silence.Comment + ")"
		}
	}
	return to
}

// withRepeats adds what is an account rather than steps: repeats that were kept quiet.
func withRepeats(k *pipeline.Known, steps []pipeline.Step) []pipeline.Step {
	all := slices.Clone(steps)
	if all == nil {
		all = []pipeline.Step{}
	}
	if k.Repeats > 0 {
		all = append(all, pipeline.Step{
			At: k.UpdatedAt, Fingerprint: k.Fingerprint, Stage: "dedupe", Verdict: "repeat",
			Detail: times(k.Repeats) + " since it was last let through; the next message tells",
		})
		slices.SortStableFunc(all, func(a, b pipeline.Step) int { return a.At.Compare(b.At) })
	}
	return all
}

// deliveriesOf gathers attempts by notification and integration, in the order of their first.
func deliveriesOf(steps []pipeline.Step) []delivery {
	all := []delivery{}
	places := map[string]int{}
	for _, s := range steps {
		if s.Stage != "deliver" {
			continue
		}
		key := s.Notification + "\n" + s.Integration
		i, there := places[key]
		if !there {
			i = len(all)
			places[key] = i
			all = append(all, delivery{Notification: s.Notification, Receiver: s.Receiver, Integration: s.Integration})
		}
		d := &all[i]
		d.Attempts = append(d.Attempts, attempt{s.At, s.Attempt, s.Verdict, s.Detail})
		if d.State = s.Verdict; d.State == "retry" {
			d.State = "retrying"
		}
	}
	return all
}

// exceptions looks for entries of the whitelist that keep a rule's alerts quiet: such an alert is in their account
// and nowhere else. It is no part of the answer that has to be there.
func (s *Server) exceptions(ctx context.Context, rule string) []exception {
	all := []exception{}
	if s.deps.Whitelist == nil {
		return all
	}
	usage, err := s.deps.Whitelist(ctx)
	if err != nil {
		s.deps.Log.Warn("the whitelist's account cannot be read", "err", err)
		return all
	}
	for _, entry := range usage.Entries {
		for _, r := range entry.Rules {
			if r.Rule == rule {
				all = append(all, exception{entry.ID, r.Hits, r.Last})
			}
		}
	}
	return all
}
