package api

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/tocsin-security/tocsin/api/access"
)

// requestIDHeader is where a request's id comes and goes.
const requestIDHeader = "X-Request-Id"

// Lines of the log about refused requests, a second and at once: a client that goes wrong does so often.
const (
	refusalsLogged = 2
	refusalsBurst  = 20
)

// recorder is a response as metrics, log lines and error bodies need to know it.
type recorder struct {
	http.ResponseWriter
	status int           // 0: nothing is written yet
	reason string        // of an answer that refuses
	bare   bool          // such an answer is a JSON string, as Alertmanager's are
	caller access.Caller // zero: not known
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recorderOf is w, or one around it.
func recorderOf(w http.ResponseWriter) *recorder {
	if rec, ok := w.(*recorder); ok {
		return rec
	}
	return &recorder{ResponseWriter: w}
}

// observe gives each request an id, counts its answer, and logs the one that refuses.
func (s *Server) observe(next http.Handler) http.Handler {
	refusals := access.NewLimiter(refusalsLogged, refusalsBurst, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := cleanID(r.Header.Get(requestIDHeader))
		w.Header().Set(requestIDHeader, id)
		rec := &recorder{ResponseWriter: w}
		next.ServeHTTP(rec, r)
		path := "unmatched"
		if pattern := chi.RouteContext(r.Context()).RoutePattern(); pattern != "" && !strings.HasSuffix(pattern, "*") {
			path = pattern
		}
		status := rec.status
		if status == 0 {
			status = http.StatusOK
		}
		s.metrics.requests.WithLabelValues(methodLabel(r.Method), path, strconv.Itoa(status)).Inc()
		if status < 400 || refusals.Take("", time.Now()) > 0 {
			return
		}
		s.deps.Log.Info("request refused", "method", r.Method, "path", r.URL.Path, "status", status, "reason", rec.reason,
			"client", access.ClientAddress(r), "who", rec.caller.Name, "request_id", id)
	})
}

// requestID is the id of the request that w answers.
func requestID(w http.ResponseWriter) string { return w.Header().Get(requestIDHeader) }

// cleanID is the id that a client gave, where it can stand in a log line; else a new one.
func cleanID(given string) string {
	const longest = 128
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._:/+=@-", r)
	}
	if given != "" && len(given) <= longest && strings.IndexFunc(given, func(r rune) bool { return !plain(r) }) < 0 {
		return given
	}
	return fmt.Sprintf("%016x", rand.Uint64())
}

// methodLabel keeps the metric's label a closed set: a client can invent methods.
func methodLabel(method string) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, method) {
		return method
	}
	return "other"
}
