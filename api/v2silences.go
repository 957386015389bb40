package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// Silences are what people keep quiet. Errors may say what they mean over HTTP: interface{ HTTPStatus() int }.
type Silences interface {
	// List returns all that are kept, the expired ones too: active ones by their end, then pending ones by their start,
	// then expired ones, the latest first.
	List(now time.Time) []pipeline.Silence
	Get(id string) (pipeline.Silence, error)
	// Put creates a silence, or changes the one with its id. The id that it returns is another one where that one had to be
	// ended for it. It is durable when Put returns.
	Put(ctx context.Context, s pipeline.Silence) (id string, err error)
	// Expire ends a silence now, on behalf of by. One that has ended is no error.
	Expire(ctx context.Context, id, by string) error
}

// gettableSilence is a silence in Alertmanager's API.
type gettableSilence struct {
	ID          string             `json:"id"`
	Status      silenceState       `json:"status"`
	UpdatedAt   apiTime            `json:"updatedAt"`
	Annotations map[string]string  `json:"annotations"`
	Comment     string             `json:"comment"`
	CreatedBy   string             `json:"createdBy"`
	EndsAt      apiTime            `json:"endsAt"`
	Matchers    []pipeline.Matcher `json:"matchers"`
	StartsAt    apiTime            `json:"startsAt"`
}

type silenceState struct {
	State string `json:"state"`
}

func newGettableSilence(s *pipeline.Silence, now time.Time) gettableSilence {
	return gettableSilence{
		ID: s.ID, Status: silenceState{s.State(now)}, UpdatedAt: apiTime(s.UpdatedAt),
		Annotations: orEmpty(s.Annotations), Comment: s.Comment, CreatedBy: s.CreatedBy,
		StartsAt: apiTime(s.StartsAt), EndsAt: apiTime(s.EndsAt), Matchers: append([]pipeline.Matcher{}, s.Matchers...),
	}
}

// v2Silences lists silences.
func (s *Server) v2Silences(w http.ResponseWriter, r *http.Request) {
	params := r.URL.Query()
	filter, err := filterParam(params, "filter")
	if err != nil {
		refuseV2(w, http.StatusBadRequest, err.Error())
		return
	}
	wanted := map[string]bool{}
	for _, state := range []string{"active", "pending", "expired"} {
		if wanted[state], err = boolParam(params, state); err != nil {
			refuseV2(w, http.StatusBadRequest, err.Error())
			return
		}
	}
	now := time.Now()
	all := slices.DeleteFunc(slices.Clone(s.deps.V2.Silences.List(now)), func(sil pipeline.Silence) bool {
		return !wanted[sil.State(now)] || !saysAll(sil.Matchers, filter)
	})
	out := newArrayStream(w)
	for i := range all {
		if err := out.add(newGettableSilence(&all[i], now)); err != nil {
			out.end(err)
			return
		}
	}
	out.end(nil)
}

// saysAll reports whether a silence has each of the filter's matchers, word for word: what it is, not what it
// would match.
func saysAll(ms []pipeline.Matcher, filter labels.Matchers) bool {
	for _, want := range matcher.Split(filter) {
		if !slices.Contains(ms, want) {
			return false
		}
	}
	return true
}

func (s *Server) v2Silence(w http.ResponseWriter, r *http.Request) {
	sil, err := s.deps.V2.Silences.Get(chi.URLParam(r, "id"))
	if err != nil {
		s.refuseSilence(w, err)
		return
	}
	answer(w, http.StatusOK, newGettableSilence(&sil, time.Now()))
}

func (s *Server) deleteV2Silence(w http.ResponseWriter, r *http.Request) {
	if err := s.deps.V2.Silences.Expire(r.Context(), chi.URLParam(r, "id"), callerOf(r.Context()).Name); err != nil {
		s.refuseSilence(w, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// postV2Silence creates or changes a silence, and answers with its id.
func (s *Server) postV2Silence(w http.ResponseWriter, r *http.Request) {
	sil, err := readSilence(r)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuseV2(w, http.StatusRequestEntityTooLarge, err.Error())
		return
	case err != nil:
		refuseV2(w, http.StatusBadRequest, err.Error())
		return
	}
	id, err := s.deps.V2.Silences.Put(r.Context(), sil)
	if err != nil {
		s.refuseSilence(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]string{"silenceID": id})
}

// postableSilence is a silence as clients post it. Pointers tell what is not there from what is empty.
type postableSilence struct {
	ID          string            `json:"id"`
	Matchers    []postableMatcher `json:"matchers"`
	StartsAt    postedTime        `json:"startsAt"`
	EndsAt      postedTime        `json:"endsAt"`
	CreatedBy   *string           `json:"createdBy"`
	Comment     *string           `json:"comment"`
	Annotations map[string]string `json:"annotations"`
}

type postableMatcher struct {
	Name    *string `json:"name"`
	Value   *string `json:"value"`
	IsRegex bool    `json:"isRegex"`
	IsEqual *bool   `json:"isEqual"` // clients before 0.22 do not know it: true
}

// readSilence reads what was posted. Whether it may be is for Silences to say.
func readSilence(r *http.Request) (pipeline.Silence, error) {
	var p postableSilence
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		return pipeline.Silence{}, fmt.Errorf("the body is not a silence: %w", err)
	}
	missing := func(key string) (pipeline.Silence, error) {
		return pipeline.Silence{}, fmt.Errorf("the silence lacks %s", key)
	}
	start, end := time.Time(p.StartsAt), time.Time(p.EndsAt)
	switch {
	case len(p.Matchers) == 0:
		return missing("matchers: it needs at least one")
	case start.IsZero():
		return missing("startsAt")
	case end.IsZero():
		return missing("endsAt")
	case p.CreatedBy == nil:
		return missing("createdBy")
	case p.Comment == nil:
		return missing("comment")
	}
	sil := pipeline.Silence{
		ID: p.ID, StartsAt: start, EndsAt: end, CreatedBy: *p.CreatedBy, Comment: *p.Comment, Annotations: p.Annotations,
	}
	for i, m := range p.Matchers {
		if m.Name == nil || m.Value == nil {
			return missing(fmt.Sprintf("name or value of matcher %d", i+1))
		}
		sil.Matchers = append(sil.Matchers, pipeline.Matcher{
			Name: *m.Name, Value: *m.Value, IsRegex: m.IsRegex, IsEqual: m.IsEqual == nil || *m.IsEqual,
		})
	}
	return sil, nil
}

// refuseSilence answers with what the error means; 500 where it does not say.
func (s *Server) refuseSilence(w http.ResponseWriter, err error) {
	status := statusOf(err)
	if status >= http.StatusInternalServerError {
		s.deps.Log.Error("a request about silences failed", "err", err)
	}
	refuseV2(w, status, err.Error())
}
