package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Deployments takes and knows what CI rolled out.
type Deployments interface {
	// Parse reads what was posted; its error says what is wrong with that.
	Parse(body []byte) ([]pipeline.Deployment, error)
	// Put returns nil only when all are durable.
	Put(ctx context.Context, all []pipeline.Deployment) error
	// List returns all, the latest first.
	List() []pipeline.Deployment
}

// Reports takes what scanners report.
type Reports interface {
	// Read reads a scanner's report, node being the one that the address names; its error says what is wrong
	// with the report. keep returns nil only when all of it is durable, with counts for the answer.
	Read(scanner string, body io.Reader, node string) (keep func(context.Context) (map[string]int, error), err error)
}

// reportTimeout is how long a report may take to come in, instead of readTimeout: it may be large, and come
// from a CI that is far away.
const reportTimeout = 2 * time.Minute

// postDeployments takes what was rolled out: one deployment, or an array.
func (s *Server) postDeployments(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		refuseBody(w, err)
		return
	}
	all, err := s.deps.Deployments.Parse(body)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	s.posted(w, r, "deployments").accept(len(all), s.deps.Deployments.Put(r.Context(), all))
}

func (s *Server) listDeployments(w http.ResponseWriter, _ *http.Request) {
	all := s.deps.Deployments.List()
	if all == nil {
		all = []pipeline.Deployment{}
	}
	answer(w, http.StatusOK, all)
}

// postReport takes the report of a scanner, as it comes in.
func (s *Server) postReport(scanner string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		deadline := time.Now().Add(reportTimeout)
		rc := http.NewResponseController(w)
		if err := errors.Join(rc.SetReadDeadline(deadline), rc.SetWriteDeadline(deadline.Add(writeTimeout))); err != nil {
			s.deps.Log.Warn("a report has no more time than other requests", "err", err)
		}
		keep, err := s.deps.Reports.Read(scanner, r.Body, r.URL.Query().Get("node"))
		if err != nil {
			refuseBody(w, err)
			return
		}
		counts, err := keep(r.Context())
		if err != nil {
			s.notStored(w, err)
			return
		}
		answer(w, http.StatusAccepted, counts)
	}
}
