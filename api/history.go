package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline"
)

// History knows what alerts there are and were, and what happened to them.
type History interface {
	// EachLive calls f with the alerts that are live and for which all matchers hold, in the order of their
	// fingerprints, until f returns an error.
	EachLive(ctx context.Context, now time.Time, ms []pipeline.Matcher, f func(pipeline.Live) error) error
	// Get returns an alert that is live or was; nil: it is not known.
	Get(ctx context.Context, of pipeline.Fingerprint) (*pipeline.Known, error)
	// Steps returns what happened to an alert, the earliest first.
	Steps(ctx context.Context, of pipeline.Fingerprint) ([]pipeline.Step, error)
	// Search returns occurrences, the latest first.
	Search(ctx context.Context, q pipeline.HistoryQuery) (pipeline.HistoryPage, error)
}

// historyRoutes are the questions about alerts.
func (s *Server) historyRoutes(r chi.Router) {
	r.Use(noStore, s.work(scopeRead))
	r.Get("/api/v1/alerts", s.listAlerts)
	r.Get("/api/v1/alerts/{fingerprint}", s.showAlert)
	r.Get("/api/v1/alerts/{fingerprint}/explain", s.explainAlert)
	r.Get("/api/v1/history", s.searchHistory)
}

// alertView is an alert as it stands. Alert is all of it, as it travels.
type alertView struct {
	Fingerprint pipeline.Fingerprint  `json:"fingerprint"`
	Kind        string                `json:"kind"`  // event, stateful
	State       string                `json:"state"` // active, suppressed, over
	StartsAt    time.Time             `json:"starts_at"`
	EndsAt      time.Time             `json:"ends_at"`
	UpdatedAt   time.Time             `json:"updated_at"`
	Suppressed  []pipeline.Suppressed `json:"suppressed"`
	Groups      []pipeline.InGroup    `json:"groups"`
	Alert       *pipeline.Alert       `json:"alert"`
}

func viewOf(l *pipeline.Live, to pipeline.Routed, now time.Time) alertView {
	v := alertView{
		Fingerprint: l.Fingerprint, Kind: "event", State: "active",
		StartsAt: l.StartsAt, EndsAt: l.EndsAt, UpdatedAt: l.UpdatedAt,
		Suppressed: to.Suppressed, Groups: to.Groups, Alert: &l.Alert,
	}
	if v.Suppressed == nil {
		v.Suppressed = []pipeline.Suppressed{}
	}
	if v.Groups == nil {
		v.Groups = []pipeline.InGroup{}
	}
	if l.Stateful != nil {
		v.Kind = "stateful"
	}
	switch {
	case !l.EndsAt.After(now):
		v.State = "over"
	case len(to.Suppressed) > 0 || allMuted(to.Groups):
		v.State = "suppressed"
	}
	return v
}

// allMuted reports whether a time interval keeps each of an alert's groups back.
func allMuted(groups []pipeline.InGroup) bool {
	for _, g := range groups {
		if len(g.Muted) == 0 {
			return false
		}
	}
	return len(groups) > 0
}

// listQuery is which live alerts somebody asked for.
type listQuery struct {
	filter   labels.Matchers
	state    string         // "": any
	receiver *regexp.Regexp // nil: any
	limit    int            // 0: all
}

func readListQuery(params url.Values) (q listQuery, err error) {
	if q.filter, err = filterParam(params, "filter"); err != nil {
		return q, err
	}
	switch q.state = params.Get("state"); q.state {
	case "", "active", "suppressed":
	default:
		return q, fmt.Errorf("state=%q is neither active nor suppressed", q.state)
	}
	if text := params.Get("receiver"); text != "" {
		if q.receiver, err = regexp.Compile("^(?:" + text + ")$"); err != nil {
			return q, fmt.Errorf("receiver=%q is no regular expression: %w", text, err)
		}
	}
	q.limit, err = limitParam(params)
	return q, err
}

func limitParam(params url.Values) (int, error) {
	text := params.Get("limit")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("limit=%q is not a number above 0", text)
	}
	return n, nil
}

func (q *listQuery) wants(v *alertView) bool {
	if q.state != "" && q.state != v.State {
		return false
	}
	if q.receiver == nil {
		return true
	}
	for _, g := range v.Groups {
		if q.receiver.MatchString(g.Receiver) {
			return true
		}
	}
	return false
}

// listAlerts lists what is live: an array, by fingerprint.
func (s *Server) listAlerts(w http.ResponseWriter, r *http.Request) {
	q, err := readListQuery(r.URL.Query())
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	now, out, listed := time.Now(), newArrayStream(w), 0
	err = s.eachAlert(r.Context(), now, q.filter, out.more, func(l *pipeline.Live, to *pipeline.Routed) error {
		v := viewOf(l, *to, now)
		if !q.wants(&v) {
			return nil
		}
		if listed++; q.limit > 0 && listed > q.limit {
			return errListed
		}
		return out.add(v)
	})
	switch {
	case errors.Is(err, errListed):
		out.end(nil)
	case err != nil && !out.started:
		s.noHistory(w, err)
	default:
		out.end(err)
	}
}

var errListed = errors.New("as many as were asked for")

// inspect says where alerts go, in their order; where nobody knows it says nothing of each.
func (s *Server) inspect(ctx context.Context, now time.Time, alerts []pipeline.Live) ([]pipeline.Routed, error) {
	if s.deps.V2.Inspect == nil {
		return make([]pipeline.Routed, len(alerts)), nil
	}
	return s.deps.V2.Inspect(ctx, now, alerts)
}

// knownView is an alert and its account.
type knownView struct {
	alertView
	Occurrences uint64    `json:"occurrences"` // of an event: all; of a stateful alert: how often it began to fire
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Repeats     uint64    `json:"repeats"` // of an event: kept quiet since it was last let through
}

func (s *Server) showAlert(w http.ResponseWriter, r *http.Request) {
	k, to, ok := s.known(w, r)
	if !ok {
		return
	}
	answer(w, http.StatusOK, newKnownView(k, to, time.Now()))
}

func newKnownView(k *pipeline.Known, to pipeline.Routed, now time.Time) knownView {
	return knownView{viewOf(&k.Live, to, now), k.Occurrences, k.First, k.Last, k.Repeats}
}

// known finds the alert that a request is about, and where it goes; or answers.
func (s *Server) known(w http.ResponseWriter, r *http.Request) (*pipeline.Known, pipeline.Routed, bool) {
	fp, ok := fingerprintOf(w, r)
	if !ok {
		return nil, pipeline.Routed{}, false
	}
	k, err := s.deps.History.Get(r.Context(), fp)
	if err != nil {
		s.noHistory(w, err)
		return nil, pipeline.Routed{}, false
	}
	if k == nil {
		refuse(w, http.StatusNotFound, fmt.Sprintf("no alert %s is known: GET /api/v1/alerts lists those that are live, "+
			"GET /api/v1/history those that people were told of, as far back as history.max_age and max_size reach", fp))
		return nil, pipeline.Routed{}, false
	}
	routed, err := s.inspect(r.Context(), time.Now(), []pipeline.Live{k.Live})
	if err != nil || len(routed) != 1 {
		s.deps.Log.Warn("where an alert goes could not be found out", "fingerprint", fp.String(), "err", err)
		return k, pipeline.Routed{}, true
	}
	return k, routed[0], true
}

// noHistory answers when history cannot be read.
func (s *Server) noHistory(w http.ResponseWriter, err error) {
	s.deps.Log.Warn("the history cannot be read", "err", err)
	w.Header().Set("Retry-After", "5")
	refuse(w, http.StatusServiceUnavailable, err.Error())
}
