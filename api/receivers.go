package api

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"
)

// Tried is what came of a test message over one channel.
type Tried struct {
	Channel string `json:"channel"` // kind and hash of its address
	Taken   bool   `json:"taken"`
	Answer  string `json:"answer"` // what the channel said, and what to do about it; in the language of the configuration
}

// tryReceiver sends a test message over every channel of a receiver, or over those of one kind.
func (s *Server) tryReceiver(w http.ResponseWriter, r *http.Request) {
	if s.deps.Try == nil {
		refuse(w, http.StatusNotFound, "this process only watches its kernel: receivers are with routers")
		return
	}
	name, err := url.PathUnescape(chi.URLParam(r, "name"))
	if err != nil {
		refuse(w, http.StatusBadRequest, "the receiver's name in the address is not escaped as it must be")
		return
	}
	tried, err := s.deps.Try(r.Context(), name, r.URL.Query().Get("kind"))
	if err != nil {
		s.refuseError(w, err)
		return
	}
	answer(w, http.StatusOK, tried)
}
