package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/notifiers/robottest"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

// escalating is a configuration in which what nobody acknowledges for 10 s is told the robot at url, and calls Li Na.
func escalating(l layout, sink *webhookSink, url, more string) string {
	config := strings.Replace(routingConfig(l, sink, fmt.Sprintf(`- {name: pager, wecom_configs: [{url: "%s/cgi-bin/webhook/send?key=k1"}]}
on_call:
  people: [{name: Li Na, wecom: lina}]
  rotations: [{name: core, layers: [{people: [Li Na], start: 2020-01-06}]}]
  escalations: [{name: critical, steps: [{after: 10s, notify: core, receiver: pager}]}]
render: {language: en}
%s`, url, more)), "route: {", "route: {escalate: critical, ", 1)
	return strings.Replace(config, "receivers: [{name: sink, "+webhookReceiver(sink)+"}]\n", "receivers:\n- {name: sink, "+webhookReceiver(sink)+"}\n", 1)
}

// Routers that share a store and a bus escalate once; what one had that is killed is escalated by the other; and what was
// acknowledged over one is not escalated by the other.
func TestEscalationOverTwoRouters(t *testing.T) {
	robot := robottest.WeCom(robottest.Options{Key: "k1"})
	url, redis, bus := serveRobot(t, robot), redistest.Start(t), runNATS(t)
	sink := newWebhookSink(t)
	run := func() *process {
		l := newLayout(t, shadowRules)
		return start(t, l.dir, "router", escalating(l, sink, url, "store: "+redis.URL()+"?timeout=20s\nbus: "+bus))
	}
	a, b := run(), run()
	postStateful(t, a, "Nobody", time.Hour)
	waitTold(t, sink, "firing Nobody")
	postStateful(t, b, "Acked", time.Hour)
	waitTold(t, sink, "firing Nobody", "firing Acked")
	a.must(t, "alert", "ack", sink.received()[1].Alerts[0].Fingerprint, "-a", "wang.fang", "-d", "30m")
	if posts := robot.Posts(); len(posts) != 0 {
		t.Fatalf("told before its time: %+v", posts)
	}
	a.kill(t)
	eventually(t, "what nobody acknowledged is told the next ones", func() error {
		if n := len(robot.Posts()); n == 0 {
			return errors.New("nothing is told")
		}
		return nil
	})
	a = run()
	postStateful(t, a, "Later", time.Hour)
	eventually(t, "a second one is told the next ones", func() error {
		if posts := robot.Posts(); len(posts) < 2 {
			return fmt.Errorf("%d messages", len(posts))
		}
		return nil
	})
	time.Sleep(2 * time.Second) // what would be told twice would be by now
	var told []string
	for _, p := range robot.Posts() {
		for _, name := range []string{"Nobody", "Acked", "Later"} {
			if strings.Contains(p.Text, name) {
				told = append(told, name)
			}
		}
		if !slices.Equal(p.Mentions, []string{"lina"}) {
			t.Errorf("told %q, calling %q", p.Text, p.Mentions)
		}
	}
	if !slices.Equal(told, []string{"Nobody", "Later"}) {
		t.Errorf("told the next ones of %q, want each that nobody acknowledged once", told)
	}
}

// What nobody acknowledges is told the next ones, who are called, once, though the router was killed meanwhile; what
// somebody acknowledged is not.
func TestEscalationSurvivesAKill(t *testing.T) {
	robot := robottest.WeCom(robottest.Options{Key: "k1"})
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	config := escalating(l, sink, serveRobot(t, robot), "")
	p := start(t, l.dir, "router", config)
	postStateful(t, p, "Nobody", time.Hour)
	waitTold(t, sink, "firing Nobody")
	postStateful(t, p, "Acked", time.Hour)
	waitTold(t, sink, "firing Nobody", "firing Acked")
	p.must(t, "alert", "ack", sink.received()[1].Alerts[0].Fingerprint, "-a", "wang.fang", "-d", "30m")
	p.kill(t)
	if posts := robot.Posts(); len(posts) != 0 {
		t.Fatalf("told before its time: %+v", posts)
	}
	p = start(t, l.dir, "router", config)
	eventually(t, "what nobody acknowledged is told the next ones", func() error {
		if n := len(robot.Posts()); n != 1 {
			return fmt.Errorf("%d messages", n)
		}
		return nil
	})
	told := robot.Posts()[0]
	if first, _, _ := strings.Cut(told.Text, "\n"); !strings.Contains(told.Text, "Nobody") || strings.Contains(told.Text, "Acked") ||
		!strings.HasSuffix(first, " (escalation 1/1: not acknowledged; Li Na, please)") || !slices.Equal(told.Mentions, []string{"lina"}) {
		t.Errorf("told %q, calling %q", told.Text, told.Mentions)
	}
	p.stop(t)
	p = start(t, l.dir, "router", config)
	postStateful(t, p, "Later", time.Hour) // once that is told, the others were looked at long ago
	waitTold(t, sink, "firing Nobody", "firing Acked", "firing Later")
	if posts := robot.Posts(); len(posts) != 1 {
		t.Errorf("told %d times", len(posts))
	}
}
