package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tocsin-security/tocsin/api/access"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Intake takes what was posted. Each method returns nil only when all of it is durable.
type Intake interface {
	// PublishAlerts has the alerts to itself from then on, unless the error is a *pipeline.TooLarge.
	PublishAlerts(ctx context.Context, alerts []pipeline.Alert) error
	// PublishEventsAs gives events their ids, by which one that is posted again is stored once; nil: new ones.
	PublishEventsAs(ctx context.Context, source string, ids []string, events []json.RawMessage) error
}

// Deps are what the server works with.
type Deps struct {
	Intake  Intake          // nil in the sensor role: nothing can be posted
	Sources func() []string // sources of structured events, the default one first
	// Deployments and Reports take context for alerts; there where Intake is.
	Deployments Deployments
	Reports     Reports
	// Whitelist is the whitelist's entries, and what they kept quiet.
	Whitelist func(ctx context.Context) (pipeline.WhitelistUsage, error)
	// OnCall is who is on call at a time, in every rotation.
	OnCall  func(at time.Time) []OnCall
	People  People                          // nil in the sensor role: silences and acknowledgements are kept by routers
	Links   *Links                          // of messages; nil: there is no page for them
	Reload  func(ctx context.Context) error // swaps the configuration whole or not at all
	V2      V2                              // there where Intake is
	History History                         // likewise
	Dead    DeadLetters                     // likewise
	// Try sends a test message over the channels of a receiver, "" or those of a kind; likewise. Errors may say what they
	// mean over HTTP.
	Try      func(ctx context.Context, receiver, kind string) ([]Tried, error)
	Ready    func() error // nil error: alerts can be taken and delivered
	Gatherer prometheus.Gatherer
	Metrics  prometheus.Registerer // takes the metrics of the requests; nil: nobody asks for them
	Hostname string                // of alerts that carry none
	Log      *slog.Logger
}

// Timeouts of a connection. A slow reader must not hold a worker for long, yet a batch of alerts over
// a slow link has to fit.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
)

// maxHeader bounds the address and the headers of a request, which come from anybody and are in memory and in the log.
const maxHeader = 64 << 10

// Server is the HTTP surface. Create it with New, then Run it once.
type Server struct {
	cfg      Config
	deps     Deps
	guard    *access.Guard
	keys     *keys
	rates    *access.Limiter                 // nil: no limit
	busy     func(http.Handler) http.Handler // bounds the requests in work
	streams  func(http.Handler) http.Handler // likewise those that may be long ones, which keep no place from the others
	metrics  *metrics
	listener net.Listener
	http     *http.Server
	stopping chan struct{} // closed when no stream may go on
}

// New binds the address, so that a port in use is an error before anything else starts.
func New(cfg Config, deps Deps) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.History != nil && deps.V2.Inspect == nil {
		return nil, errors.New("http: alerts can be listed and not where they go: a mistake of this build, please report it")
	}
	guard, err := access.New(cfg.Auth, cfg.TLS.ClientCAFile != "", deps.Log)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	tlsConfig, err := cfg.TLS.load()
	if err != nil {
		return nil, err
	}
	keys := &keys{}
	keys.Store(tlsConfig)
	listener, err := listen(cfg.Listen, keys)
	if err != nil {
		return nil, fmt.Errorf("http.listen: %w", err)
	}
	s := &Server{cfg: cfg, deps: deps, guard: guard, keys: keys, metrics: metrics, listener: listener, stopping: make(chan struct{})}
	s.busy, s.streams = s.throttle(), s.throttle()
	if limit := cfg.RateLimit; limit.Requests > 0 {
		burst := limit.Burst
		if burst == 0 {
			burst = max(1, int(math.Ceil(limit.Requests)))
		}
		s.rates = access.NewLimiter(limit.Requests, burst, mostClients)
	}
	s.http = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(deps.Log.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// ReadCredentials reads the files of http.auth and http.tls again. Nothing changes until use is called.
func (s *Server) ReadCredentials() (use func(), err error) {
	useAuth, err := s.guard.Read()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := s.cfg.TLS.load()
	if err != nil {
		return nil, err
	}
	return func() {
		useAuth()
		s.keys.Store(tlsConfig)
	}, nil
}

// Addr is the address bound, useful when Listen asked for port 0.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run serves until ctx ends, then lets requests in flight finish for up to 5 s.
func (s *Server) Run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.http.Serve(s.listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve http on %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	close(s.stopping)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := s.http.Shutdown(drain)
	<-done
	if errors.Is(err, context.DeadlineExceeded) {
		return s.http.Close()
	}
	return err
}

func (s *Server) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(s.observe, s.recoverPanic)
	r.Get("/-/healthy", s.healthy)
	r.Get("/-/ready", s.ready)
	metrics := promhttp.HandlerFor(s.deps.Gatherer, promhttp.HandlerOpts{})
	if s.cfg.Auth.ProtectMetrics {
		metrics = s.allow(scopeRead)(metrics)
	}
	r.Handle("/metrics", metrics)

	r.With(s.allow(scopeAdmin)).Post("/-/reload", s.reload)
	r.With(s.allow(scopeRead)).Get("/api/v1/whitelist", s.whitelist)
	r.With(s.allow(scopeRead)).Get("/api/v1/oncall", s.onCall)
	s.silenceRoutes(r)
	s.deadLetterRoutes(r)
	r.With(s.work(scopeAdmin)).Post("/api/v1/receivers/{name}/test", s.tryReceiver)
	if s.deps.Links != nil {
		r.Group(s.linkRoutes)
	}
	r.Group(func(r chi.Router) {
		r.Use(s.requireIntake)
		s.intakeRoutes(r)
		r.Route("/api/v2", s.v2Routes)
		r.Group(s.historyRoutes)
	})
	s.v1Routes(r)
	if prefix := s.cfg.RoutePrefix; prefix != "" {
		return http.StripPrefix(prefix, r)
	}
	return r
}

// intakeRoutes are what posts events and what is known about them.
func (s *Server) intakeRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.work(scopeIntake), limitBody(s.cfg.MaxBody))
		r.Post("/", s.postFalco)
		r.Post("/api/v1/falco", s.postFalco)
		r.Post("/api/v1/alerts", s.postAlerts)
		r.Post("/api/v1/alertmanager", s.postAlertmanager)
		r.Post("/api/v1/cloudevents", s.postCloudEvents)
		r.Post("/api/v1/deployments", s.postDeployments)
	})
	r.Group(func(r chi.Router) { // these bound a line, not the body
		r.Use(s.allow(scopeIntake), s.streams, unpackBody)
		r.Post("/api/v1/events", s.postEvents)
		r.Post("/api/v1/tetragon", s.postTetragon)
	})
	r.With(s.work(scopeRead)).Get("/api/v1/deployments", s.listDeployments)
	r.Group(func(r chi.Router) {
		r.Use(s.work(scopeIntake), limitBody(s.cfg.MaxReport))
		for _, scanner := range pipeline.Scanners() {
			r.Post("/api/v1/"+scanner, s.postReport(scanner))
		}
	})
}

func (s *Server) healthy(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"status": "healthy"})
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if err := s.deps.Ready(); err != nil {
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	answer(w, http.StatusOK, map[string]any{"status": "ready"})
}

// reload answers 500 when the new configuration is refused, as Alertmanager and Prometheus do: the
// old one stays active.
func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	if err := s.deps.Reload(r.Context()); err != nil {
		refuse(w, http.StatusInternalServerError, "reload refused, the old configuration stays active: "+err.Error())
		return
	}
	answer(w, http.StatusOK, map[string]any{"status": "reloaded"})
}

// answer writes v as JSON. A failed write means that the client is gone; there is nobody to tell.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// refuse says why, and by which id the log knows the request.
func refuse(w http.ResponseWriter, status int, reason string) { refuseWith(w, status, reason, nil) }

// refuseWith is refuse with more members in the answer.
func refuseWith(w http.ResponseWriter, status int, reason string, more map[string]any) {
	rec := recorderOf(w)
	rec.reason = reason
	if rec.bare {
		answer(w, status, reason)
		return
	}
	body := map[string]any{"error": reason}
	if id := requestID(w); id != "" {
		body["request_id"] = id
	}
	maps.Copy(body, more)
	answer(w, status, body)
}
