package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// postFalco takes what Falco's http_output and Falcosidekick's webhook send: one alert, or an array.
func (s *Server) postFalco(w http.ResponseWriter, r *http.Request) {
	bodies, ok := s.readJSON(w, r)
	if !ok {
		return
	}
	alerts := make([]pipeline.Alert, 0, len(bodies))
	for i, body := range bodies {
		alert, err := falcoAlert(body, s.deps.Hostname)
		if err != nil {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("alert %d: %v", i+1, err))
			return
		}
		alerts = append(alerts, alert)
	}
	s.accept(w, len(alerts), s.deps.Intake.PublishAlerts(r.Context(), alerts))
}

// postAlerts takes alerts as tocsin itself makes them: what a sensor without a broker sends its router.
func (s *Server) postAlerts(w http.ResponseWriter, r *http.Request) {
	bodies, ok := s.readJSON(w, r)
	if !ok {
		return
	}
	alerts := make([]pipeline.Alert, len(bodies))
	for i, body := range bodies {
		if err := readAlert(body, &alerts[i]); err != nil {
			if isV1Alert(body) {
				goneV1(w)
				return
			}
			refuse(w, http.StatusBadRequest, fmt.Sprintf("alert %d: %v", i+1, err))
			return
		}
	}
	s.accept(w, len(alerts), s.deps.Intake.PublishAlerts(r.Context(), alerts))
}

// readAlert reads an alert as tocsin makes it. One that a window has to be asked about has arrived now.
func readAlert(body []byte, a *pipeline.Alert) error {
	if err := json.Unmarshal(body, a); err != nil {
		return err
	}
	if a.ID == "" || a.Rule == "" || a.Time.IsZero() {
		return errors.New("uuid, rule and time are required")
	}
	if a.Completes != nil && (a.Unjudged != nil || a.Covered != nil || len(a.Completes.Labels) == 0) {
		return errors.New("completes: it needs the labels of the alert that it completes, and cannot be unjudged or covered itself")
	}
	if a.Covered != nil {
		if a.Unjudged != nil {
			return errors.New("covered and unjudged: what nobody is told needs no window")
		}
		return a.Covered.Validate()
	}
	if a.Unjudged == nil {
		return nil
	}
	a.Unjudged.Observation.Arrived = time.Now().UTC()
	return a.Unjudged.Validate()
}

// postEvents takes structured events for the rules of a source: one object, or an array. The source is
// json unless the address names one.
func (s *Server) postEvents(w http.ResponseWriter, r *http.Request) {
	sources := s.deps.Sources()
	source := orElse(r.URL.Query().Get("source"), sources[0])
	if !slices.Contains(sources, source) {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("unknown source %q: the configuration has %s", source, strings.Join(sources, ", ")))
		return
	}
	events, ok := s.readJSON(w, r)
	if !ok {
		return
	}
	for i, event := range events {
		if event[0] != '{' {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("event %d is not a JSON object", i+1))
			return
		}
	}
	s.accept(w, len(events), s.deps.Intake.PublishEvents(r.Context(), source, events))
}

// accept answers after publishing: 202 says that all of it is durable.
func (s *Server) accept(w http.ResponseWriter, n int, err error) {
	if err != nil {
		s.notStored(w, err)
		return
	}
	answer(w, http.StatusAccepted, map[string]any{"accepted": n})
}

func (s *Server) notStored(w http.ResponseWriter, err error) {
	s.deps.Log.Error("intake could not store what was posted", "err", err)
	w.Header().Set("Retry-After", "5")
	refuse(w, http.StatusServiceUnavailable, "not stored, post it again: "+err.Error())
}

// readJSON reads the body as one JSON value or an array of them, and answers by itself when it cannot.
func (s *Server) readJSON(w http.ResponseWriter, r *http.Request) ([]json.RawMessage, bool) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is over %d bytes: post smaller batches", tooLarge.Limit))
		return nil, false
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "the body could not be read: "+err.Error())
		return nil, false
	}
	values, err := splitJSON(body)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return nil, false
	}
	return values, true
}

// splitJSON returns the elements of an array, or the one value that body is. Each is valid JSON
// without surrounding blanks; there is at least one.
func splitJSON(body []byte) ([]json.RawMessage, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return nil, errors.New("the body is empty: post a JSON object or an array of them")
	}
	var values []json.RawMessage
	var err error
	if body[0] == '[' {
		err = json.Unmarshal(body, &values)
	} else {
		values = make([]json.RawMessage, 1)
		err = json.Unmarshal(body, &values[0])
	}
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("the body is not JSON: %v at byte %d", err, syntax.Offset)
	case err != nil:
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	case len(values) == 0:
		return nil, errors.New("the array is empty: nothing to take")
	}
	return values, nil
}
