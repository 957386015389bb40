package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/tocsin-security/tocsin/pipeline"
)

// fingerprintOf reads the alert that an address is about, and answers by itself when there is none.
func fingerprintOf(w http.ResponseWriter, r *http.Request) (of pipeline.Fingerprint, ok bool) {
	text := chi.URLParam(r, "fingerprint")
	if err := of.UnmarshalText([]byte(text)); err != nil || len(text) != 16 {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("%.80q is no fingerprint: those are 16 hex digits, in messages, logs and GET /api/v1/alerts", text))
		return 0, false
	}
	return of, true
}

func (s *Server) listAcks(w http.ResponseWriter, _ *http.Request) {
	acks := s.deps.People.Acks(time.Now())
	if acks == nil {
		acks = []pipeline.Ack{}
	}
	answer(w, http.StatusOK, acks)
}

// postAck takes that somebody takes care of an alert: {"by": "li.na", "comment": "…", "for": "4h"}. The alert need not
// be known: it may be on another router.
func (s *Server) postAck(w http.ResponseWriter, r *http.Request) {
	of, ok := fingerprintOf(w, r)
	if !ok {
		return
	}
	var posted struct {
		By      string            `json:"by"`
		Comment string            `json:"comment"`
		For     pipeline.Duration `json:"for"`
	}
	if !readBody(w, r, &posted) {
		return
	}
	a := pipeline.Ack{Fingerprint: of, By: orCaller(posted.By, r), Comment: posted.Comment, Via: "api"}
	if posted.For != 0 {
		a.Until = time.Now().Add(time.Duration(posted.For))
	}
	kept, err := s.deps.People.Ack(r.Context(), a)
	if err != nil {
		s.refuseError(w, err)
		return
	}
	answer(w, http.StatusOK, kept)
}

func (s *Server) deleteAck(w http.ResponseWriter, r *http.Request) {
	of, ok := fingerprintOf(w, r)
	if !ok {
		return
	}
	if err := s.deps.People.Unack(r.Context(), of); err != nil {
		s.refuseError(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"status": "taken back"})
}
