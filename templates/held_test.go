package templates

import (
	"fmt"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestHeldText(t *testing.T) {
	at := time.Date(2026, 1, 1, 22, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		held   pipeline.Held
		en, zh string
	}{
		"a night": {
			pipeline.Held{Why: pipeline.ByMuteInterval, By: []string{"night"}, From: at, To: at.Add(8 * time.Hour), Alerts: 41, Worst: pipeline.Critical, Rules: make([]pipeline.HeldRule, 3)},
			"while muted 22:00–06:00 (night): 3 rules, 41 alerts, worst CRITICAL", "免打扰时段 22:00–06:00（night）：3 条规则，41 条告警，最高级别 严重",
		},
		"a day and more": {
			pipeline.Held{Why: pipeline.BySilence, By: []string{"a", "b"}, From: at, To: at.Add(30 * time.Hour), Alerts: 1, Worst: pipeline.Notice, Rules: make([]pipeline.HeldRule, 1)},
			"while silenced 01-01 22:00–01-03 04:00 (a; b): 1 rule, 1 alert, worst NOTICE", "静默期间 01-01 22:00–01-03 04:00（a; b）：1 条规则，1 条告警，最高级别 注意",
		},
		"who silenced, and why": {
			pipeline.Held{Why: pipeline.BySilence, By: []string{"id"}, Notes: []string{"li.na: audit"}, From: at, To: at, Alerts: 2, Worst: pipeline.Notice, Rules: make([]pipeline.HeldRule, 1)},
			"while silenced 22:00 (li.na: audit): 1 rule, 2 alerts, worst NOTICE", "静默期间 22:00（li.na: audit）：1 条规则，2 条告警，最高级别 注意",
		},
		"more rules than are kept": {
			pipeline.Held{Why: pipeline.ByActiveInterval, By: []string{"office"}, From: at, To: at, Alerts: 11, Worst: pipeline.Error, Rules: make([]pipeline.HeldRule, 2), More: 9},
			"outside of active hours 22:00 (office): 11 rules, 11 alerts, worst ERROR", "非活动时段 22:00（office）：11 条规则，11 条告警，最高级别 错误",
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := WithHeld(pipeline.Notification{ID: "d", GroupLabels: map[string]string{"rule": "grouped"}, Held: []pipeline.Held{tc.held}}, "en", time.UTC)
			a := n.Alerts[0]
			if a.Annotations["held_summary"] != tc.en || a.Annotations["held_summary_zh"] != tc.zh || a.Output != tc.en {
				t.Errorf("summaries:\n%s\n%s\nwant\n%s\n%s", a.Annotations["held_summary"], a.Annotations["held_summary_zh"], tc.en, tc.zh)
			}
			if a.Priority != tc.held.Worst || a.Count != tc.held.Alerts || a.Labels["rule"] != "grouped" || a.Labels["alertname"] != heldRule {
				t.Errorf("the alert is %+v", a)
			}
		})
	}
}

func TestHeldRulesAreBounded(t *testing.T) {
	h := pipeline.Held{Why: pipeline.BySilence, More: 5}
	for i := range 30 {
		h.Rules = append(h.Rules, pipeline.HeldRule{Rule: fmt.Sprint("rule ", i), Alerts: 1, Sample: string(make([]byte, 500))})
	}
	a := WithHeld(pipeline.Notification{Held: []pipeline.Held{h}}, "zh", time.UTC).Alerts[0]
	if a.Annotations["held_more"] != "15" || a.Annotations["held_rule_20"] == "" || a.Annotations["held_rule_21"] != "" {
		t.Errorf("annotations are %v, want 20 rules and 15 more", a.Annotations)
	}
	for name, text := range a.Annotations {
		if len(text) > 300 {
			t.Errorf("%s has %d bytes", name, len(text))
		}
	}
}

// In a message what fires has no end; what has one is over, and comes after what fires.
func TestResolvedOnesComeLaterAndSaySo(t *testing.T) {
	at := time.Date(2026, 1, 1, 22, 0, 0, 0, time.UTC)
	over := pipeline.Alert{Priority: pipeline.Critical, Fingerprint: 1, Stateful: &pipeline.Stateful{StartsAt: at, EndsAt: at.Add(time.Hour), GeneratorURL: "https://p.example/g"}}
	fires := pipeline.Alert{Priority: pipeline.Notice, Fingerprint: 2, Stateful: &pipeline.Stateful{StartsAt: at}}
	d := NewData(pipeline.Notification{Alerts: []pipeline.Alert{over, fires}, RouteLabels: map[string]string{"tier": "1"}}, Options{Escape: plain})
	if d.Status != "firing" || d.Alerts[0].Status != "firing" || d.Alerts[1].Status != "resolved" || d.RouteLabels["tier"] != "1" {
		t.Errorf("data %+v", d)
	}
	if last := d.Alerts[1]; !last.EndsAt.Equal(over.Stateful.EndsAt) || !last.StartsAt.Equal(at) || last.GeneratorURL == "" {
		t.Errorf("the resolved alert is %+v", last)
	}
	if d := NewData(pipeline.Notification{Alerts: []pipeline.Alert{over}}, Options{Escape: plain}); d.Status != "resolved" {
		t.Errorf("of resolved alerts alone the status is %s", d.Status)
	}
}
