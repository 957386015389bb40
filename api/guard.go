package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/tocsin-security/tocsin/pipeline"
)

// busyRetryAfter is what a client is told to wait when too many requests are in work: about the time
// a durable write of a full queue takes.
const busyRetryAfter = time.Second

// throttle bounds the requests in work and answers the rest with 429.
func (s *Server) throttle() func(http.Handler) http.Handler {
	return middleware.ThrottleWithOpts(middleware.ThrottleOpts{
		Limit:          s.cfg.MaxRequests,
		BacklogLimit:   s.cfg.MaxRequests,
		BacklogTimeout: busyRetryAfter,
		StatusCode:     http.StatusTooManyRequests,
		RetryAfterFn:   func(bool) time.Duration { return busyRetryAfter },
	})
}

// limitBody answers larger bodies with 413.
func limitBody(most pipeline.Size) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > int64(most) {
				refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has %d bytes, at most %d are taken: post smaller batches", r.ContentLength, most))
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, int64(most))
			next.ServeHTTP(w, r)
		})
	}
}

func (s *Server) requireIntake(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.deps.Intake == nil {
			refuse(w, http.StatusNotFound, "this process only watches its kernel: post to a router")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// scope is what a request needs to be allowed to do.
type scope string

// Scopes.
const (
	scopeIntake scope = "intake" // post events, alerts, reports
	scopeRead   scope = "read"   // see alerts, silences, status
	scopeWrite  scope = "write"  // silence, acknowledge
	scopeAdmin  scope = "admin"  // reload; all of the others
)

// allow lets a request pass with a known bearer token, or when none are configured.
func (s *Server) allow(scope) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(s.tokens) > 0 && !s.knownToken(r.Header.Get("Authorization")) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="tocsin"`)
				refuse(w, http.StatusUnauthorized, "send one of the tokens of http.auth.tokens_file as Authorization: Bearer")
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// knownToken compares digests, so that neither content nor length of a token shows in its timing.
func (s *Server) knownToken(header string) bool {
	given, ok := strings.CutPrefix(header, "Bearer ")
	digest := sha256.Sum256([]byte(given))
	known := 0
	for _, token := range s.tokens {
		want := sha256.Sum256([]byte(token))
		known |= subtle.ConstantTimeCompare(digest[:], want[:])
	}
	return ok && known == 1
}

func (s *Server) recoverPanic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == http.ErrAbortHandler {
				panic(v) // not a mistake: the answer is to be cut short
			}
			if v != nil {
				s.deps.Log.Error("request handler panicked", "path", r.URL.Path, "err", v)
				refuse(w, http.StatusInternalServerError, "internal error: nothing was taken, try again")
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func readTokens(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("http.auth.tokens_file: %w", err)
	}
	var tokens []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			tokens = append(tokens, line)
		}
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("http.auth.tokens_file: %s holds no token", file)
	}
	return tokens, nil
}

// load returns nil for plain HTTP.
func (c TLSConfig) load() (*tls.Config, error) {
	if c.CertFile == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("http.tls: %w", err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if c.ClientCAFile == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(c.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("http.tls.client_ca_file: %w", err)
	}
	cfg.ClientCAs, cfg.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !cfg.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("http.tls.client_ca_file: %s holds no certificate", c.ClientCAFile)
	}
	return cfg, nil
}

func listen(address string, cfg *tls.Config) (net.Listener, error) {
	if cfg == nil {
		return net.Listen("tcp", address)
	}
	return tls.Listen("tcp", address, cfg)
}
