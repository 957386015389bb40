package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/tocsin-security/tocsin/api/cloudevents"
	"github.com/tocsin-security/tocsin/api/tetragon"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Schemas are what events have that are posted in a form of their own, by source: members and types as a
// configuration writes them.
func Schemas() map[string]map[string]any {
	return map[string]map[string]any{pipeline.Tetragon: tetragon.Schema(), pipeline.CloudEvents: cloudevents.Schema()}
}

// postTetragon takes what Tetragon exports: one event, an array, or a stream of lines.
func (s *Server) postTetragon(w http.ResponseWriter, r *http.Request) {
	s.posted(w, r, pipeline.Tetragon).stream(tetragon.Read)
}

// postCloudEvents takes events in that envelope. Their source, for rules, is cloudevents unless the address names one.
func (s *Server) postCloudEvents(w http.ResponseWriter, r *http.Request) {
	source := orElse(r.URL.Query().Get("source"), pipeline.CloudEvents)
	if sources := s.deps.Sources(); source != pipeline.CloudEvents && !slices.Contains(sources, source) {
		s.refuseSource(w, source, append([]string{pipeline.CloudEvents}, sources...))
		return
	}
	p := s.posted(w, r, source)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.unreadable(err)
		return
	}
	events, err := cloudevents.Read(r.Header, body)
	if err != nil {
		p.malformed(err.Error())
		return
	}
	ids, bodies := make([]string, len(events)), make([]json.RawMessage, len(events))
	for i, e := range events {
		// By its specification an event's source and id are its identity: one that says something else is the same.
		ids[i] = p.messageID(fmt.Sprintf("%q %q", e.Source, e.ID), 0, nil)
		bodies[i] = e.Body
	}
	if len(events) == 0 {
		p.accept(0, nil)
		return
	}
	p.accept(len(events), s.deps.Intake.PublishEventsAs(r.Context(), source, ids, bodies))
}
