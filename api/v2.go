package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/tocsin-security/tocsin/pipeline"
)

// V2 is what Alertmanager's API works on, beside History. The models are written out here rather than taken from Alertmanager's
// module: those bring 23 modules with them to say what these few structs say. A test holds the answers against
// them, through Alertmanager's own client.
type V2 struct {
	// Inspect says where alerts go and what keeps them back, in their order.
	Inspect        func(ctx context.Context, now time.Time, alerts []pipeline.Live) ([]pipeline.Routed, error)
	Silences       Silences
	Receivers      func() []Receiver
	ResolveTimeout func() time.Duration // of alerts that were posted without an end
	// Original is the configuration, as far as Alertmanager has the same, in its YAML and without secrets.
	Original func() (string, error)
	Cluster  func() Cluster
	Build    Build
	Started  time.Time
}

// v2Routes are Alertmanager's API. Those who may see alerts may see silences, receivers and the configuration
// too; there are no secrets in it.
func (s *Server) v2Routes(r chi.Router) {
	r.Use(noStore, bareRefusals)
	r.Group(func(r chi.Router) {
		r.Use(s.work(scopeRead))
		r.Get("/alerts", s.v2Alerts)
		r.Get("/alerts/groups", s.v2Groups)
		r.Get("/silences", s.v2Silences)
		r.Get("/silence/{id}", s.v2Silence)
		r.Get("/receivers", s.v2Receivers)
		r.Get("/status", s.v2Status)
	})
	r.With(s.work(scopeIntake), limitBody(s.cfg.MaxBody)).Post("/alerts", s.postV2Alerts)
	r.With(s.work(scopeWrite), limitBody(s.cfg.MaxBody)).Post("/silences", s.postV2Silence)
	r.With(s.work(scopeWrite)).Delete("/silence/{id}", s.deleteV2Silence)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		refuseV2(w, http.StatusNotFound, "Alertmanager's API has no "+r.URL.Path)
	})
}

// noStore keeps caches from answering for us, as Alertmanager does.
func noStore(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// bareRefusals is for refusals by what stands before a handler: who may, how much.
func bareRefusals(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorderOf(w).bare = true
		next.ServeHTTP(w, r)
	})
}

// refuseV2 answers with a reason as Alertmanager does: a bare JSON string.
func refuseV2(w http.ResponseWriter, status int, reason string) {
	recorderOf(w).reason = reason
	answer(w, status, reason)
}

// v1Routes answer for the API that Alertmanager no longer has, in its words. POST /api/v1/alerts is tocsin's own.
func (s *Server) v1Routes(r chi.Router) {
	for _, path := range []string{"/api/v1/status", "/api/v1/receivers", "/api/v1/alerts/groups", "/api/v1/silence/{id}"} {
		r.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { goneV1(w) })
	}
}

func goneV1(w http.ResponseWriter) {
	answer(w, http.StatusGone, map[string]string{
		"status": "deprecated", "error": "Alertmanager's API v1 is gone: use /api/v2",
	})
}

// isV1Alert reports whether what was posted to /api/v1/alerts is an alert for Alertmanager's API v1: it has labels,
// and no key that every alert of tocsin's has.
func isV1Alert(body []byte) bool {
	var posted struct {
		ID     json.RawMessage `json:"uuid"`
		Rule   json.RawMessage `json:"rule"`
		Labels json.RawMessage `json:"labels"`
	}
	return json.Unmarshal(body, &posted) == nil && posted.ID == nil && posted.Rule == nil && posted.Labels != nil
}

// apiTime is a time as Alertmanager writes it: UTC, with milliseconds.
type apiTime time.Time

// MarshalText writes RFC 3339.
func (t apiTime) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z07:00"), nil
}

// orEmpty makes an empty map of none: clients expect an object, never null.
func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
