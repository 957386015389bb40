package templates

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// heldRule is the name of what sums up alerts that were kept back.
const heldRule = "Alerts kept back"

// Of a summary of what was kept back so many rules are shown, each in so many bytes.
const (
	shownHeldRules = 20
	heldRuleBytes  = 220
	heldSample     = 120
)

// WithHeld returns n with an alert for each summary of what was kept back: whatever shows alerts, a template written
// for Alertmanager too, shows those. It has these annotations, beside the usual ones:
//
//	held                        why: mute_time_interval, active_time_interval, silence, inhibition; quota: a digest of many messages
//	held_by                     names of the intervals, ids of the silences, fingerprints of the inhibiting alerts
//	held_notes                  who silenced, and why
//	held_summary, …_zh          "while muted 22:00–06:00 (night): 3 rules, 41 alerts, worst CRITICAL"
//	held_rule_01, held_zh_rule_01 …   the gravest rules first: "Shell in a container ×40, worst CRITICAL, 22:01–05:58: sample"
//	held_more                   how many rules there were beyond those
func WithHeld(n pipeline.Notification, language string, zone *time.Location) pipeline.Notification {
	if len(n.Held) == 0 {
		return n
	}
	alerts := make([]pipeline.Alert, 0, len(n.Alerts)+len(n.Held))
	alerts = append(alerts, n.Alerts...)
	for i, h := range n.Held {
		alerts = append(alerts, heldAlert(&n, i, &h, language, zone))
	}
	n.Alerts = alerts
	return n
}

func heldAlert(n *pipeline.Notification, i int, h *pipeline.Held, language string, zone *time.Location) pipeline.Alert {
	a := pipeline.Alert{
		ID: n.ID + "/held/" + strconv.Itoa(i+1), Time: h.To, Rule: heldRule, Priority: h.Worst, Source: "internal", Tags: []string{},
		Closing: true, Count: h.Alerts, FirstSeen: h.From, LastSeen: h.To,
		Labels: maps.Clone(n.GroupLabels), Annotations: map[string]string{"held": h.Why, "held_by": strings.Join(h.By, ", ")},
	}
	if len(h.Notes) > 0 {
		a.Annotations["held_notes"] = strings.Join(h.Notes, "; ")
	}
	if a.Labels == nil {
		a.Labels = map[string]string{}
	}
	for name, value := range map[string]string{
		"alertname": heldRule, "rule": heldRule, "priority": h.Worst.String(), "severity": h.Worst.Severity(), "source": "internal",
	} {
		if _, grouped := n.GroupLabels[name]; !grouped || name == "alertname" {
			a.Labels[name] = value
		}
	}
	a.Fingerprint = pipeline.FingerprintOf(map[string]string{"alertname": heldRule, "group": n.GroupKey, "why": h.Why})
	a.Annotations["held_summary"] = heldText(h, &heldEnglish, zone)
	a.Annotations["held_summary_zh"] = heldText(h, &heldChinese, zone)
	for j := range h.Rules[:min(shownHeldRules, len(h.Rules))] {
		a.Annotations[fmt.Sprintf("held_rule_%02d", j+1)] = heldRuleText(&h.Rules[j], &heldEnglish, zone)
		a.Annotations[fmt.Sprintf("held_zh_rule_%02d", j+1)] = heldRuleText(&h.Rules[j], &heldChinese, zone)
	}
	if more := h.More + max(len(h.Rules)-shownHeldRules, 0); more > 0 {
		a.Annotations["held_more"] = strconv.Itoa(more)
	}
	a.Output = a.Annotations["held_summary"]
	if strings.HasPrefix(language, "zh") {
		a.Output = a.Annotations["held_summary_zh"]
	}
	a.Annotations["summary"], a.Annotations["description"] = heldRule, a.Annotations["held_summary"]
	a.Annotations["description_zh"] = a.Annotations["held_summary_zh"]
	return a
}

// heldWords are how summaries of what was kept back read in a language.
type heldWords struct {
	while    map[string]string
	messages string // how many
	summary  string // while, times, by whom, rules, alerts, priority
	rule     string // rule, count, priority, times
	sample   string
	priority func(pipeline.Priority) string
}

var (
	heldEnglish = heldWords{
		while: map[string]string{
			pipeline.ByMuteInterval: "while muted", pipeline.ByActiveInterval: "outside of active hours",
			pipeline.BySilence: "while silenced", pipeline.ByInhibition: "while inhibited",
			pipeline.ByQuota: "digest",
		},
		messages: "%s messages in one, for the channel's quota",
		summary:  "%s %s (%s): %d rules, %d alerts, worst %s", rule: "%s ×%d, worst %s, %s", sample: ": %s",
		priority: func(p pipeline.Priority) string { return strings.ToUpper(p.String()) },
	}
	heldChinese = heldWords{
		while: map[string]string{
			pipeline.ByMuteInterval: "免打扰时段", pipeline.ByActiveInterval: "非活动时段",
			pipeline.BySilence: "静默期间", pipeline.ByInhibition: "抑制期间",
			pipeline.ByQuota: "汇总",
		},
		messages: "因渠道限额，%s 条消息合并",
		summary:  "%s %s（%s）：%d 条规则，%d 条告警，最高级别 %s", rule: "%s ×%d，最高 %s，%s", sample: "：%s",
		priority: func(p pipeline.Priority) string { return priorityName("zh", p.String()) },
	}
)

func heldText(h *pipeline.Held, w *heldWords, zone *time.Location) string {
	names := h.By
	if len(h.Notes) > 0 { // an id says nothing to people
		names = h.Notes
	}
	if h.Why == pipeline.ByQuota {
		names = []string{fmt.Sprintf(w.messages, strings.Join(names, " + "))}
	}
	by := TruncateBytes(Clean(strings.Join(names, "; ")), 120, "…")
	text := fmt.Sprintf(w.summary, w.while[h.Why], span(h.From, h.To, zone), by, len(h.Rules)+h.More, h.Alerts, w.priority(h.Worst))
	if w == &heldEnglish {
		text = singular(text, len(h.Rules)+h.More, "rules", "rule")
		text = singular(text, int(h.Alerts), "alerts", "alert")
	}
	return text
}

func singular(text string, n int, many, one string) string {
	if n != 1 {
		return text
	}
	return strings.Replace(text, " 1 "+many+",", " 1 "+one+",", 1)
}

func heldRuleText(r *pipeline.HeldRule, w *heldWords, zone *time.Location) string {
	text := fmt.Sprintf(w.rule, r.Rule, r.Alerts, w.priority(r.Worst), span(r.First, r.Last, zone))
	if r.Sample != "" {
		text += fmt.Sprintf(w.sample, TruncateBytes(Clean(r.Sample), heldSample, "…"))
	}
	return TruncateBytes(text, heldRuleBytes, "…")
}

// span is "22:00–06:00", with dates where it is longer than a day.
func span(from, to time.Time, zone *time.Location) string {
	layout := "15:04"
	if to.Sub(from) >= 24*time.Hour {
		layout = "01-02 15:04"
	}
	first, last := from.In(zone).Format(layout), to.In(zone).Format(layout)
	if first == last {
		return first
	}
	return first + "–" + last
}
