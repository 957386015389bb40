package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/tocsin-security/tocsin/api/access"
	"github.com/tocsin-security/tocsin/pipeline"
)

// People is what people want to be quiet: silences with what they did, and acknowledgements. Errors may say what they
// mean over HTTP, as those of Silences.
type People interface {
	Silences
	Hits(ctx context.Context) (map[string]pipeline.Hits, error)
	// Ack keeps an acknowledgement; without Until it lasts as long as configured.
	Ack(ctx context.Context, a pipeline.Ack) (pipeline.Ack, error)
	Unack(ctx context.Context, of pipeline.Fingerprint) error
	Acks(now time.Time) []pipeline.Ack
}

// maxSilenceBody bounds the body of a silence or an acknowledgement. What is kept of it is bounded elsewhere.
const maxSilenceBody = 1 << 20

// silenceRoutes are ours beside those of Alertmanager's API.
func (s *Server) silenceRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.work(scopeRead), s.requirePeople)
		r.Get("/api/v1/silences", s.listSilences)
		r.Get("/api/v1/silences/{id}", s.getSilence)
		r.Get("/api/v1/acks", s.listAcks)
	})
	r.Group(func(r chi.Router) {
		r.Use(s.work(scopeWrite), s.requirePeople, limitBody(maxSilenceBody))
		r.Post("/api/v1/silences", s.postSilence)
		r.Delete("/api/v1/silences/{id}", s.deleteSilence)
		r.Post("/api/v1/alerts/{fingerprint}/ack", s.postAck)
		r.Delete("/api/v1/alerts/{fingerprint}/ack", s.deleteAck)
	})
}

func (s *Server) requirePeople(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.deps.People == nil {
			refuse(w, http.StatusNotFound, "this process only watches its kernel: silences are kept by routers")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// SilenceView is a silence as GET /api/v1/silences tells it.
type SilenceView struct {
	pipeline.Silence
	State string        `json:"state"` // pending, active, expired
	Hits  pipeline.Hits `json:"hits"`
}

// listSilences tells of all silences, or of those in the states that the address names.
func (s *Server) listSilences(w http.ResponseWriter, r *http.Request) {
	hits, err := s.deps.People.Hits(r.Context())
	if err != nil {
		s.refuseError(w, err)
		return
	}
	now := time.Now()
	wanted := r.URL.Query()["state"]
	views := []SilenceView{}
	for _, one := range s.deps.People.List(now) {
		state := one.State(now)
		if len(wanted) == 0 || strings.Contains(","+strings.Join(wanted, ",")+",", ","+state+",") {
			views = append(views, SilenceView{one, state, hits[one.ID]})
		}
	}
	answer(w, http.StatusOK, views)
}

func (s *Server) getSilence(w http.ResponseWriter, r *http.Request) {
	one, err := s.deps.People.Get(chi.URLParam(r, "id"))
	if err != nil {
		s.refuseError(w, err)
		return
	}
	hits, err := s.deps.People.Hits(r.Context())
	if err != nil {
		s.refuseError(w, err)
		return
	}
	answer(w, http.StatusOK, SilenceView{one, one.State(time.Now()), hits[one.ID]})
}

// postedMatcher has isEqual as old clients do: left out, it is true.
type postedMatcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual *bool  `json:"isEqual"`
}

// postSilence takes a silence in JSON. Its fields count, whatever its annotations say.
func (s *Server) postSilence(w http.ResponseWriter, r *http.Request) {
	var posted struct {
		pipeline.Silence
		Matchers []postedMatcher   `json:"matchers"`
		Duration pipeline.Duration `json:"duration"` // in place of endsAt
	}
	if !readBody(w, r, &posted) {
		return
	}
	one := posted.Silence
	for _, m := range posted.Matchers {
		one.Matchers = append(one.Matchers, pipeline.Matcher{Name: m.Name, Value: m.Value, IsRegex: m.IsRegex, IsEqual: m.IsEqual == nil || *m.IsEqual})
	}
	if posted.Duration != 0 {
		begin := time.Now()
		if one.StartsAt.After(begin) {
			begin = one.StartsAt
		}
		one.EndsAt = begin.Add(time.Duration(posted.Duration))
	}
	one.CreatedBy = orCaller(one.CreatedBy, r)
	delete(one.Annotations, "tocsin_ticket")
	delete(one.Annotations, "tocsin_force")
	id, err := s.deps.People.Put(r.Context(), one)
	if err != nil {
		s.refuseError(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"id": id})
}

func (s *Server) deleteSilence(w http.ResponseWriter, r *http.Request) {
	if err := s.deps.People.Expire(r.Context(), chi.URLParam(r, "id"), orCaller(r.URL.Query().Get("by"), r)); err != nil {
		s.refuseError(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"status": "expired"})
}

// orCaller is name, or where none was given that of who asks, if that is known.
func orCaller(name string, r *http.Request) string {
	if caller := callerOf(r.Context()); name == "" && caller.By != access.ByNothing {
		return caller.Name
	}
	return name
}
