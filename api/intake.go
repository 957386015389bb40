package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// posted is a request that brings something of a source, and its answer.
type posted struct {
	*Server
	w      http.ResponseWriter
	r      *http.Request
	source string  // of metrics
	buf    *[]byte // the body is in it; nil: it has not been read
}

// Sources of what is no structured event, as metrics call them.
const (
	sourceFalco        = "falco"
	sourceAlerts       = "alerts"
	sourceAlertmanager = "alertmanager"
)

func (s *Server) posted(w http.ResponseWriter, r *http.Request, source string) *posted {
	return &posted{Server: s, w: w, r: r, source: source}
}

// accept answers after publishing: 202 says that all of it is durable.
func (p *posted) accept(n int, err error) {
	var tooLarge *pipeline.TooLarge
	if errors.As(err, &tooLarge) {
		p.metrics.refused.WithLabelValues(p.source, reasonTooLarge).Inc()
		refuse(p.w, http.StatusRequestEntityTooLarge, fmt.Sprintf("number %d: %v; nothing was taken", tooLarge.Index+1, err))
		return
	}
	if err != nil {
		p.metrics.refused.WithLabelValues(p.source, reasonNotStored).Inc()
		p.notStored(p.w, err)
		return
	}
	p.metrics.accepted.WithLabelValues(p.source).Add(float64(n))
	answer(p.w, http.StatusAccepted, struct {
		Accepted int `json:"accepted"`
	}{n})
}

// malformed answers 400.
func (p *posted) malformed(reason string) {
	p.metrics.refused.WithLabelValues(p.source, reasonMalformed).Inc()
	refuse(p.w, http.StatusBadRequest, reason)
}

// unreadable answers for an error of reading the body.
func (p *posted) unreadable(err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		p.metrics.refused.WithLabelValues(p.source, reasonTooLarge).Inc()
		refuse(p.w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is over %d bytes, at most %d are taken: post smaller batches", tooLarge.Limit, tooLarge.Limit))
		return
	}
	p.malformed("the body could not be read: " + err.Error())
}

// done is for the end of the request: nobody has the body any more that values has read.
func (p *posted) done() {
	if p.buf != nil && cap(*p.buf) <= maxExpected {
		bodies.Put(p.buf)
	}
}

// values reads the body as one value or an array of them, and answers by itself when it cannot. Whoever reads a value
// finds out whether it is JSON. The values are the request's until done.
func (p *posted) values() (whole []byte, values []json.RawMessage, ok bool) {
	p.buf = bodies.Get().(*[]byte)
	whole, err := wholeBody(p.r, *p.buf)
	*p.buf = whole
	if err != nil {
		p.unreadable(err)
		return nil, nil, false
	}
	whole = bytes.TrimSpace(whole)
	if values, ok = alertjson.Split(whole); ok && len(values) > 0 {
		return whole, values, true
	}
	if values, err = splitJSON(whole); err != nil {
		p.malformed(err.Error())
		return nil, nil, false
	}
	return whole, values, true
}

// malformedValue answers for a value that cannot be taken: with where the body is no JSON, if it is none.
func (p *posted) malformedValue(whole []byte, reason string) {
	if _, err := splitJSON(whole); err != nil {
		reason = err.Error()
	}
	p.malformed(reason)
}

// postFalco takes what Falco's http_output and Falcosidekick's webhook send: one alert, or an array.
func (s *Server) postFalco(w http.ResponseWriter, r *http.Request) {
	p := s.posted(w, r, sourceFalco)
	defer p.done()
	whole, bodies, ok := p.values()
	if !ok {
		return
	}
	alerts, key := make([]pipeline.Alert, 0, len(bodies)), idempotencyKey(r)
	for i, body := range bodies {
		alert, err := falcoAlert(body, s.deps.Hostname)
		if err != nil {
			p.malformedValue(whole, fmt.Sprintf("alert %d: %v", i+1, err))
			return
		}
		if alert.ID == "" && key != "" {
			alert.ID = p.messageID(key, i+1, body)
		} else if alert.ID == "" {
			alert.ID = newAlertID()
		}
		alerts = append(alerts, alert)
	}
	p.accept(len(alerts), s.deps.Intake.PublishAlerts(r.Context(), alerts))
}

// postAlerts takes alerts as tocsin itself makes them: what a sensor without a broker sends its router.
func (s *Server) postAlerts(w http.ResponseWriter, r *http.Request) {
	p := s.posted(w, r, sourceAlerts)
	defer p.done()
	whole, bodies, ok := p.values()
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
			p.malformedValue(whole, fmt.Sprintf("alert %d: %v", i+1, err))
			return
		}
	}
	p.accept(len(alerts), s.deps.Intake.PublishAlerts(r.Context(), alerts))
}

// readAlert reads an alert as tocsin makes it. One that a window has to be asked about has arrived now.
func readAlert(body []byte, a *pipeline.Alert) error {
	var err error
	if *a, err = alertjson.Read(body); err != nil {
		return err
	}
	if a.ID == "" || a.Rule == "" || a.Time.IsZero() {
		return errors.New("uuid, rule and time are required")
	}
	a.Time = storable(a.Time)
	if s := a.Stateful; s != nil {
		s.StartsAt, s.EndsAt = storable(s.StartsAt), storable(s.EndsAt)
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

// postEvents takes structured events for the rules of a source: one object, an array, or a stream of lines. The
// source is json unless the address names one.
func (s *Server) postEvents(w http.ResponseWriter, r *http.Request) {
	sources := s.deps.Sources()
	source := orElse(r.URL.Query().Get("source"), sources[0])
	if !slices.Contains(sources, source) {
		s.refuseSource(w, source, sources)
		return
	}
	s.posted(w, r, source).stream(func(event []byte) (json.RawMessage, error) {
		if err := checkObject(event); err != nil {
			return nil, err
		}
		return bytes.Clone(event), nil
	})
}

func (s *Server) refuseSource(w http.ResponseWriter, source string, sources []string) {
	s.metrics.refused.WithLabelValues("", reasonUnknownSource).Inc()
	refuse(w, http.StatusBadRequest, fmt.Sprintf("unknown source %q: the configuration has %s", source, strings.Join(sources, ", ")))
}

// publishFitting publishes alerts, each posted at the place that places has for it, but for those that are too large
// for the bus: it returns their places, and why.
func (s *Server) publishFitting(ctx context.Context, alerts []pipeline.Alert, places []int) (refused []lineError, err error) {
	for len(alerts) > 0 {
		err := s.deps.Intake.PublishAlerts(ctx, alerts)
		var tooLarge *pipeline.TooLarge
		if !errors.As(err, &tooLarge) {
			return refused, err
		}
		i := tooLarge.Index
		refused = append(refused, lineError{places[i], err.Error()})
		alerts, places = slices.Delete(alerts, i, i+1), slices.Delete(places, i, i+1)
	}
	return refused, nil
}

func (s *Server) notStored(w http.ResponseWriter, err error) {
	s.deps.Log.Error("intake could not store what was posted", "request_id", requestID(w), "err", err)
	w.Header().Set("Retry-After", "5")
	refuse(w, http.StatusServiceUnavailable, "not stored, post it again: "+err.Error())
}

// idempotencyKey is what the client calls its request by, so that it is stored once when it is posted again; "" when
// it gives none.
func idempotencyKey(r *http.Request) string {
	return orElse(r.Header.Get("Idempotency-Key"), r.Header.Get("Webhook-Id"))
}

// idSpace keeps ids made here apart from others that are made of names.
var idSpace = uuid.MustParse("6f3ddc5c-0f0c-4f2a-9a51-5a8b4d0c7e11")

// messageID follows from who posts, to which source, under which key, as which part of the request, and what: another
// client, or another body under the same key, is another message.
func (p *posted) messageID(key string, n int, body []byte) string {
	caller := callerOf(p.r.Context())
	var name []byte
	for _, part := range []string{caller.By, callerName(caller.By, caller.Name), p.source, key, strconv.Itoa(n)} {
		name = strconv.AppendQuote(name, part)
	}
	return uuid.NewHash(sha256.New(), idSpace, append(name, body...), 8).String()
}

// newAlertID sorts by time.
func newAlertID() string { return uuid.Must(uuid.NewV7()).String() } // it panics when there is no randomness, as Go itself does

// callerName is "" for a caller that is only known by its address: behind a balancer that changes.
func callerName(by, name string) string {
	if by == "" || by == "anonymous" {
		return ""
	}
	return name
}

// checkObject refuses what is no JSON object.
func checkObject(event []byte) error {
	if len(event) == 0 || event[0] != '{' {
		return errors.New("not a JSON object")
	}
	if json.Valid(event) {
		return nil
	}
	return notJSON("it", json.Unmarshal(event, new(json.RawMessage)))
}

// notJSON says where JSON goes wrong.
func notJSON(what string, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%s is not JSON: %w at byte %d", what, err, syntax.Offset)
	}
	return fmt.Errorf("%s is not JSON: %w", what, err)
}

// splitJSON returns the elements of an array, or the one value that body is. Each is valid JSON
// without surrounding blanks; there is at least one.
func splitJSON(body []byte) ([]json.RawMessage, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return nil, errors.New("the body is empty: post a JSON object or an array of them")
	}
	values, ok := alertjson.Split(body)
	if ok && len(values) > 0 && json.Valid(body) {
		return values, nil
	}
	var err error
	if body[0] == '[' {
		err = json.Unmarshal(body, &values)
	} else {
		values = make([]json.RawMessage, 1)
		err = json.Unmarshal(body, &values[0])
	}
	switch {
	case err != nil:
		return nil, notJSON("the body", err)
	case len(values) == 0:
		return nil, errors.New("the array is empty: nothing to take")
	}
	return values, nil
}
