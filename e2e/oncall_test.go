package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/notifiers/robottest"
)

// What nobody acknowledges is told the next ones, who are called, once, though the router was killed meanwhile; what
// somebody acknowledged is not.
func TestEscalationSurvivesAKill(t *testing.T) {
	robot := robottest.WeCom(robottest.Options{Key: "k1"})
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	config := strings.Replace(routingConfig(l, sink, fmt.Sprintf(`- {name: pager, wecom_configs: [{url: "%s/cgi-bin/webhook/send?key=k1"}]}
on_call:
  people: [{name: Li Na, wecom: lina}]
  rotations: [{name: core, layers: [{people: [Li Na], start: 2020-01-06}]}]
  escalations: [{name: critical, steps: [{after: 10s, notify: core, receiver: pager}]}]
render: {language: en}`, serveRobot(t, robot))), "route: {", "route: {escalate: critical, ", 1)
	config = strings.Replace(config, "receivers: [{name: sink, "+webhookReceiver(sink)+"}]\n", "receivers:\n- {name: sink, "+webhookReceiver(sink)+"}\n", 1)
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
