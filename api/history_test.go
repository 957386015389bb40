package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// fakeHistory knows live alerts, and answers searches with what it was asked.
type fakeHistory struct {
	live  []pipeline.Live
	steps []pipeline.Step
	asked pipeline.HistoryQuery
	err   error
}

func (f *fakeHistory) EachLive(_ context.Context, _ time.Time, ms []pipeline.Matcher, each func(pipeline.Live) error) error {
	compiled, err := matcher.Compile(ms)
	if err != nil {
		return err
	}
	for _, l := range f.live {
		if !matcher.Match(compiled, l.Labels) {
			continue
		}
		if err := each(l); err != nil {
			return err
		}
	}
	return f.err
}

func (f *fakeHistory) Get(_ context.Context, of pipeline.Fingerprint) (*pipeline.Known, error) {
	for _, l := range f.live {
		if l.Fingerprint == of {
			return &pipeline.Known{Live: l, Occurrences: 3, First: l.StartsAt, Last: l.UpdatedAt, Repeats: 2}, f.err
		}
	}
	return nil, f.err
}

func (f *fakeHistory) Steps(context.Context, pipeline.Fingerprint) ([]pipeline.Step, error) {
	return f.steps, f.err
}

func (f *fakeHistory) Search(_ context.Context, q pipeline.HistoryQuery) (pipeline.HistoryPage, error) {
	f.asked = q
	if q.Cursor == "bad" {
		return pipeline.HistoryPage{}, pipeline.ErrCursor
	}
	var page pipeline.HistoryPage
	for _, l := range f.live {
		page.Occurrences = append(page.Occurrences, pipeline.Occurrence{At: l.Time, Kind: pipeline.OccurredEvent, Alert: l.Alert})
	}
	page.Next, page.Looked = "abc", len(f.live)
	return page, f.err
}

func liveEvent(n int, at time.Time) pipeline.Live {
	a := pipeline.Alert{ID: fmt.Sprint("id", n), Time: at, Rule: fmt.Sprint("R", n), Labels: map[string]string{"alertname": fmt.Sprint("R", n), "n": fmt.Sprint(n)},
		Fingerprint: pipeline.Fingerprint(n)}
	return pipeline.Live{Alert: a, StartsAt: at, EndsAt: at.Add(time.Hour), UpdatedAt: at}
}

// startHistory has 600 live alerts, more than are asked about at once. Odd ones are silenced and go to odd.
func startHistory(t *testing.T) (*fakeHistory, string) {
	t.Helper()
	h := &fakeHistory{}
	for n := range 600 {
		h.live = append(h.live, liveEvent(n, time.Now().Add(-time.Minute).UTC()))
	}
	return h, start(t, func(_ *Config, d *Deps) {
		d.History = h
		d.V2.Inspect = func(_ context.Context, now time.Time, alerts []pipeline.Live) ([]pipeline.Routed, error) {
			all := make([]pipeline.Routed, len(alerts))
			for i, a := range alerts {
				all[i].Groups = []pipeline.InGroup{{Key: "k", Path: []string{"{}"}, Receiver: "even", Due: now.Add(-time.Second)}}
				if a.Fingerprint%2 == 1 {
					all[i].Groups[0].Receiver = "odd"
					all[i].Suppressed = []pipeline.Suppressed{{Why: pipeline.BySilence, By: "s1"}}
				}
			}
			return all, nil
		}
		d.V2.Silences = namedSilences{}
		d.Whitelist = func(context.Context) (pipeline.WhitelistUsage, error) {
			return pipeline.WhitelistUsage{Entries: []pipeline.EntryUsage{{ID: "e1", Rules: []pipeline.RuleUsage{{Rule: "R2", Hits: 7}}}}}, nil
		}
	})
}

// namedSilences has one, of alice.
type namedSilences struct{ Silences }

func (namedSilences) Get(id string) (pipeline.Silence, error) {
	if id != "s1" {
		return pipeline.Silence{}, errors.New("no such silence")
	}
	return pipeline.Silence{ID: id, CreatedBy: "alice", Comment: "node moves"}, nil
}

// Whose silence it is is for people; programs get its id.
func TestExplainNamesWhoSilenced(t *testing.T) {
	_, base := startHistory(t)
	_, body, _ := request(t, http.MethodGet, base+"/api/v1/alerts/0000000000000003/explain", "")
	var e explanation
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if want := "kept back by silence s1 of alice (node moves); "; !strings.HasPrefix(e.Why, want) || e.Alert.Suppressed[0].By != "s1" {
		t.Errorf("why: %s (by %q), want it to begin with %s", e.Why, e.Alert.Suppressed[0].By, want)
	}
}

func TestLiveAlertsAreListed(t *testing.T) {
	_, base := startHistory(t)
	for query, want := range map[string]string{
		"":                                     "600 first 0 active last 599 suppressed",
		"?state=active":                        "300 first 0 active last 598 active",
		"?receiver=od.&limit=2":                "2 first 1 suppressed last 3 suppressed",
		"?filter=n%3D~%225..%22&filter=n!=500": "99 first 501 suppressed last 599 suppressed",
		"?filter=n%3D7&state=active":           "0",
	} {
		status, body, _ := request(t, http.MethodGet, base+"/api/v1/alerts"+query, "")
		var all []struct {
			State string
			Alert pipeline.Alert
		}
		if err := json.Unmarshal([]byte(body), &all); err != nil || status != http.StatusOK {
			t.Errorf("%s: %d %.200s: %v", query, status, body, err)
			continue
		}
		got := fmt.Sprint(len(all))
		if len(all) > 0 {
			last := all[len(all)-1]
			got += fmt.Sprintf(" first %s %s last %s %s", all[0].Alert.Labels["n"], all[0].State, last.Alert.Labels["n"], last.State)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

func TestOneAlertIsShownAndExplained(t *testing.T) {
	h, base := startHistory(t)
	at := h.live[2].Time
	h.steps = []pipeline.Step{
		{At: at, Fingerprint: 2, Stage: "dedupe", Verdict: "passed"},
		{At: at.Add(time.Second), Fingerprint: 2, Stage: "deliver", Verdict: "retry", Detail: "503; again in 1s", Receiver: "even", Integration: "even.webhook-1", Notification: "n1", Attempt: 1},
		{At: at.Add(2 * time.Second), Fingerprint: 2, Stage: "deliver", Verdict: "sent", Receiver: "even", Integration: "even.webhook-1", Notification: "n1", Attempt: 2},
	}
	status, body, _ := request(t, http.MethodGet, base+"/api/v1/alerts/0000000000000002", "")
	var view knownView
	if err := json.Unmarshal([]byte(body), &view); err != nil || status != 200 || view.Fingerprint != 2 || view.Occurrences != 3 || view.State != "active" || view.Groups[0].Receiver != "even" {
		t.Errorf("show: %d %s %v", status, body, err)
	}
	status, body, _ = request(t, http.MethodGet, base+"/api/v1/alerts/0000000000000002/explain", "")
	var e explanation
	if err := json.Unmarshal([]byte(body), &e); err != nil || status != 200 {
		t.Fatalf("explain: %d %s %v", status, body, err)
	}
	if want := "sent to even over webhook-1 2s after it happened, at attempt 2; a repeat: it has occurred 2 times since, which the next message tells"; e.Why != want {
		t.Errorf("why: %s\nwant %s", e.Why, want)
	}
	var verdicts []string
	for _, s := range e.Steps {
		verdicts = append(verdicts, s.Verdict)
	}
	if diff := cmp.Diff([]string{"passed", "repeat", "retry", "sent"}, verdicts); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if len(e.Deliveries) != 1 || e.Deliveries[0].State != "sent" || len(e.Deliveries[0].Attempts) != 2 || e.Deliveries[0].Attempts[0].Answer != "503; again in 1s" {
		t.Errorf("deliveries: %+v", e.Deliveries)
	}
	if len(e.Exceptions) != 1 || e.Exceptions[0].Hits != 7 {
		t.Errorf("exceptions: %+v", e.Exceptions)
	}
}

func TestHistoryIsSearched(t *testing.T) {
	h, base := startHistory(t)
	h.live = h.live[:2]
	query := url.Values{
		"rule": {"R1"}, "filter": {`n="1"`, "team!=sec"}, "q": {"shadow"}, "since": {"2h"}, "until": {"2026-07-01T03:00:00Z"},
		"priority": {"critical"}, "limit": {"7"}, "cursor": {"x.y"}, "kind": {"event"}, "fingerprint": {"1f"},
	}
	status, body, _ := request(t, http.MethodGet, base+"/api/v1/history?"+query.Encode(), "")
	if status != 200 || !strings.Contains(body, `"next":"abc"`) || strings.Count(body, `"kind":"event"`) != 2 {
		t.Errorf("search: %d %s", status, body)
	}
	critical, fp := pipeline.Critical, pipeline.Fingerprint(0x1f)
	want := pipeline.HistoryQuery{
		Rule: "R1", Text: "shadow", Priority: &critical, Limit: 7, Cursor: "x.y", Kind: "event", Fingerprint: &fp,
		Matchers: []pipeline.Matcher{{Name: "n", Value: "1", IsEqual: true}, {Name: "team", Value: "sec"}},
		To:       time.Date(2026, 7, 1, 3, 0, 0, 0, time.UTC), From: h.asked.From,
	}
	if diff := cmp.Diff(want, h.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if ago := time.Since(h.asked.From); ago < 2*time.Hour || ago > 3*time.Hour {
		t.Errorf("since=2h was %s ago", ago)
	}
}

// A mistake says what to do, and a history that cannot be read is no empty one.
func TestQuestionsAboutAlertsGoWrong(t *testing.T) {
	h, base := startHistory(t)
	for path, want := range map[string]string{
		"alerts/xyz":                      "400 16 hex digits",
		"alerts/00000000000fffff":         "404 GET /api/v1/history",
		"alerts/000000000000ffff/explain": "404 GET /api/v1/history",
		"alerts?state=on":                 "400 suppressed",
		"alerts?filter=(":                 "400 filter",
		"alerts?receiver=(":               "400 regular expression",
		"alerts?limit=0":                  "400 above 0",
		"history?since=yesterday":         "400 2h or 7d",
		"history?prio=critical":           "400 \\\"prio\\\" is no parameter",
		"history?priority=high":           "400 unknown priority",
		"history?kind=x":                  "400 event, firing, resolved",
		"history?cursor=bad":              "400 next of the page before",
		"history?fingerprint=zz":          "400 hex",
	} {
		status, body, _ := request(t, http.MethodGet, base+"/api/v1/"+path, "")
		code, text, _ := strings.Cut(want, " ")
		if fmt.Sprint(status) != code || !strings.Contains(body, text) {
			t.Errorf("%s: %d %s, want %s", path, status, body, want)
		}
	}
	h.err = errors.New("the disk is full")
	for _, path := range []string{"alerts/0000000000000002", "alerts/0000000000000002/explain", "history"} {
		if status, body, _ := request(t, http.MethodGet, base+"/api/v1/"+path, ""); status != 503 || !strings.Contains(body, "disk") {
			t.Errorf("%s: %d %s, want 503", path, status, body)
		}
	}
}
