package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/notifiers/robottest"
	"github.com/tocsin-security/tocsin/notifiers/wechat"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/oncall"
)

// anAlert fires, and is of an owner's.
func anAlert(priority pipeline.Priority, group string) pipeline.Alert {
	a := pipeline.Alert{ID: "1", Rule: "R", Priority: priority, Time: time.Now(), Labels: map[string]string{"rule": "R"}}
	if group != "" {
		a.Owner = &pipeline.Owner{OnCall: group}
	}
	return a
}

func TestWhomAMessageCalls(t *testing.T) {
	roster, err := oncall.New(oncall.Config{
		People: []oncall.Person{{Name: "a", Mobile: "1"}, {Name: "b", Mobile: "2"}},
		Groups: []oncall.Group{{Name: "both", Members: []string{"a", "b"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	warning, critical := anAlert(pipeline.Warning, "a"), anAlert(pipeline.Critical, "b")
	resolved := critical
	resolved.Stateful = &pipeline.Stateful{StartsAt: time.Now().Add(-time.Hour), EndsAt: time.Now().Add(-time.Minute)}
	closing := critical
	closing.Closing = true
	byOwner, byName := notifiers.Mention{OnCall: true}, notifiers.Mention{Rotation: "both"}
	for name, c := range map[string]struct {
		calls  notifiers.Mention
		alerts []pipeline.Alert
		held   []pipeline.Held
		want   []string
	}{
		"nobody, unless it is asked for":          {alerts: []pipeline.Alert{critical}},
		"the worst alert's owner":                 {calls: byOwner, alerts: []pipeline.Alert{critical, warning}, want: []string{"b"}},
		"the owner of the one that fires":         {calls: byOwner, alerts: []pipeline.Alert{resolved, warning}, want: []string{"a"}},
		"the owner of one that has an owner":      {calls: byOwner, alerts: []pipeline.Alert{anAlert(pipeline.Critical, ""), warning}, want: []string{"a"}},
		"nobody for a group that is not known":    {calls: byOwner, alerts: []pipeline.Alert{anAlert(pipeline.Critical, "c")}},
		"a group by name":                         {calls: byName, alerts: []pipeline.Alert{warning}, want: []string{"a", "b"}},
		"nobody for what is over":                 {calls: byName, alerts: []pipeline.Alert{resolved}},
		"nobody for a sum of what is over":        {calls: byName, alerts: []pipeline.Alert{closing}},
		"nobody for what a silence kept back":     {calls: byName, held: []pipeline.Held{{Why: pipeline.BySilence}}},
		"for a digest, whom the entry names":      {calls: byName, held: []pipeline.Held{{Why: pipeline.ByQuota}}, want: []string{"a", "b"}},
		"for a digest, not whom no alert can say": {calls: byOwner, held: []pipeline.Held{{Why: pipeline.ByQuota}}},
	} {
		t.Run(name, func(t *testing.T) {
			var rendered pipeline.Notification
			caller := caller{roster: roster, calls: c.calls, now: time.Now, render: func(n pipeline.Notification) (pipeline.Message, error) {
				rendered = n
				return pipeline.Message{Alerts: n.Alerts}, nil
			}}
			m, err := caller.message(pipeline.Notification{Alerts: c.alerts, Held: c.held, CreatedAt: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range m.Mentions {
				got = append(got, p.Name)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("called (-want +got):\n%s", diff)
			}
			for i, a := range rendered.Alerts {
				if o := a.Owner; o != nil && roster.Knows(o.OnCall) != (o.Person == o.OnCall) {
					t.Errorf("the alert's owner is %+v, want who is on call", o)
				}
				if before := c.alerts[i].Owner; before != nil && before.Person != "" {
					t.Errorf("the alert that was given has changed: %+v", before)
				}
			}
		})
	}
}

func TestAStepOfAnEscalationCallsItsPeople(t *testing.T) {
	roster, err := oncall.New(oncall.Config{People: []oncall.Person{{Name: "a", Mobile: "1"}, {Name: "b", Mobile: "2"}}})
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{pipeline.Escalation: "e", pipeline.EscalationStep: "1/2", pipeline.EscalationNotify: "b"}
	resolved := anAlert(pipeline.Critical, "a")
	resolved.Stateful = &pipeline.Stateful{EndsAt: time.Now().Add(-time.Minute)}
	for name, c := range map[string]struct {
		alert pipeline.Alert
		want  int
	}{"who is named, whatever the entry says": {anAlert(pipeline.Critical, "a"), 1}, "nobody for what is over": {resolved, 0}} {
		var rendered pipeline.Notification
		caller := caller{roster: roster, calls: notifiers.Mention{OnCall: true}, now: time.Now, render: func(n pipeline.Notification) (pipeline.Message, error) {
			rendered = n
			return pipeline.Message{Alerts: n.Alerts}, nil
		}}
		m, err := caller.message(pipeline.Notification{Alerts: []pipeline.Alert{c.alert}, RouteLabels: labels, CreatedAt: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Mentions) != c.want || c.want == 1 && m.Mentions[0].Name != "b" {
			t.Errorf("%s: called %+v", name, m.Mentions)
		}
		if rendered.RouteLabels[pipeline.EscalationPeople] != "b" || len(labels) != 3 {
			t.Errorf("%s: labels are %v, and those given %v", name, rendered.RouteLabels, labels)
		}
	}
}

// From the configuration to the robot.
func TestRobotCallsWhoIsOnCall(t *testing.T) {
	robot := robottest.WeCom(robottest.Options{Key: "k"})
	server := httptest.NewServer(robot)
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "tocsin.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
rules: {files: []}
route: {receiver: r}
receivers: [{name: r, wecom_configs: [{url: '%s/cgi-bin/webhook/send?key=k', mention: on_call}]}]
on_call:
  people: [{name: 李娜, wecom: lina}, {name: 王伟, wecom: wangwei}]
  rotations:
    - name: payments
      layers: [{people: [王伟], start: 2020-01-01}]
      overrides: [{from: 2020-01-02, to: 2999-12-31, person: 李娜}]
`, server.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := newPlan(options{config: file, output: "json"}, nil, io.Discard, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.channels {
		m, err := c.Render(pipeline.Notification{ID: "n", Receiver: "r", Alerts: []pipeline.Alert{anAlert(pipeline.Critical, "payments")}, CreatedAt: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Notify(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	posts := robot.Posts()
	if len(posts) != 1 || !cmp.Equal(posts[0].Mentions, []string{"lina"}) || !strings.Contains(posts[0].Text, "payments：李娜") {
		t.Errorf("posts = %+v, want one that calls lina and names her", posts)
	}
}

// Every notifier that can call people says whom its entry wants to be called.
func TestEveryKindSaysWhomItCalls(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tocsin.yaml")
	if err := os.WriteFile(file, []byte(`
route: {receiver: r}
on_call: {people: [{name: a, email: a@example.org}]}
receivers:
  - name: r
    wecom_configs: [{url: 'http://127.0.0.1/?key=k', mention: on_call}]
    wechat_configs: [{corp_id: c, api_secret: s, agent_id: 1, mention: on_call}]
    dingtalk_configs: [{url: 'http://127.0.0.1/?access_token=k', mention: on_call}]
    feishu_configs: [{url: 'http://127.0.0.1/hook/k', mention: on_call}]
    email_configs: [{to: x@example.org, from: y@example.org, smarthost: 'localhost:25', mention: on_call}]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	all, err := integrationsOf(cfg.Receivers[0], cfg.Global, wechat.NewApps(), t.TempDir(), "json", io.Discard, slog.New(slog.DiscardHandler))
	if err != nil || len(all) != 5 {
		t.Fatalf("%d integrations, %v", len(all), err)
	}
	for _, i := range all {
		if who, ok := i.notifier.(interface{ Calls() notifiers.Mention }); !ok || !who.Calls().OnCall {
			t.Errorf("%T does not say that it calls who is on call", i.notifier)
		}
	}
}
