package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// routingConfig is a router whose alerts of each name are a group, told at once and then every second.
func routingConfig(l layout, s *webhookSink, more string) string {
	return fmt.Sprintf(`data_dir: %s
sensor: {enabled: false}
rules: {files: [rules.yaml]}
whitelist: {files: [whitelist.yaml]}
http: {listen: "{http}"}
route: {receiver: sink, group_by: [alertname], group_wait: 0s, group_interval: 1s}
receivers: [{name: sink, %s}]
%s
`, filepath.Join(l.dir, "data"), webhookReceiver(s), more)
}

// postStateful posts an alert as Prometheus does, that ends so long from now.
func postStateful(t *testing.T, p *process, name string, ends time.Duration) {
	t.Helper()
	body := fmt.Sprintf(`[{"labels": {"alertname": %q, "node": "a"}, "startsAt": %q, "endsAt": %q}]`,
		name, time.Now().Add(-time.Minute).UTC().Format(time.RFC3339Nano), time.Now().Add(ends).UTC().Format(time.RFC3339Nano))
	resp, err := http.Post(p.base+"/api/v2/alerts", "application/json", strings.NewReader(body))
	must(t, err)
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("post of %s = %d %s", name, resp.StatusCode, answer)
	}
}

// told is what a sink was told, as "status alertname …" of each message.
func told(s *webhookSink) (all []string) {
	for _, post := range s.received() {
		line := post.Status
		for _, a := range post.Alerts {
			line += " " + a.Labels["alertname"]
		}
		all = append(all, line)
	}
	return all
}

func waitTold(t *testing.T, s *webhookSink, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%q is told", want), func() error {
		if got := told(s); strings.Join(got, ", ") != strings.Join(want, ", ") {
			return fmt.Errorf("told %q", got)
		}
		return nil
	})
}

// What a silence kept back is in the store: it is summed up after the silence, whoever died meanwhile.
func TestASilenceIsSummedUpAfterAKill(t *testing.T) {
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	config := routingConfig(l, sink, "")
	p := start(t, l.dir, "router", config)
	id := p.must(t, "silence", "add", "alertname=Posted", "-c", "audit until noon", "-a", "li.na", "--for", "2h")
	post(t, p, occurrence("/a"), occurrence("/b"))
	eventually(t, "both alerts are kept back", func() error {
		if n := p.metric(t, "tocsin_notifications_suppressed_total", `reason="silence"`); n != 2 {
			return fmt.Errorf("%v of 2", n)
		}
		return nil
	})
	p.kill(t)

	p = start(t, l.dir, "router", config)
	if got := told(sink); len(got) > 0 {
		t.Errorf("told %q in the silence, want nothing", got)
	}
	p.must(t, "silence", "expire", id, "-a", "zhang.wei")
	waitTold(t, sink, "firing Alerts kept back")
	a := sink.received()[0].Alerts[0]
	for _, want := range []string{"while silenced", "li.na: audit until noon", "1 rule, 2 alerts, worst WARNING"} {
		if !strings.Contains(a.Annotations["held_summary"], want) {
			t.Errorf("the summary is %q, want %q in it", a.Annotations["held_summary"], want)
		}
	}
}

// An alert that another inhibits is told when that one is resolved; both kinds of end reach people.
func TestInhibitionEndsWithItsSource(t *testing.T) {
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	p := start(t, l.dir, "router", routingConfig(l, sink,
		"inhibit_rules: [{name: node, source_matchers: [alertname = NodeDown], target_matchers: [alertname = Slow], equal: [node]}]"))
	postStateful(t, p, "NodeDown", time.Hour)
	waitTold(t, sink, "firing NodeDown")
	postStateful(t, p, "Slow", time.Hour)
	eventually(t, "the target is kept back", func() error {
		if n := p.metric(t, "tocsin_notifications_suppressed_total", `reason="inhibition"`); n != 1 {
			return fmt.Errorf("%v of 1", n)
		}
		return nil
	})
	postStateful(t, p, "NodeDown", -time.Second)
	eventually(t, "the source is resolved and the target told", func() error {
		got := strings.Join(told(sink), ", ")
		if !strings.Contains(got, "resolved NodeDown") || !strings.Contains(got, "firing Slow") {
			return fmt.Errorf("told %s", got)
		}
		return nil
	})
	postStateful(t, p, "Slow", -time.Second)
	eventually(t, "the target is resolved", func() error {
		if got := told(sink); got[len(got)-1] != "resolved Slow" {
			return fmt.Errorf("told %q", got)
		}
		return nil
	})
	if n := len(sink.received()); n != 4 {
		t.Errorf("%d messages, want 4: %q", n, told(sink))
	}
	t.Logf("groups were due for %v s on average before they were looked at",
		p.metric(t, "tocsin_group_flush_lag_seconds_total")/p.metric(t, "tocsin_group_flushes_total"))
}

// A mute that a reload takes away releases what it kept back.
func TestAMuteThatAReloadTakesAwayIsSummedUp(t *testing.T) {
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	config := strings.Replace(
		routingConfig(l, sink, "time_intervals: [{name: always, time_intervals: [{}]}, {name: never, time_intervals: [{years: ['2000']}]}]"),
		"group_interval: 1s}", "group_interval: 1s, routes: [{name: posted, matchers: [alertname = Posted], mute_time_intervals: [always]}]}", 1)
	p := start(t, l.dir, "router", config)
	post(t, p, occurrence("/a"))
	eventually(t, "the alert is kept back", func() error {
		if n := p.metric(t, "tocsin_notifications_suppressed_total", `reason="mute_time_interval"`); n != 1 {
			return fmt.Errorf("%v of 1", n)
		}
		return nil
	})
	file := filepath.Join(l.dir, "router.yaml")
	text, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, []byte(strings.Replace(string(text), "[always]}", "[never]}", 1)), 0o600))
	resp, err := http.Post(p.base+"/-/reload", "", nil)
	must(t, err)
	must(t, resp.Body.Close())
	waitTold(t, sink, "firing Alerts kept back")
}
