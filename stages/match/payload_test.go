package match

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

const loginRules = `
- rule: Abroad
  desc: a login from abroad
  desc_zh: 境外登录
  source: json
  condition: event.type == "login" && event.country in ["US", "CA"]
  output: "%event.user.name from %event.country (%event.user.age, %event.ok, %event.nope)"
  priority: WARNING
  tags: [b, a]
  labels: {team: identity}
  annotations: {extra: x}
  runbook: https://r
  dedupe: {by: [event.user.name], for: 1h}
- rule: Any login
  desc: d
  source: json
  condition: event.type == "login"
  output: o
  priority: INFO
- rule: Of age
  desc: d
  source: json
  condition: event.user.age > 18
  output: o
  priority: INFO
- rule: Proxy
  desc: d
  source: proxy
  condition: event.type == "login"
  output: o
  priority: INFO
- rule: Kernel
  desc: d
  condition: evt.type = open
  output: o
  priority: INFO
`

const login = `{"type":"login","country":"US","user":{"name":"li","age":20},"ok":true,"host":"web-1","time":"2026-11-23T10:00:00Z"}`

var arrival = time.Date(2026, 11, 23, 10, 0, 1, 0, time.UTC)

func posted(body string) pipeline.Structured {
	return pipeline.Structured{ID: "0193571f-0000-7000-8000-000000000001", Source: "json", At: arrival, Body: json.RawMessage(body)}
}

func payloadOf(tb testing.TB, cfg Config, first bool, file string) *Payload {
	tb.Helper()
	rc := rules.DefaultConfig()
	rc.Sources = map[string]*payload.Schema{"proxy": nil}
	if first {
		rc.Matching = rules.MatchFirst
	}
	set, err := rules.Parse(rc, []rules.Source{text(file)})
	if err != nil {
		tb.Fatal(err)
	}
	if err := set.Err(); err != nil {
		tb.Fatal(err)
	}
	return NewPayload(cfg, set)
}

func fired(t *testing.T, p *Payload, ev pipeline.Structured) string {
	t.Helper()
	alerts, err := p.Match(ev)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range alerts {
		names = append(names, a.Rule)
	}
	return strings.Join(names, ", ")
}

func TestWhichRulesFireOnAnEvent(t *testing.T) {
	proxy := posted(login)
	proxy.Source = "proxy"
	unknown := posted(login)
	unknown.Source = "nobody"
	for sentence, c := range map[string]struct {
		ev    pipeline.Structured
		first bool
		want  string
	}{
		"all that hold, in order":          {posted(login), false, "Abroad, Any login, Of age"},
		"only the first":                   {posted(login), true, "Abroad"},
		"another country":                  {posted(strings.Replace(login, "US", "CN", 1)), false, "Any login, Of age"},
		"another type":                     {posted(strings.Replace(login, `"login"`, `"logout"`, 1)), false, "Of age"},
		"a type that is no text":           {posted(strings.Replace(login, `"login"`, `7`, 1)), false, "Of age"},
		"no user":                          {posted(`{"type":"login"}`), false, "Any login"},
		"nothing":                          {posted(`{}`), false, ""},
		"another source has its own rules": {proxy, false, "Proxy"},
		"a source without rules":           {unknown, false, ""},
	} {
		if got := fired(t, payloadOf(t, Config{}, c.first, loginRules), c.ev); got != c.want {
			t.Errorf("%s: fired %q, want %q", sentence, got, c.want)
		}
	}
}

func TestMatchMapIsMatch(t *testing.T) {
	p := payloadOf(t, Config{}, false, loginRules)
	alerts, err := p.MatchMap("t/1", "json", map[string]any{"type": "login", "user": map[string]any{"age": uint64(20)}}, arrival)
	if err != nil || len(alerts) != 2 || alerts[0].Rule != "Any login" || alerts[1].Rule != "Of age" || !alerts[0].Time.Equal(arrival) {
		t.Errorf("MatchMap = %+v, %v", alerts, err)
	}
}

func TestPayloadAlert(t *testing.T) {
	alerts, err := payloadOf(t, Config{}, true, loginRules).Match(posted(login))
	if err != nil || len(alerts) != 1 {
		t.Fatalf("Match = %v, %v", alerts, err)
	}
	got := alerts[0]
	want := pipeline.Alert{
		ID: got.ID, Time: arrival.Add(-time.Second), Rule: "Abroad", Priority: pipeline.Warning, Source: "json", Hostname: "web-1",
		Output: "li from US (20, true, <NA>)", Tags: []string{"a", "b"},
		OutputFields: pipeline.Fields{"event.user.name": "li", "event.country": "US", "event.user.age": 20, "event.ok": true, "event.nope": nil},
		Labels: map[string]string{"alertname": "Abroad", "rule": "Abroad", "priority": "Warning", "severity": "warning", "source": "json",
			"hostname": "web-1", "event_user_name": "li", "team": "identity"},
		Annotations: map[string]string{"summary": "Abroad", "description": "a login from abroad", "description_zh": "境外登录",
			"output": "li from US (20, true, <NA>)", "runbook_url": "https://r", "extra": "x",
			"event_user_name": "li", "event_country": "US", "event_user_age": "20", "event_ok": "true"},
		Fingerprint: pipeline.FingerprintOf(map[string]string{"alertname": "Abroad", "hostname": "web-1", "event_user_name": "li"}),
		QuietFor:    time.Hour,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alert (-want +got):\n%s", diff)
	}
}

func TestIdentityOfAPayloadAlert(t *testing.T) {
	p := payloadOf(t, Config{}, false, loginRules)
	base, err := p.Match(posted(login))
	if err != nil {
		t.Fatal(err)
	}
	again := posted(login)
	again.ID = "0193571f-0000-7000-8000-000000000002"
	for sentence, c := range map[string]struct {
		ev             pipeline.Structured
		rule           int
		sameID, sameFP bool
	}{
		"the event again":                      {posted(login), 0, true, true},
		"another event about the same":         {again, 0, false, true},
		"another user":                         {posted(strings.Replace(login, `"li"`, `"wu"`, 1)), 0, true, false},
		"another host":                         {posted(strings.Replace(login, "web-1", "web-2", 1)), 0, true, false},
		"another user, where nothing is asked": {posted(strings.Replace(login, `"li"`, `"wu"`, 1)), 1, true, true},
		"another time":                         {posted(strings.Replace(login, "10:00:00", "09:00:00", 1)), 0, true, true},
	} {
		got, err := p.Match(c.ev)
		if err != nil {
			t.Fatal(err)
		}
		a, b := got[c.rule], base[c.rule]
		if (a.ID == b.ID) != c.sameID || (a.Fingerprint == b.Fingerprint) != c.sameFP {
			t.Errorf("%s: same id %v, same fingerprint %v; want %v, %v", sentence, a.ID == b.ID, a.Fingerprint == b.Fingerprint, c.sameID, c.sameFP)
		}
	}
	if base[0].ID == base[1].ID {
		t.Error("two rules gave one event's alerts one id")
	}
}

// Members that come to one label are two members, and long values that begin alike are two values.
func TestIdentitiesDoNotRunTogether(t *testing.T) {
	p := payloadOf(t, Config{}, false, `
- rule: R
  desc: d
  source: json
  condition: event.x == 1
  output: o
  priority: INFO
  dedupe: {by: [event.a.b, event.a_b]}
`)
	fingerprint := func(a, b string) pipeline.Fingerprint {
		alerts, err := p.Match(posted(fmt.Sprintf(`{"x":1,"a":{"b":%q},"a_b":%q}`, a, b)))
		if err != nil || len(alerts) != 1 {
			t.Fatalf("Match = %v, %v", alerts, err)
		}
		for name, value := range alerts[0].Labels {
			if len(value) > 300 {
				t.Errorf("label %s has %d bytes", name, len(value))
			}
		}
		return alerts[0].Fingerprint
	}
	long := strings.Repeat("x", 5000)
	seen := map[pipeline.Fingerprint]bool{}
	for _, pair := range [][2]string{{"1", "2"}, {"2", "1"}, {"1", "1"}, {"1", long}, {"1", long + "y"}, {long, "1"}} {
		fp := fingerprint(pair[0], pair[1])
		if seen[fp] {
			t.Errorf("%.5s, %.5s has the fingerprint of another pair", pair[0], pair[1])
		}
		seen[fp] = true
	}
}

func TestPayloadCountsAndFailures(t *testing.T) {
	p := payloadOf(t, Config{Whitelist: granted("Any login")}, false, loginRules+`
- rule: Dear
  desc: d
  source: json
  condition: all(event.list, all(event.list, true))
  output: o
  priority: INFO
`)
	alerts, err := p.Match(posted(`{"type":"login","country":"US","list":[` + strings.Repeat("1,", 2000) + `1]}`))
	if !errors.Is(err, payload.ErrTooLong) || !strings.Contains(err.Error(), `rule "Dear"`) {
		t.Errorf("error = %v, want ErrTooLong of rule Dear", err)
	}
	if len(alerts) != 1 || alerts[0].Rule != "Abroad" {
		t.Errorf("alerts = %v, want those of the other rules", alerts)
	}
	want := []RuleStats{
		{Rule: "Abroad", Priority: pipeline.Warning, Fired: 1}, {Rule: "Any login", Priority: pipeline.Informational, Bypassed: 1},
		{Rule: "Of age", Priority: pipeline.Informational}, {Rule: "Proxy", Priority: pipeline.Informational},
		{Rule: "Dear", Priority: pipeline.Informational, Failed: 1},
	}
	if diff := cmp.Diff(want, p.Stats()); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
	if _, err := p.Match(posted(`[1]`)); err == nil {
		t.Error("an event that is no object: no error")
	}
}

// The largest alert that an event can make of a rule with a hundred members fits into a bus message.
func TestPayloadAlertIsBounded(t *testing.T) {
	var output strings.Builder
	for i := range 100 {
		fmt.Fprintf(&output, "%%event.m%d ", i)
	}
	members := map[string]any{"x": 1}
	for i := range 100 {
		members[fmt.Sprintf("m%d", i)] = strings.Repeat("\x01", 10_000) // six bytes each in JSON
	}
	p := payloadOf(t, Config{}, false, "- rule: R\n  desc: d\n  source: json\n  condition: event.x == 1\n  priority: INFO\n  output: \""+output.String()+"\"\n")
	alerts, err := p.MatchMap("id", "json", members, arrival)
	if err != nil || len(alerts) != 1 {
		t.Fatalf("MatchMap = %v, %v", alerts, err)
	}
	body, err := json.Marshal(alerts[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > 256<<10 {
		t.Errorf("the alert has %d bytes, want at most a quarter of a bus message", len(body))
	}
}

func TestPayloadIsSafeForConcurrentUse(t *testing.T) {
	p := payloadOf(t, Config{}, false, loginRules)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if alerts, err := p.Match(posted(login)); err != nil || len(alerts) != 3 {
					t.Errorf("Match = %d alerts, %v", len(alerts), err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got := p.Stats()[0].Fired; got != 800 {
		t.Errorf("fired %d times, want 800", got)
	}
}

// The kernel's matcher leaves rules for posted events alone.
func TestMatcherHasNoPayloadRules(t *testing.T) {
	m := load(t, Config{}, false, text(strings.ReplaceAll(loginRules, "source: proxy", "source: json")))
	if got := m.Stats().Rules; len(got) != 1 || got[0].Rule != "Kernel" {
		t.Errorf("rules of the matcher: %v, want Kernel alone", got)
	}
}

// BenchmarkPayload asks rules about an event of 120 bytes, of which at most two hold: what decoding costs,
// and what a hundred times as many rules add.
func BenchmarkPayload(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		var file strings.Builder
		for i := range n {
			fmt.Fprintf(&file, "- rule: R%d\n  desc: d\n  source: json\n  priority: INFO\n  output: o\n  condition: event.type == \"t%d\" && event.user.age > 18\n", i, i)
		}
		p := payloadOf(b, Config{}, false, file.String())
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Match(posted(login)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
