package api

import "net/http"

// whitelist tells of the entries of the whitelist, and what nobody is told because of them.
func (s *Server) whitelist(w http.ResponseWriter, r *http.Request) {
	usage, err := s.deps.Whitelist(r.Context())
	if err != nil {
		s.deps.Log.Warn("the whitelist's account cannot be read", "err", err)
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	answer(w, http.StatusOK, usage)
}
