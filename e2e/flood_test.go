package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/notifiers/robottest"
)

// floodConfig has each alert a group of its own, told at once.
func floodConfig(l layout, receivers string) string {
	return fmt.Sprintf(`data_dir: %s
sensor: {enabled: false}
rules: {files: [rules.yaml]}
whitelist: {files: [whitelist.yaml]}
http: {listen: "{http}"}
render: {language: en}
route: {receiver: chat, group_by: ['...'], group_wait: 0s, group_interval: 1s}
receivers:
%s
`, filepath.Join(l.dir, "data"), receivers)
}

var (
	manyAlerts   = regexp.MustCompile(`^\*\*(\d+) alerts\*\*`)
	digestAlerts = regexp.MustCompile(`messages in one, for the channel's quota\): \d+ rules?, (\d+) alerts?,`)
)

// toldTo counts the alerts that a robot's messages tell of, in digests or themselves.
func toldTo(posts []robottest.Post) (alerts, digests int) {
	for _, p := range posts {
		n := 1
		if m := manyAlerts.FindStringSubmatch(p.Text); m != nil {
			n, _ = strconv.Atoi(m[1]) // digits
		}
		if m := digestAlerts.FindStringSubmatch(p.Text); m != nil {
			n, _ = strconv.Atoi(m[1])
			digests++
		}
		alerts += n
	}
	return alerts, digests
}

// A flood reaches a robot as a few messages and digests that leave out nothing, what is urgent comes at once, and neither
// a kill nor a start makes it more than the robot takes.
func TestFloodNeverBansTheRobot(t *testing.T) {
	robot := robottest.WeCom(robottest.Options{Key: "k1"})
	url := serveRobot(t, robot)
	l := newLayout(t, shadowRules)
	config := floodConfig(l, fmt.Sprintf(`- {name: chat, wecom_configs: [{url: "%s/cgi-bin/webhook/send?key=k1"}]}`, url))
	p := start(t, l.dir, "router", config)

	const n = 2000
	for i := 0; i < n; i += 100 {
		var some []string
		for j := range 100 {
			some = append(some, falcoAlert(fmt.Sprintf("/f%d", i+j)))
		}
		post(t, p, some...)
	}
	urgent := strings.Replace(falcoAlert("/urgent"), `"Warning"`, `"Critical"`, 1)
	asked := time.Now()
	post(t, p, urgent)
	eventually(t, "the urgent one is told", func() error {
		for _, p := range robot.Posts() {
			if strings.Contains(p.Text, "/urgent") {
				return nil
			}
		}
		return fmt.Errorf("not in %d messages", len(robot.Posts()))
	})
	t.Logf("the urgent alert was told %s after it was posted, with %d others on their way", time.Since(asked), n)
	eventuallyWithin(t, 2*time.Minute, "all are told", func() error {
		if alerts, _ := toldTo(robot.Posts()); alerts < n+1 {
			return fmt.Errorf("%d alerts in %d messages", alerts, len(robot.Posts()))
		}
		if sent := p.metric(t, "tocsin_notifications_total", `outcome="sent"`); sent != n+1 { // else the last digest comes again
			return fmt.Errorf("%v of %d notifications are done with", sent, n+1)
		}
		return nil
	})
	time.Sleep(time.Second) // acknowledged, too

	p.kill(t)
	p = start(t, l.dir, "router", config)
	for i := range 30 {
		post(t, p, falcoAlert(fmt.Sprintf("/again%d", i)))
	}
	eventuallyWithin(t, 2*time.Minute, "what came after the kill is told", func() error {
		if alerts, _ := toldTo(robot.Posts()); alerts < n+31 {
			return fmt.Errorf("%d alerts in %d messages", alerts, len(robot.Posts()))
		}
		return nil
	})
	alerts, digests := toldTo(robot.Posts())
	if alerts != n+31 || digests == 0 {
		t.Errorf("%d alerts told, %d digests, want %d and some", alerts, digests, n+31)
	}
	if refused := robot.Refused(); len(refused) > 0 {
		t.Errorf("the robot refused %d messages: %v", len(refused), refused[0])
	}
	t.Logf("%d messages, %d of them digests", len(robot.Posts()), digests)
	p.stop(t)
}

// What a robot cannot take goes to the fallback, which says whom it was for, and the history knows.
func TestFallback(t *testing.T) {
	robot, hook := robottest.WeCom(robottest.Options{Key: "another"}), newWebhookSink(t)
	url := serveRobot(t, robot)
	l := newLayout(t, shadowRules)
	p := start(t, l.dir, "router", floodConfig(l, fmt.Sprintf(`- {name: chat, fallback: hook, wecom_configs: [{url: "%s/cgi-bin/webhook/send?key=k1"}]}
- {name: hook, webhook_configs: [{url: %q}]}`, url, hook.URL+"/hook")))
	post(t, p, falcoAlert("/a"))
	got := hook.waitFor(t, 1)[0]
	if got.Receiver != "hook" || !strings.Contains(got.Via, "chat: errcode 93000") || strings.Contains(got.Via, "k1") {
		t.Errorf("the fallback got %+v, want it to say whom it was for and why", got)
	}
	if n := p.metric(t, "tocsin_dead_letters_total"); n != 0 {
		t.Errorf("%v dead letters, want none", n)
	}
	eventually(t, "the history says where it went", func() error {
		out, err := tocsinAlert(t, p, "explain", got.Alerts[0].Fingerprint)
		if err != nil || !strings.Contains(out, "handed to the fallback: chat") || !strings.Contains(out, "sent to hook") {
			return fmt.Errorf("explain says %s, %v", out, err)
		}
		return nil
	})
	p.stop(t)
}
