package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// v2Alerts lists live alerts by fingerprint.
func (s *Server) v2Alerts(w http.ResponseWriter, r *http.Request) {
	q, err := s.alertQuery(r.URL.Query())
	if err != nil {
		refuseV2(w, http.StatusBadRequest, err.Error())
		return
	}
	out := newArrayStream(w)
	out.end(s.eachAlert(r.Context(), time.Now(), q.filter, out.more, func(a *pipeline.Live, to *pipeline.Routed) error {
		state := stateOf(to)
		if !q.wants(&state) || !q.anyReceiver(to) {
			return nil
		}
		return out.add(newGettableAlert(a, state, receiversOf(to)))
	}))
}

// eachAlert calls yield for the live alerts that pass a filter, by fingerprint, with where each goes. It calls chunk
// before every streamChunk of them. yield may keep neither.
func (s *Server) eachAlert(ctx context.Context, now time.Time, filter labels.Matchers, chunk func(), yield func(*pipeline.Live, *pipeline.Routed) error) error {
	part := make([]pipeline.Live, 0, streamChunk)
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		chunk()
		routed, err := s.inspect(ctx, now, part)
		if err != nil {
			return fmt.Errorf("look where alerts go: %w", err)
		}
		for i := range part {
			if err := yield(&part[i], &routed[i]); err != nil {
				return err
			}
		}
		clear(part)
		part = part[:0]
		return nil
	}
	err := s.deps.History.EachLive(ctx, now, matcher.Split(filter), func(a pipeline.Live) error {
		if part = append(part, a); len(part) == streamChunk {
			return flush()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list live alerts: %w", err)
	}
	return flush()
}

// sourceV2 is the source of what Prometheus posts, as metrics call it.
const sourceV2 = "prometheus"

// mostRefused is how many refused alerts of a batch an answer names.
const mostRefused = 20

// postV2Alerts takes alerts as Prometheus posts them. Those that are good are taken, whatever is wrong with the
// others; 200 says that all are durable.
func (s *Server) postV2Alerts(w http.ResponseWriter, r *http.Request) {
	posted, err := readV2Alerts(r)
	if err != nil {
		s.unreadableV2(w, err)
		return
	}
	now := time.Now().UTC()
	var alerts []pipeline.Alert
	var places []int
	var refused []lineError
	for i, body := range posted {
		alert, err := s.v2Alert(body, now)
		if err != nil {
			refused = append(refused, lineError{i + 1, err.Error()})
			continue
		}
		alerts, places = append(alerts, alert), append(places, i+1)
	}
	tooLarge, err := s.publishFitting(r.Context(), alerts, places)
	if err != nil {
		s.metrics.refused.WithLabelValues(sourceV2, reasonNotStored).Inc()
		s.deps.Log.Error("intake could not store what was posted", "err", err, "request_id", requestID(w))
		w.Header().Set("Retry-After", "5")
		refuseV2(w, http.StatusInternalServerError, "not stored, post it again: "+err.Error())
		return
	}
	refused = append(refused, tooLarge...)
	s.metrics.accepted.WithLabelValues(sourceV2).Add(float64(len(posted) - len(refused)))
	if len(refused) > 0 {
		s.metrics.refused.WithLabelValues(sourceV2, reasonMalformed).Add(float64(len(refused) - len(tooLarge)))
		s.metrics.refused.WithLabelValues(sourceV2, reasonTooLarge).Add(float64(len(tooLarge)))
		refuseV2(w, http.StatusBadRequest, someOf(refused))
		return
	}
	w.WriteHeader(http.StatusOK)
}

// someOf tells of refused alerts, not of too many.
func someOf(refused []lineError) string {
	var texts []string
	for _, r := range refused[:min(len(refused), mostRefused)] {
		texts = append(texts, fmt.Sprintf("alert %d: %s", r.Line, r.Error))
	}
	if n := len(refused) - mostRefused; n > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(texts, "; ")
}

// v2Alert is an alert of a batch as one of ours.
func (s *Server) v2Alert(body []byte, now time.Time) (pipeline.Alert, error) {
	p, err := readV2Alert(body)
	if err != nil {
		return pipeline.Alert{}, err
	}
	if s.cfg.FalcosidekickEvents {
		if event, ok, err := eventFromFalcosidekick(p, now, s.deps.Hostname); ok {
			return event, err
		}
	}
	return statefulAlert(p, now, s.deps.V2.ResolveTimeout())
}

// readV2Alerts reads the array of a batch.
func readV2Alerts(r *http.Request) (posted []json.RawMessage, err error) {
	if err := json.NewDecoder(r.Body).Decode(&posted); err != nil {
		return nil, fmt.Errorf("the body is not a JSON array of alerts: %w", err)
	}
	return posted, nil
}

// unreadableV2 answers for a body that could not be read.
func (s *Server) unreadableV2(w http.ResponseWriter, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		s.metrics.refused.WithLabelValues(sourceV2, reasonTooLarge).Inc()
		refuseV2(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is over %d bytes: post smaller batches", tooLarge.Limit))
		return
	}
	s.metrics.refused.WithLabelValues(sourceV2, reasonMalformed).Inc()
	refuseV2(w, http.StatusBadRequest, err.Error())
}
