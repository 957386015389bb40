package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/api/access"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// router is what the API works on in these tests: alerts, where each goes, silences.
type router struct {
	live   []pipeline.Live
	routed map[pipeline.Fingerprint]pipeline.Routed
	fails  error // of EachLive, at its end

	mu       sync.Mutex // guards silences
	silences map[string]pipeline.Silence
	enders   []string // who ended silences
}

func newRouter() *router {
	return &router{routed: map[pipeline.Fingerprint]pipeline.Routed{}, silences: map[string]pipeline.Silence{}}
}

// liveAlerts is the history of a router, as far as it is asked here.
type liveAlerts struct {
	History
	of *router
}

func (l liveAlerts) EachLive(_ context.Context, _ time.Time, ms []pipeline.Matcher, f func(pipeline.Live) error) error {
	compiled, err := matcher.Compile(ms)
	if err != nil {
		return err
	}
	byFingerprint := func(a, b pipeline.Live) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) }
	for _, a := range slices.SortedFunc(slices.Values(l.of.live), byFingerprint) {
		if !matcher.Match(compiled, a.Labels) {
			continue
		}
		if err := f(a); err != nil {
			return err
		}
	}
	return l.of.fails
}

func (r *router) Inspect(_ context.Context, _ time.Time, live []pipeline.Live) ([]pipeline.Routed, error) {
	var all []pipeline.Routed
	for i := range live {
		all = append(all, r.routed[live[i].Fingerprint])
	}
	return all, nil
}

// httpError is an error that says what it means.
type httpError int

func (e httpError) Error() string   { return http.StatusText(int(e)) }
func (e httpError) HTTPStatus() int { return int(e) }

func (r *router) List(time.Time) []pipeline.Silence {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []pipeline.Silence
	for _, s := range r.silences {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b pipeline.Silence) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func (r *router) Get(id string) (pipeline.Silence, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.silences[id]
	if !ok {
		return s, httpError(http.StatusNotFound)
	}
	return s, nil
}

func (r *router) Put(_ context.Context, s pipeline.Silence) (string, error) {
	if s.Comment == "" {
		return "", httpError(http.StatusBadRequest)
	}
	if s.ID == "" {
		s.ID = uuid.NewString()
	} else if _, err := r.Get(s.ID); err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silences[s.ID] = s
	return s.ID, nil
}

func (r *router) Expire(_ context.Context, id, by string) error {
	s, err := r.Get(id)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.EndsAt = time.Now()
	r.silences[id] = s
	r.enders = append(r.enders, by)
	return nil
}

// startV2 runs a server over r and returns the API's base address, with what was posted.
func startV2(t *testing.T, r *router) (base string, posted *fakeIntake) {
	t.Helper()
	posted = &fakeIntake{}
	return start(t, func(c *Config, d *Deps) {
		d.Intake = posted
		d.History = liveAlerts{of: r}
		d.V2 = V2{
			Inspect: r.Inspect, Silences: r,
			Receivers: func() []Receiver {
				return []Receiver{{Name: "oncall", Labels: map[string]string{"team": "sec"}}, {Name: "quiet"}}
			},
			ResolveTimeout: func() time.Duration { return 5 * time.Minute },
			Original:       func() (string, error) { return "route:\n  receiver: oncall\n", nil },
			Cluster:        func() Cluster { return Cluster{} },
			Build:          Build{Version: "1.2.3"},
			Started:        time.Date(2026, 11, 26, 4, 0, 0, 1e6, time.UTC),
		}
	}) + "/api/v2", posted
}

// add makes a live alert that goes to the routes given; a name stands for its labels.
func (r *router) add(name string, labels map[string]string, to pipeline.Routed) pipeline.Fingerprint {
	set := map[string]string{"alertname": name}
	for k, v := range labels {
		set[k] = v
	}
	at := time.Date(2026, 11, 26, 4, 0, 0, 123456789, time.UTC)
	a := pipeline.Live{
		Alert:    pipeline.Alert{Rule: name, Labels: set, Fingerprint: pipeline.FingerprintOf(set), Stateful: &pipeline.Stateful{GeneratorURL: "http://p/" + name}},
		StartsAt: at, EndsAt: at.Add(time.Hour), UpdatedAt: at.Add(time.Minute),
	}
	r.live = append(r.live, a)
	r.routed[a.Fingerprint] = to
	return a.Fingerprint
}

// in is a place in the group of a receiver.
func in(receiver, key string, mutedBy ...string) pipeline.InGroup {
	g := pipeline.InGroup{Key: receiver + key, Receiver: receiver, Labels: map[string]string{"k": key}}
	for _, name := range mutedBy {
		g.Muted = append(g.Muted, pipeline.Suppressed{Why: pipeline.ByMuteInterval, By: name})
	}
	return g
}

// getJSON requires 200 and decodes the answer.
func getJSON[T any](t *testing.T, url string) T {
	t.Helper()
	status, body, header := request(t, http.MethodGet, url, "")
	var v T
	if err := json.Unmarshal([]byte(body), &v); err != nil || status != http.StatusOK || header.Get("Content-Type") != "application/json" {
		t.Fatalf("GET %s = %d %s %s (%v), want 200 and JSON", url, status, header.Get("Content-Type"), body, err)
	}
	return v
}

// wantString requires a refusal that is a bare JSON string, as Alertmanager's are.
func wantString(t *testing.T, what string, gotStatus int, body string, wantStatus int) string {
	t.Helper()
	var reason string
	if err := json.Unmarshal([]byte(body), &reason); err != nil || gotStatus != wantStatus || reason == "" {
		t.Errorf("%s = %d %s, want %d and a JSON string", what, gotStatus, body, wantStatus)
	}
	return reason
}

func TestV1IsGone(t *testing.T) {
	base, _ := startV2(t, newRouter())
	v1 := base[:len(base)-len("/api/v2")] + "/api/v1"
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/status", ""}, {"GET", "/receivers", ""}, {"GET", "/alerts/groups", ""}, {"DELETE", "/silence/x", ""},
		{"POST", "/alerts", `[{"labels":{"alertname":"A"}}]`},
	} {
		status, body, _ := request(t, c.method, v1+c.path, c.body)
		var said map[string]string
		if err := json.Unmarshal([]byte(body), &said); err != nil || status != http.StatusGone || said["status"] != "deprecated" || said["error"] == "" {
			t.Errorf("%s %s = %d %s, want 410 and why", c.method, c.path, status, body)
		}
	}
	if status, body, _ := request(t, "POST", v1+"/alerts", `[{"labels":{}, "uuid":"u"}]`); status != http.StatusBadRequest {
		t.Errorf("a broken alert of our own = %d %s, want 400", status, body)
	}
}

func TestRoutePrefixGoesBeforeEveryPath(t *testing.T) {
	base := start(t, func(c *Config, d *Deps) { c.RoutePrefix = "/tocsin" })
	for path, want := range map[string]int{
		"/tocsin/-/healthy": 200, "/tocsin/metrics": 200, "/tocsin/api/v1/status": 410, "/tocsin/": 405, "/-/healthy": 404, "/tocsinx/-/healthy": 404,
	} {
		if status, body, _ := request(t, http.MethodGet, base+path, ""); status != want {
			t.Errorf("GET %s = %d %s, want %d", path, status, body, want)
		}
	}
	for _, bad := range []string{"tocsin", "/tocsin/", "/", "/a/../b"} {
		c := DefaultConfig()
		c.RoutePrefix = bad
		if err := c.Validate(); err == nil {
			t.Errorf("route_prefix %q is taken", bad)
		}
	}
}

func TestUnknownPathsOfTheAPI(t *testing.T) {
	base, _ := startV2(t, newRouter())
	status, body, _ := request(t, http.MethodGet, base+"/nothing", "")
	wantString(t, "GET /nothing", status, body, http.StatusNotFound)
}

func TestStatusTellsOfTheProcess(t *testing.T) {
	base, _ := startV2(t, newRouter())
	got := fmt.Sprint(getJSON[map[string]any](t, base+"/status"))
	for _, want := range []string{"cluster:map[peers:[] status:disabled]", "config:map[original:route:\n  receiver: oncall\n]", "uptime:2026-11-26T04:00:00.001Z", "version:1.2.3"} {
		if !strings.Contains(got, want) {
			t.Errorf("GET /status = %s, want %s in it", got, want)
		}
	}
	shared := fmt.Sprint(Cluster{Name: "a", Peers: []Peer{{"a", "10.0.0.1:8686"}}}.status())
	if want := "map[name:a peers:[{a 10.0.0.1:8686}] status:ready]"; shared != want {
		t.Errorf("a cluster's status is %s, want %s", shared, want)
	}
}

func TestReceiversHaveTheirLabels(t *testing.T) {
	base, _ := startV2(t, newRouter())
	type receiver struct {
		Name   string
		Labels map[string]string
	}
	if got := fmt.Sprint(getJSON[[]receiver](t, base+"/receivers")); got != "[{oncall map[name:oncall team:sec]} {quiet map[name:quiet]}]" {
		t.Errorf("receivers %s", got)
	}
	if got := fmt.Sprint(getJSON[[]receiver](t, base+`/receivers?receiver_matchers=team%3D"sec"`)); got != "[{oncall map[name:oncall team:sec]}]" {
		t.Errorf("receivers of a team %s", got)
	}
	if _, body, _ := request(t, "GET", base+"/receivers?receiver_matchers=team%3D%22none%22", ""); body != "[]\n" {
		t.Errorf("no receivers are %q, want []", body)
	}
}

func TestWhoMayNotIsToldInAString(t *testing.T) {
	tokens, token := tokensFile(t, access.Scopes{access.Intake})
	base := start(t, func(cfg *Config, _ *Deps) { cfg.Auth.TokensFile = tokens })
	status, body, _ := request(t, "GET", base+"/api/v2/alerts", "")
	wantString(t, "without a token", status, body, http.StatusUnauthorized)
	status, body, _ = request(t, "GET", base+"/api/v2/alerts", "", "Authorization", "Bearer "+token[0])
	wantString(t, "with a token for something else", status, body, http.StatusForbidden)
}
