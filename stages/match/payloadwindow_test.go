package match

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

const payloadWindowRules = `
- rule: Brute force
  desc: d
  source: json
  condition: event.type == "login" && event.ok == false
  window: {by: [event.user.name], within: 5m, count: {over: 10}, distinct: {field: event.port, over: 1}, new: {field: event.user.agent}}
  output: "%event.user.name: %window.count of %event.user.nope%window.last"
  priority: CRITICAL
- rule: Chain
  desc: d
  source: json
  condition: event.user.name != nil
  window:
    within: 5m
    sequence: [{name: in, condition: event.type == "login"}, {name: never, condition: event.type == "logout"}, {name: failed, condition: event.ok == false}]
  output: chain
  priority: WARNING
- rule: Last
  desc: d
  source: json
  condition: event.type == "login"
  output: o
  priority: INFO
`

const failedLogin = `{"type":"login","ok":false,"user":{"name":"li"},"port":22,"time":"2026-11-23T10:00:00Z"}`

func TestWindowsOfStructuredEvents(t *testing.T) {
	p := payloadOf(t, Config{}, false, payloadWindowRules)
	got, err := p.Match(posted(failedLogin))
	if err != nil || len(got) != 3 {
		t.Fatalf("%d alerts, %v, want 3", len(got), err)
	}
	a := got[0]
	o := a.Unjudged.Observation
	want := pipeline.Observation{
		Window: o.Window, Key: o.Key, ID: a.ID, At: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), Arrived: arrival, Distinct: "22",
	}
	if diff := cmp.Diff(want, o); diff != "" || o.Window.Count != 10 || !strings.HasSuffix(o.Key, "2:li") {
		t.Errorf("observation with key %q (-want +got):\n%s", o.Key, diff)
	}
	parts := []pipeline.OutputPart{{Text: "li: "}, {Sight: "window.count"}, {Text: " of <NA>"}, {Sight: "window.last"}}
	if diff := cmp.Diff(parts, a.Unjudged.Output); diff != "" || a.Output != "" {
		t.Errorf("output %q, parts (-want +got):\n%s", a.Output, diff)
	}
	if err := a.Unjudged.Validate(); err != nil || a.Cooldown != 5*time.Minute || a.Labels["event_user_name"] != "li" || a.OutputFields["event.user.nope"] != nil {
		t.Errorf("alert = %+v, %v", a, err)
	}
	if c := got[1].Unjudged; c.Observation.Steps != 0b101 || !cmp.Equal(c.Steps, []string{"in", "never", "failed"}) || got[2].Unjudged != nil {
		t.Errorf("sequence = %+v, want both steps of one occurrence; the rule after it has no window", c)
	}
	again, err := p.Match(posted(failedLogin))
	if diff := cmp.Diff(got, again); diff != "" || err != nil {
		t.Errorf("the same event again (-first +again): %v\n%s", err, diff)
	}
	for _, r := range p.Stats() {
		if want := map[string]uint64{"Last": 2}[r.Rule]; r.Fired != want || r.Fired+r.Observed != 2 {
			t.Errorf("stats %+v, want 2 occurrences, those with a window not fired", r)
		}
	}
}

// What the store has not judged stops no other rule.
func TestStructuredEventsAndTheFirstRule(t *testing.T) {
	got, err := payloadOf(t, Config{}, true, payloadWindowRules+"- {rule: Never, desc: d, source: json, condition: event.type == \"login\", output: o, priority: INFO}\n").Match(posted(failedLogin))
	if err != nil || len(got) != 3 || got[2].Rule != "Last" {
		t.Errorf("alerts %+v, %v, want three: the last of them fires", got, err)
	}
}

func TestKeysOfStructuredEvents(t *testing.T) {
	p := payloadOf(t, Config{}, false, payloadWindowRules)
	key := func(user string) string {
		t.Helper()
		got, err := p.Match(posted(`{"type":"login","ok":false,"user":` + user + `}`))
		if err != nil || len(got) == 0 {
			t.Fatal(got, err)
		}
		return got[0].Unjudged.Observation.Key
	}
	long := strings.Repeat("字", 200)
	seen := map[string]string{}
	for _, user := range []string{`{"name":"li"}`, `{"name":""}`, `{"name":"-:"}`, `{}`, `7`, `{"name":7}`, `{"name":"` + long + `a"}`, `{"name":"` + long + `b"}`} {
		k := key(user)
		if other, ok := seen[k]; ok && !(user == "7" && other == "{}") || len(k) > 400 {
			t.Errorf("users %s and %.20s are counted together, under %q", user, other, k)
		}
		seen[k] = user
	}
}
