package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

// populate makes one alert of each kind of state.
func populate(r *router) {
	r.add("free", map[string]string{"team": "sec"}, pipeline.Routed{Groups: []pipeline.InGroup{in("oncall", "1"), in("quiet", "2")}})
	r.add("silenced", nil, pipeline.Routed{
		Suppressed: []pipeline.Suppressed{{Why: pipeline.BySilence, By: "id-1"}}, Groups: []pipeline.InGroup{in("oncall", "1")}})
	r.add("inhibited", nil, pipeline.Routed{
		Suppressed: []pipeline.Suppressed{{Why: pipeline.ByInhibition, By: "00ff"}}, Groups: []pipeline.InGroup{in("quiet", "2")}})
	r.add("muted", nil, pipeline.Routed{Groups: []pipeline.InGroup{in("oncall", "3", "nights"), in("quiet", "3", "weekends", "nights")}})
	r.add("half", nil, pipeline.Routed{Groups: []pipeline.InGroup{in("oncall", "3", "nights"), in("quiet", "2")}})
	r.add("acked", nil, pipeline.Routed{
		Suppressed: []pipeline.Suppressed{{Why: pipeline.ByAck, By: "alice"}}, Groups: []pipeline.InGroup{in("oncall", "1")}})
	r.add("new", nil, pipeline.Routed{})
}

type listedAlert struct {
	Fingerprint string
	Labels      map[string]string
	Receivers   []struct{ Name string }
	Status      struct {
		State                            string
		SilencedBy, InhibitedBy, MutedBy []string
	}
}

func (a listedAlert) String() string {
	return fmt.Sprintf("%s %s %v %v %v %v", a.Labels["alertname"], a.Status.State, a.Status.SilencedBy, a.Status.InhibitedBy, a.Status.MutedBy, a.Receivers)
}

func TestAlertsHaveAState(t *testing.T) {
	r := newRouter()
	populate(r)
	base, _ := startV2(t, r)
	got := map[string]bool{}
	last := ""
	for _, a := range getJSON[[]listedAlert](t, base+"/alerts") {
		got[a.String()] = true
		if a.Fingerprint < last {
			t.Errorf("%s comes after %s: want them by fingerprint", a.Fingerprint, last)
		}
		last = a.Fingerprint
	}
	want := map[string]bool{
		"free active [] [] [] [{oncall} {quiet}]":                     true,
		"silenced suppressed [id-1] [] [] [{oncall}]":                 true,
		"inhibited suppressed [] [00ff] [] [{quiet}]":                 true,
		"muted suppressed [] [] [nights weekends] [{oncall} {quiet}]": true,
		"half active [] [] [] [{oncall} {quiet}]":                     true, // somebody is told
		"acked suppressed [] [] [] [{oncall}]":                        true,
		"new unprocessed [] [] [] []":                                 true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("GET /alerts (-want +got):\n%s", diff)
	}
}

func TestAlertsAreWrittenAsAlertmanagerDoes(t *testing.T) {
	r := newRouter()
	r.add("A", nil, pipeline.Routed{Groups: []pipeline.InGroup{in("oncall", "1")}})
	base, _ := startV2(t, r)
	_, body, header := request(t, "GET", base+"/alerts", "")
	want := `[{"annotations":{},"endsAt":"2026-11-26T05:00:00.123Z","fingerprint":"d2c6efc389df0927","receivers":[{"name":"oncall"}],` +
		`"startsAt":"2026-11-26T04:00:00.123Z","status":{"inhibitedBy":[],"mutedBy":[],"silencedBy":[],"state":"active"},` +
		`"updatedAt":"2026-11-26T04:01:00.123Z","generatorURL":"http://p/A","labels":{"alertname":"A"}}` + "\n]"
	if body != want || header.Get("Cache-Control") != "no-store" {
		t.Errorf("GET /alerts = %s (Cache-Control %q)\nwant %s", body, header.Get("Cache-Control"), want)
	}
	for _, path := range []string{"/alerts?filter=alertname%3DB", "/alerts/groups?filter=alertname%3DB"} {
		if _, body, _ := request(t, "GET", base+path, ""); body != "[]" {
			t.Errorf("GET %s = %q, want []: never null", path, body)
		}
	}
}

func TestAlertsAreFiltered(t *testing.T) {
	r := newRouter()
	populate(r)
	base, _ := startV2(t, r)
	for query, want := range map[string]string{
		`active=false`:                "acked inhibited muted new silenced",
		`silenced=false`:              "acked free half inhibited muted new",
		`inhibited=false`:             "acked free half muted new silenced",
		`unprocessed=false`:           "acked free half inhibited muted silenced",
		`silenced=false&active=false`: "acked inhibited muted new",
		`filter=team="sec"`:           "free",
		`filter=team=""`:              "acked half inhibited muted new silenced",
		`filter=team!="sec"`:          "acked half inhibited muted new silenced",
		`filter=alertname=~"fr|free|new"&filter=team=~".*"`:           "free new",
		`filter=alertname=~"fre"`:                                     "", // anchored
		`receiver=on.*`:                                               "acked free half muted silenced",
		`receiver=on`:                                                 "",
		`receiver_matchers=team="sec"&filter=alertname!="free"`:       "acked half muted silenced",
		`receiver_matchers=team=~".*"&receiver_matchers=name="quiet"`: "free half inhibited muted",
	} {
		params, err := url.ParseQuery(strings.ReplaceAll(query, "+", "%2B"))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, a := range getJSON[[]listedAlert](t, base+"/alerts?"+params.Encode()) {
			names = append(names, a.Labels["alertname"])
		}
		if got := strings.Join(slices.Sorted(slices.Values(names)), " "); got != want {
			t.Errorf("GET /alerts?%s = %q, want %q", query, got, want)
		}
	}
}

func TestQueriesThatAreRefused(t *testing.T) {
	base, _ := startV2(t, newRouter())
	for _, query := range []string{
		`filter={a="b"}`, `filter=a="b",c="d"`, `filter=a`, `filter=`, `filter=a=~"("`, `receiver=(`, `receiver_matchers={a="b"}`, `active=perhaps`,
	} {
		for _, path := range []string{"/alerts", "/alerts/groups"} {
			params, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			status, body, _ := request(t, "GET", base+path+"?"+params.Encode(), "")
			wantString(t, path+"?"+query, status, body, http.StatusBadRequest)
		}
	}
}

func TestAlertsThatCannotBeRead(t *testing.T) {
	r := newRouter()
	r.fails = errors.New("the store is away")
	base, _ := startV2(t, r)
	for _, path := range []string{"/alerts", "/alerts/groups"} {
		status, body, _ := request(t, "GET", base+path, "")
		wantString(t, path, status, body, http.StatusInternalServerError)
	}
}

func TestGoodAlertsOfABatchAreTaken(t *testing.T) {
	base, posted := startV2(t, newRouter())
	status, body, _ := request(t, "POST", base+"/alerts", `[{"labels":{"alertname":"A"}},{"labels":{}},{"labels":{"alertname":"B"},"startsAt":"never"},{"labels":{"alertname":"C"}}]`)
	reason := wantString(t, "a batch with two bad alerts", status, body, http.StatusBadRequest)
	if len(posted.alerts) != 2 || posted.alerts[0].Rule != "A" || posted.alerts[1].Rule != "C" || posted.alerts[0].Stateful == nil {
		t.Errorf("published %v, want A and C", posted.alerts)
	}
	if !strings.Contains(reason, "alert 2: ") || !strings.Contains(reason, "alert 3: ") {
		t.Errorf("the answer %q does not name alerts 2 and 3", reason)
	}
	if status, body, _ := request(t, "POST", base+"/alerts", `[{"labels":{"alertname":"A"}}]`); status != http.StatusOK || body != "" {
		t.Errorf("a good batch = %d %q, want 200 and nothing", status, body)
	}
	if status, body, _ := request(t, "POST", base+"/alerts", `[]`); status != http.StatusOK || body != "" {
		t.Errorf("an empty batch = %d %q, want 200", status, body)
	}
	for _, broken := range []string{"", "{}", "[", "[1]", `"text"`} {
		status, body, _ := request(t, "POST", base+"/alerts", broken)
		wantString(t, "post of "+broken, status, body, http.StatusBadRequest)
	}
}

func TestAlertsThatAreNotDurableAreNotTaken(t *testing.T) {
	base, posted := startV2(t, newRouter())
	posted.err = errors.New("disk full")
	status, body, _ := request(t, "POST", base+"/alerts", `[{"labels":{"alertname":"A"}},{}]`)
	wantString(t, "a post that could not be stored", status, body, http.StatusInternalServerError)
	status, body, _ = request(t, "POST", base+"/alerts", `[{"labels":{"alertname":"`+strings.Repeat("a", 5<<20)+`"}}]`)
	if status != http.StatusRequestEntityTooLarge {
		t.Errorf("5 MiB = %d %.80s, want 413", status, body)
	}
}

// What Falcosidekick posts is an event again.
func TestFalcosidekicksAlertsAreEvents(t *testing.T) {
	base, posted := startV2(t, newRouter())
	body := `[{"labels":{"alertname":"Shell","rule":"Shell","source":"falco","priority":"Warning","evt_time":"1764129600000000000","hostname":"n"}}]`
	if status, answer, _ := request(t, "POST", base+"/alerts", body); status != http.StatusOK {
		t.Fatalf("post = %d %s", status, answer)
	}
	if a := posted.alerts[0]; a.Stateful != nil || a.Labels["evt_time"] != "" || a.Rule != "Shell" {
		t.Errorf("got %+v, want an event without evt_time in its labels", a)
	}
}

func TestGroupsHoldTheirAlerts(t *testing.T) {
	r := newRouter()
	populate(r)
	base, _ := startV2(t, r)
	list := func(query string) string {
		var lines []string
		type group struct {
			Labels, RouteLabels map[string]string
			Receiver            struct{ Name string }
			Alerts              []listedAlert
		}
		for _, g := range getJSON[[]group](t, base+"/alerts/groups"+query) {
			if g.RouteLabels == nil {
				t.Errorf("group %v has no routeLabels, want {}", g.Labels)
			}
			line := g.Receiver.Name + g.Labels["k"] + ":"
			for _, a := range g.Alerts {
				line += " " + a.Labels["alertname"] + "=" + a.Status.State + strings.Join(a.Status.MutedBy, ",")
			}
			lines = append(lines, line)
		}
		return strings.Join(lines, "\n")
	}
	for query, want := range map[string]string{
		"": "oncall1: acked=suppressed free=active silenced=suppressed\n" +
			"quiet2: free=active half=active inhibited=suppressed\n" +
			"oncall3: half=suppressednights muted=suppressednights\n" +
			"quiet3: muted=suppressedweekends,nights",
		"?muted=false&silenced=false&inhibited=false": "oncall1: acked=suppressed free=active\nquiet2: free=active half=active",
		"?receiver=quiet&active=false":                "quiet2: inhibited=suppressed",
		"?filter=team%3D%22sec%22":                    "oncall1: free=active\nquiet2: free=active",
	} {
		if diff := cmp.Diff(want, list(query)); diff != "" {
			t.Errorf("GET /alerts/groups%s (-want +got):\n%s", query, diff)
		}
	}
}

// A long list is written as it is made: it is never one text in memory.
func TestLongListsAreStreamed(t *testing.T) {
	const alerts, text = 20_000, 2_000 // 40 MB of text
	r := newRouter()
	to := pipeline.Routed{Groups: []pipeline.InGroup{in("oncall", "1")}}
	for i := range alerts {
		r.add("A", map[string]string{"n": fmt.Sprint(i), "text": strings.Repeat("x", text)}, to)
	}
	base, _ := startV2(t, r)
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := inUse()
	resp, err := http.Get(base + "/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	n, most := 0, uint64(0)
	for ; dec.More(); n++ {
		var a listedAlert
		if err := dec.Decode(&a); err != nil {
			t.Fatalf("alert %d: %v", n, err)
		}
		if n%(alerts/4) == alerts/8 {
			most = max(most, inUse()-min(before, inUse()))
		}
	}
	if n != alerts || most > 20<<20 {
		t.Errorf("%d alerts with %d MB in use, want %d with less than 20 MB", n, most>>20, alerts)
	}
	t.Logf("%d MB beside the alerts", most>>20)
}
