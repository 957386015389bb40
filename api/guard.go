package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/api/access"
)

// scope is what a request needs to be allowed to do.
type scope = access.Scope

// Scopes.
const (
	scopeIntake = access.Intake
	scopeRead   = access.Read
	scopeWrite  = access.Write
	scopeAdmin  = access.Admin
)

// busyRetryAfter is what a client is told to wait when too many requests are in work: about the time
// a durable write of a full queue takes.
const busyRetryAfter = time.Second

// mostClients is how many clients the rate limit remembers.
const mostClients = 10_000

// throttle bounds the requests in work. As many more wait for a place, for a moment; the rest is answered 429.
func (s *Server) throttle() func(http.Handler) http.Handler {
	places := make(chan struct{}, s.cfg.MaxRequests)
	here := make(chan struct{}, 2*s.cfg.MaxRequests) // those that have a place, and those that wait for one
	busy := &access.Refusal{Status: http.StatusTooManyRequests, Reason: "busy", RetryAfter: busyRetryAfter,
		Message: fmt.Sprintf("%d requests are worked on already (http.max_requests): wait", s.cfg.MaxRequests)}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case here <- struct{}{}:
				defer func() { <-here }()
			default:
				s.turnAway(w, busy)
				return
			}
			if !place(r.Context(), places) {
				s.turnAway(w, busy)
				return
			}
			defer func() { <-places }()
			next.ServeHTTP(w, r)
		})
	}
}

// place waits for a place, for a moment.
func place(ctx context.Context, places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, busyRetryAfter)
	defer cancel()
	select {
	case places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
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

// allow lets a request pass whose caller is known, has the scope, and has not sent too many. Whoever changes
// something is in the log.
func (s *Server) allow(needs scope) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			caller, err := s.admit(r, needs)
			rec := recorderOf(w)
			rec.caller = caller
			if err != nil {
				s.turnAway(rec, err)
				return
			}
			r = r.WithContext(context.WithValue(r.Context(), callerKey{}, caller))
			signed := caller.Message.ID != ""
			if signed && s.guard.Taken.Has(caller, time.Now()) {
				answer(w, http.StatusOK, map[string]any{"accepted": 0, "duplicate": true})
				return
			}
			next.ServeHTTP(rec, r)
			if signed && rec.status/100 == 2 {
				s.guard.Taken.Add(caller, time.Now())
			}
			if needs == scopeWrite || needs == scopeAdmin {
				s.deps.Log.Info("somebody used the api to change something", "who", caller.Name, "by", caller.By, "method", r.Method,
					"path", r.URL.Path, "status", rec.status, "request_id", requestID(w))
			}
		})
	}
}

// work is allow for requests of which only so many are worked on at once. Nobody has a place among those who is not
// known yet.
func (s *Server) work(needs scope) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler { return s.allow(needs)(s.busy(next)) }
}

// admit is allow's decision; the error is an *access.Refusal.
func (s *Server) admit(r *http.Request, needs scope) (access.Caller, error) {
	if err := s.ownPage(r); err != nil {
		return access.Caller{}, &access.Refusal{Status: http.StatusForbidden, Reason: "cross_origin",
			Message: "a page of another site in somebody's browser may change nothing here"}
	}
	now := time.Now()
	caller, err := s.guard.Identify(r, now)
	if err != nil {
		return caller, err
	}
	if err := caller.Require(needs); err != nil {
		return caller, err
	}
	if s.rates == nil {
		return caller, nil
	}
	if wait := s.rates.Take(caller.By+" "+caller.Name, now); wait > 0 {
		return caller, &access.Refusal{Status: http.StatusTooManyRequests, Reason: "rate", RetryAfter: wait,
			Message: fmt.Sprintf("%s %q sends more than %g requests a second: post batches, or wait", caller.By, caller.Name, s.cfg.RateLimit.Requests)}
	}
	return caller, nil
}

// turnAway answers with a refusal and counts it.
func (s *Server) turnAway(w http.ResponseWriter, err error) {
	var refusal *access.Refusal
	if !errors.As(err, &refusal) {
		refusal = &access.Refusal{Status: http.StatusInternalServerError, Reason: "internal", Message: err.Error()}
	}
	for _, challenge := range refusal.Challenges {
		w.Header().Add("WWW-Authenticate", challenge)
	}
	if refusal.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(refusal.RetryAfter.Seconds()))))
	}
	s.metrics.denied.WithLabelValues(refusal.Reason).Inc()
	refuse(w, refusal.Status, refusal.Message)
}

// callerKey is where a request's context has its caller.
type callerKey struct{}

// callerOf is who sent the request of ctx; of one that needed no scope the zero Caller.
func callerOf(ctx context.Context) access.Caller {
	caller, _ := ctx.Value(callerKey{}).(access.Caller)
	return caller
}

func (s *Server) recoverPanic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == http.ErrAbortHandler {
				panic(v) // not a mistake: the answer is to be cut short
			}
			if v != nil {
				s.deps.Log.Error("request handler panicked", "path", r.URL.Path, "request_id", requestID(w), "err", v)
				refuse(w, http.StatusInternalServerError, "internal error: nothing was taken, try again")
			}
		}()
		next.ServeHTTP(w, r)
	})
}
