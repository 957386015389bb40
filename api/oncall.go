package api

import (
	"net/http"
	"time"
)

// OnCall is who is on call in a rotation.
type OnCall struct {
	Rotation string     `json:"rotation"`
	Person   string     `json:"person"`        // "": nobody is
	Why      string     `json:"why,omitempty"` // the layer's name, "override", "holiday", or the name of one
	At       time.Time  `json:"at"`            // the time that was asked about
	Until    *time.Time `json:"until,omitempty"`
	Then     string     `json:"then,omitempty"` // who comes then; "": nobody
}

func (s *Server) onCall(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, s.deps.OnCall(time.Now()))
}
