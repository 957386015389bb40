package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/tocsin-security/tocsin/pipeline"
)

// DeadLetters are what could not be handled or delivered. Errors may say what they mean over HTTP.
type DeadLetters interface {
	// DeadLetters returns some, the oldest first, without their inputs, and the id to go on from; 0: there are no more.
	DeadLetters(ctx context.Context, q pipeline.DeadLetterQuery) ([]pipeline.DeadLetter, uint64, error)
	DeadLetter(ctx context.Context, id uint64) (pipeline.DeadLetter, error)
	// Replay has the message go its way again, and removes the letter. It returns where the message went.
	Replay(ctx context.Context, id uint64) (to []string, err error)
	RemoveDeadLetter(ctx context.Context, id uint64) error
}

// Limits of a list.
const (
	defaultDeadLetters = 100
	maxDeadLetters     = 1000
)

// deadLetterRoutes are about what nobody got.
func (s *Server) deadLetterRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(noStore, s.work(scopeRead), s.requireDead)
		r.Get("/api/v1/deadletters", s.listDeadLetters)
		r.Get("/api/v1/deadletters/{id}", s.showDeadLetter)
	})
	r.Group(func(r chi.Router) {
		r.Use(s.work(scopeWrite), s.requireDead)
		r.Post("/api/v1/deadletters/{id}/replay", s.replayDeadLetter)
		r.Delete("/api/v1/deadletters/{id}", s.removeDeadLetter)
	})
}

func (s *Server) requireDead(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.deps.Dead == nil {
			refuse(w, http.StatusNotFound, "this process only watches its kernel: dead letters are kept by routers")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// DeadLetterPage is a part of the list.
type DeadLetterPage struct {
	DeadLetters []pipeline.DeadLetter `json:"dead_letters"`
	Next        uint64                `json:"next,omitempty"` // ?from= of the next page
}

func (s *Server) listDeadLetters(w http.ResponseWriter, r *http.Request) {
	q, err := deadLetterQuery(r.URL.Query())
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	page := DeadLetterPage{}
	if page.DeadLetters, page.Next, err = s.deps.Dead.DeadLetters(r.Context(), q); err != nil {
		s.refuseError(w, err)
		return
	}
	if page.DeadLetters == nil {
		page.DeadLetters = []pipeline.DeadLetter{}
	}
	answer(w, http.StatusOK, page)
}

func deadLetterQuery(values url.Values) (q pipeline.DeadLetterQuery, err error) {
	q = pipeline.DeadLetterQuery{Limit: defaultDeadLetters, Receiver: values.Get("receiver"), Stage: values.Get("stage")}
	if text := values.Get("limit"); text != "" {
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 || q.Limit > maxDeadLetters {
			return q, fmt.Errorf("limit %q: use a number from 1 to %d", text, maxDeadLetters)
		}
	}
	if text := values.Get("from"); text != "" {
		if q.From, err = strconv.ParseUint(text, 10, 64); err != nil {
			return q, fmt.Errorf("from %q: use the number that the page before named as next", text)
		}
	}
	if text := values.Get("before"); text != "" {
		if q.Before, err = time.Parse(time.RFC3339, text); err != nil {
			return q, fmt.Errorf("before %q: use a time as in 2030-01-02T15:04:05Z", text)
		}
	}
	return q, nil
}

// deadLetterID reads the id of the address, and answers by itself when there is none.
func deadLetterID(w http.ResponseWriter, r *http.Request) (uint64, bool) {
	id, err := strconv.ParseUint(chi.URLParam(r, "id"), 10, 64)
	if err != nil || id == 0 {
		refuse(w, http.StatusBadRequest, "the id of a dead letter is a number from 1 on, as the list shows it")
		return 0, false
	}
	return id, true
}

func (s *Server) showDeadLetter(w http.ResponseWriter, r *http.Request) {
	id, ok := deadLetterID(w, r)
	if !ok {
		return
	}
	letter, err := s.deps.Dead.DeadLetter(r.Context(), id)
	if err != nil {
		s.refuseError(w, err)
		return
	}
	answer(w, http.StatusOK, letter)
}

func (s *Server) replayDeadLetter(w http.ResponseWriter, r *http.Request) {
	id, ok := deadLetterID(w, r)
	if !ok {
		return
	}
	to, err := s.deps.Dead.Replay(r.Context(), id)
	if err != nil {
		s.refuseError(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"to": to})
}

func (s *Server) removeDeadLetter(w http.ResponseWriter, r *http.Request) {
	id, ok := deadLetterID(w, r)
	if !ok {
		return
	}
	if err := s.deps.Dead.RemoveDeadLetter(r.Context(), id); err != nil {
		s.refuseError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
