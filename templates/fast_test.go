package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/template"
	"pgregory.net/rapid"
)

// Every built-in text of the chats runs without text/template, and says the same.
func TestBuiltinTextsAreFast(t *testing.T) {
	set, err := Parse(nil, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]*Text{}
	for _, kind := range []string{WeCom, WeComText, WeComV2, DingTalk, DingTalkText, Feishu, FeishuText, Slack, Email} {
		of, err := set.For(kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, language := range []string{"zh", "en"} {
			for _, part := range []string{"title", "body", "subject", "text"} {
				name := kind + "." + language + "." + part
				if (kind == Email) != (part == "subject" || part == "text") {
					continue
				}
				text, err := of.Text(name+" of the test", `{{ template "`+name+`" . }}`)
				if err != nil {
					t.Fatal(err)
				}
				if text.fast == nil {
					t.Fatalf("%s is left to text/template", name)
				}
				texts[name] = text
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := drawData(t)
		for name, text := range texts {
			got, ok := text.fast.Run(d)
			var want strings.Builder
			err := text.execute(&want, d)
			if ok != (err == nil) || ok && got != want.String() {
				t.Fatalf("%s: %q (%v), want %q (%v)", name, got, ok, want.String(), err)
			}
		}
	})
}

var (
	labelNames      = []string{"rule", "alertname", "priority", "severity", "cluster", "hostname", "instance", "k8s_pod_name", "k8s_ns_name", "container_id", "container_name", "container_image", "object"}
	annotationNames = []string{
		"output", "count", "first_seen", "last_seen", "degraded", "enrichment", "escalated", "closing", "lossy", "ancestry", "place", "team", "on_call", "on_call_person", "deployment",
		"deployment_by", "deployment_link", "deployment_age", "findings", "findings_zh", "ack_url", "silence_url", "runbook_url", "description", "description_zh", "message", "summary",
		"user_name", "proc_name", "proc_pname", "proc_cmdline", "held", "held_summary", "held_summary_zh", "held_rule_01", "held_zh_rule_01", "held_rule_11", "held_zh_rule_07", "held_more",
	}
	valuesDrawn = []string{"", "x", "host", "late", "2026-01-02T03:04:05Z", "2026-01-03T03:04:05+08:00", "12m30s", "https://a.example/b", "Critical", "warning", "容器", strings.Repeat("长", 500), "`<@all>"}
)

func drawData(t *rapid.T) *Data {
	value := rapid.SampledFrom(valuesDrawn)
	d := &Data{Receiver: "r", Status: "firing"}
	for range rapid.IntRange(0, 12).Draw(t, "alerts") {
		d.Alerts = append(d.Alerts, template.Alert{
			Status:       rapid.SampledFrom([]string{"firing", "resolved"}).Draw(t, "status"),
			Labels:       rapid.MapOfN(rapid.SampledFrom(labelNames), value, 0, 8).Draw(t, "labels"),
			Annotations:  rapid.MapOfN(rapid.SampledFrom(annotationNames), value, 0, 12).Draw(t, "annotations"),
			StartsAt:     time.Unix(1764126000, 0),
			GeneratorURL: value.Draw(t, "generator"),
		})
	}
	return d
}
