package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// refuseError answers with the status that an error carries, of those that carry one (HTTPStatus() int).
func (s *Server) refuseError(w http.ResponseWriter, err error) {
	status := statusOf(err)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	if status >= http.StatusInternalServerError {
		s.deps.Log.Warn("a request could not be done", "err", err)
	}
	refuse(w, status, err.Error())
}

func statusOf(err error) int {
	var coded interface{ HTTPStatus() int }
	if errors.As(err, &coded) {
		return coded.HTTPStatus()
	}
	return http.StatusInternalServerError
}

// readBody reads a JSON object of a bounded body, and answers by itself when it cannot. An empty body changes nothing.
func readBody(w http.ResponseWriter, r *http.Request, into any) bool {
	if r.ContentLength == 0 {
		return true
	}
	err := json.NewDecoder(r.Body).Decode(into)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is over %d bytes", tooLarge.Limit))
	case err != nil:
		refuse(w, http.StatusBadRequest, "the body is not the JSON that belongs here: "+err.Error())
	}
	return err == nil
}
