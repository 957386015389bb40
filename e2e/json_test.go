package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// postEvents posts to a running tocsin and requires an answer.
func postEvents(t *testing.T, p *process, query, body string, want int) string {
	t.Helper()
	resp, err := http.Post(p.base+"/api/v1/events"+query, "application/json", strings.NewReader(body))
	must(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.StatusCode != want {
		t.Fatalf("post of %s = %d %s, want %d", body, resp.StatusCode, answer, want)
	}
	return string(answer)
}

// outputs lists what the alerts of all posts say, sorted.
func outputs(posts []webhookPost) []string {
	var all []string
	for _, p := range posts {
		for _, a := range p.Alerts {
			all = append(all, a.Annotations["output"])
		}
	}
	slices.Sort(all)
	return all
}

// block is the nth fenced block of a kind in docs/json-rules.md.
func block(t *testing.T, kind string, n int) string {
	t.Helper()
	page, err := os.ReadFile("../docs/json-rules.md")
	must(t, err)
	found := regexp.MustCompile("(?s)\n```"+kind+"\n(.*?)\n```").FindAllStringSubmatch(string(page), -1)
	if len(found) <= n {
		t.Fatalf("docs/json-rules.md has %d blocks of %s", len(found), kind)
	}
	return found[n][1]
}

// The page's rules, loaded as they stand, make the page's alerts of the event that the page posts.
func TestJSONRulesAsDocumented(t *testing.T) {
	l, sink := newLayout(t, block(t, "yaml", 0)+"\n"), newWebhookSink(t)
	p := start(t, l.dir, "router", l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}", block(t, "yaml", 1)))
	body := regexp.MustCompile(`-d '(.*)' http`).FindStringSubmatch(block(t, "sh", 0))
	if body == nil {
		t.Fatal("docs/json-rules.md posts no event")
	}
	postEvents(t, p, "", body[1], http.StatusAccepted)
	want := strings.Split(block(t, "text", 0), "\n")
	eventually(t, "both alerts have arrived", func() error {
		if got := outputs(sink.received()); !slices.Equal(got, want) {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	})
	for _, post := range sink.received() {
		for _, a := range post.Alerts {
			if a.Labels["rule"] == "Login from abroad" && (a.Labels["event_user_name"] != "li" || a.Labels["team"] != "identity" || a.Annotations["runbook_url"] == "") {
				t.Errorf("alert = %+v, want the rule's labels, identity and runbook", a)
			}
		}
	}
	if n := p.metric(t, "tocsin_rule_alerts_total"); n != 2 {
		t.Errorf("tocsin_rule_alerts_total = %v, want 2", n)
	}
}

const loginRules = `
- rule: Failed login
  desc: a login that failed
  source: login
  condition: event.ok == false
  output: failed login of %event.user
  priority: WARNING
  dedupe: {by: [event.user]}
- rule: Dear
  desc: a condition that no one should write
  source: login
  condition: event.list != nil and all(event.list, all(event.list, true))
  output: dear
  priority: WARNING
`

const loginSource = "sources: {login: {schema: {ok: bool, user: string, list: [int]}}}"

// A named source has its own rules; one thing is one message; a source nobody has is refused; an event on
// which a rule gives up is parked; a reload exchanges the rules.
func TestJSONSources(t *testing.T) {
	l, sink := newLayout(t, loginRules), newWebhookSink(t)
	p := start(t, l.dir, "router", l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}", loginSource))
	handled := func(n float64) {
		t.Helper()
		eventually(t, "the events are handled", func() error {
			if got := p.metric(t, "tocsin_events_handled_total") + p.metric(t, "tocsin_dead_letters_total"); got != n {
				return fmt.Errorf("%v of %v", got, n)
			}
			return nil
		})
	}
	if answer := postEvents(t, p, "?source=logon", `{}`, http.StatusBadRequest); !strings.Contains(answer, "json, login") {
		t.Errorf("an unknown source is answered %s, want the known ones", answer)
	}
	postEvents(t, p, "", `{"ok":false,"user":"other source"}`, http.StatusAccepted)
	postEvents(t, p, "?source=login", `[{"ok":false,"user":"li"},{"ok":false,"user":"li"},{"ok":true,"user":"wu"},{}]`, http.StatusAccepted)
	postEvents(t, p, "?source=login", `{"ok":false,"user":"wu","list":[`+strings.Repeat("1,", 3000)+`1]}`, http.StatusAccepted)
	handled(6)
	eventually(t, "both alerts have arrived", func() error {
		if got := outputs(sink.received()); !slices.Equal(got, []string{"failed login of li", "failed login of wu"}) {
			return fmt.Errorf("got %q", got)
		}
		return nil
	})
	for name, want := range map[string]float64{
		"tocsin_dead_letters_total": 1, "tocsin_rule_errors_total": 1, "tocsin_rule_alerts_total": 3,
		"tocsin_alerts_handled_total": 3, "tocsin_events_received_total": 6,
	} {
		if got := p.metric(t, name); got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}

	must(t, os.WriteFile(filepath.Join(l.dir, "rules.yaml"), []byte(strings.Replace(loginRules, "failed login of", "again", 1)), 0o644))
	resp, err := http.Post(p.base+"/-/reload", "", nil)
	must(t, err)
	resp.Body.Close()
	postEvents(t, p, "?source=login", `{"ok":false,"user":"xu"}`, http.StatusAccepted)
	eventually(t, "the new rule's alert has arrived", func() error {
		if got := outputs(sink.received()); !slices.Contains(got, "again xu") {
			return fmt.Errorf("got %q", got)
		}
		return nil
	})
}

// kill -9 between the intake and the rules: every event that was taken becomes an alert.
func TestKillLosesNoPostedEvent(t *testing.T) {
	l, sink := newLayout(t, loginRules), newWebhookSink(t)
	config := l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}", loginSource)
	want := map[string]bool{}
	for round := range 5 {
		p := start(t, l.dir, "router", config)
		var events []string
		for i := range 40 {
			user := fmt.Sprintf("u%d-%d", round, i)
			want["failed login of "+user] = true
			events = append(events, fmt.Sprintf(`{"ok":false,"user":%q}`, user))
		}
		postEvents(t, p, "?source=login", "["+strings.Join(events, ",")+"]", http.StatusAccepted)
		p.kill(t)
	}
	start(t, l.dir, "router", config)
	eventually(t, "every alert has arrived", func() error {
		missing := len(want)
		for _, output := range slices.Compact(outputs(sink.received())) {
			if want[output] {
				missing--
			}
		}
		if missing > 0 {
			return fmt.Errorf("%d of %d are missing", missing, len(want))
		}
		return nil
	})
}
