package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

// windowRules count opens of a file: by process in the node's memory, by file in the store.
func windowRules(secret string) string {
	const rule = `
- rule: %s
  desc: d
  condition: evt.type in (open, openat, openat2) and fd.num >= 0 and fd.name = %s and proc.exepath endswith e2e.test
  window: {by: [%s], within: 10m, count: {over: 5}}
  output: "%%window.count opens of %%fd.name"
  priority: WARNING
`
	return fmt.Sprintf(rule, "By process", secret, "proc.pid") + fmt.Sprintf(rule, "By file", secret, "fd.name")
}

// opens opens a file so often.
func opens(t *testing.T, name string, times int) {
	t.Helper()
	for range times {
		f, err := os.Open(name)
		must(t, err)
		must(t, f.Close())
	}
}

// observed waits until a rule's window was shown so many occurrences.
func (p *process) observed(t *testing.T, rule string, want float64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s was observed %v times", rule, want), func() error {
		if got := p.metric(t, "tocsin_rule_observed_total", rule); got != want {
			return fmt.Errorf("observed %v times", got)
		}
		return nil
	})
}

// A rule fires exactly when its window says so, once, and goes on counting over a reload.
func TestAWindowFiresAtItsThreshold(t *testing.T) {
	needRoot(t)
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, nil, 0o600))
	l, sink := newLayout(t, windowRules(secret)), newWebhookSink(t)
	p := start(t, l.dir, "run", l.config("0s", webhookReceiver(sink)))
	opens(t, secret, 5)
	p.observed(t, "By process", 5)
	p.asked(t, 5)
	if n := p.metric(t, "tocsin_rule_alerts_total"); n != 0 || len(sink.received()) != 0 {
		t.Fatalf("%v alerts of five opens, want none", n)
	}
	resp, err := http.Post(p.base+"/-/reload", "", nil)
	must(t, err)
	must(t, resp.Body.Close())
	opens(t, secret, 1)
	want := []string{"6 opens of " + secret, "6 opens of " + secret}
	eventually(t, "both rules have fired", func() error {
		if got := outputs(sink.received()); !slices.Equal(got, want) {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	})
	opens(t, secret, 20)
	p.observed(t, "By process", 21)
	p.observed(t, "By file", 21)
	p.asked(t, 26)
	for _, rule := range []string{"By process", "By file"} {
		if n := p.metric(t, "tocsin_rule_alerts_total", rule); n != 1 {
			t.Errorf("%s has fired %v times, want once: the rest is in its cooldown", rule, n)
		}
	}
	if got := outputs(sink.received()); !slices.Equal(got, want) {
		t.Errorf("messages %q, want %q", got, want)
	}
}

// What sensors see of a key that is no node's own is counted by the router.
func TestARouterCountsForItsSensors(t *testing.T) {
	needRoot(t)
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, nil, 0o600))
	sink := newWebhookSink(t)
	routerSide, sensorSide := newLayout(t, shadowRules), newLayout(t, windowRules(secret))
	router := start(t, routerSide.dir, "router", routerSide.config("0s", webhookReceiver(sink), "sensor: {enabled: false}"))
	start(t, sensorSide.dir, "sensor", sensorSide.config("0s", webhookReceiver(sink), "bus: "+router.base))
	opens(t, secret, 6)
	posts := sink.waitFor(t, 2)
	got := map[string]string{}
	for _, post := range posts {
		for _, a := range post.Alerts {
			got[a.Labels["rule"]] = a.Annotations["output"] + ", " + a.Annotations["window_count"]
		}
	}
	for _, rule := range []string{"By process", "By file"} {
		if want := "6 opens of " + secret + ", 6"; got[rule] != want {
			t.Errorf("%s: %q, want %q", rule, got[rule], want)
		}
	}
}

// A replay judges all windows itself, in the same way each time.
func TestAReplayCountsInMemory(t *testing.T) {
	needRoot(t)
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, nil, 0o600))
	out := recordAndReplay(t, windowRules(secret), func() { opens(t, secret, 8) })
	var rules []string
	for line := range strings.Lines(string(out)) {
		var a struct {
			Rule, Output string
			Window       struct{ Count int }
			Unjudged     any
		}
		must(t, json.Unmarshal([]byte(line), &a))
		if a.Output != "6 opens of "+secret || a.Window.Count != 6 || a.Unjudged != nil {
			t.Errorf("alert %s: want it at the sixth", line)
		}
		rules = append(rules, a.Rule)
	}
	if slices.Sort(rules); !slices.Equal(rules, []string{"By file", "By process"}) {
		t.Errorf("alerts of %q, want one of each rule", rules)
	}
}

const bruteForce = `
- rule: Brute force
  desc: more than 10 failed logins of one user in 5 minutes
  source: json
  condition: event.type == "login" && event.ok == false
  window: {by: [event.user.name], within: 5m, count: {over: 10}, cooldown: 1h}
  output: "brute force (user=%event.user.name failures=%window.count)"
  priority: CRITICAL
`

// failLogins posts failed logins of a user.
func failLogins(t *testing.T, p *process, user string, times int) {
	t.Helper()
	event := fmt.Sprintf(`{"type":"login","ok":false,"user":{"name":%q}}`, user)
	postEvents(t, p, "", "["+strings.Repeat(event+",", times-1)+event+"]", http.StatusAccepted)
}

// asked waits until the windows of the store were asked about so many occurrences.
func (p *process) asked(t *testing.T, want float64) {
	t.Helper()
	eventually(t, "the windows were asked", func() error {
		if got := p.metric(t, "tocsin_window_alerts_total"); got != want {
			return fmt.Errorf("about %v alerts, want %v", got, want)
		}
		return nil
	})
}

// Posted events are counted in the durable half: the eleventh fires, and neither the tenth nor one of another
// user.
func TestAWindowOverPostedEvents(t *testing.T) {
	l, sink := newLayout(t, bruteForce), newWebhookSink(t)
	p := start(t, l.dir, "router", l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}"))
	failLogins(t, p, "li", 10)
	failLogins(t, p, "wu", 1)
	p.asked(t, 11)
	if n := p.metric(t, "tocsin_rule_alerts_total"); n != 0 {
		t.Fatalf("%v alerts of ten failures, want none", n)
	}
	failLogins(t, p, "li", 1)
	want := []string{"brute force (user=li failures=11)"}
	if got := outputs(sink.waitFor(t, 1)); !slices.Equal(got, want) {
		t.Errorf("messages %q, want %q", got, want)
	}
	failLogins(t, p, "li", 5)
	p.asked(t, 17)
	if n, got := p.metric(t, "tocsin_rule_alerts_total", "Brute force"), outputs(sink.received()); n != 1 || !slices.Equal(got, want) {
		t.Errorf("%v alerts, messages %q: want nothing more in the cooldown", n, got)
	}
}

// Routers on one Redis count as one. When it is away each counts for itself, and nothing is lost.
func TestWindowsOfAFleet(t *testing.T) {
	redis, sink := redistest.Start(t), newWebhookSink(t)
	router := func() *process {
		l := newLayout(t, bruteForce)
		return start(t, l.dir, "router", l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}", "store: "+redis.URL()))
	}
	a, b := router(), router()
	failLogins(t, a, "li", 6)
	a.asked(t, 6)
	failLogins(t, b, "li", 4)
	b.asked(t, 4)
	failLogins(t, a, "li", 1)
	want := []string{"brute force (user=li failures=11)"}
	if got := outputs(sink.waitFor(t, 1)); !slices.Equal(got, want) {
		t.Errorf("messages %q, want %q: the eleventh, whichever router has it", got, want)
	}
	redis.Stop()
	failLogins(t, b, "wu", 11)
	eventually(t, "a router fires without the store", func() error {
		if got := outputs(sink.received()); !slices.Contains(got, "brute force (user=wu failures=11)") {
			return fmt.Errorf("messages %q", got)
		}
		return nil
	})
	if n := b.metric(t, "tocsin_window_degraded_total"); n != 1 {
		t.Errorf("tocsin_window_degraded_total = %v, want 1: a stand-in has judged", n)
	}
}
