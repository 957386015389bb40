package render

import (
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

const hostileText = "`</font><@all>](javascript:x) **\r\n# x\x00\u202e\xff"

// samples are what templates are tried on when they are loaded: every shape a notification can have.
func samples() map[string]pipeline.Notification {
	at := time.Date(2025, 6, 1, 3, 0, 0, 0, time.UTC)
	full := pipeline.Alert{
		ID: "0197290e-8000-7000-8000-000000000000", Time: at, Rule: "Sample rule", Priority: pipeline.Critical,
		Source: "syscall", Hostname: "node-1", Output: "sample output",
		Labels: map[string]string{
			"alertname": "Sample rule", "rule": "Sample rule", "priority": "Critical", "severity": "critical",
			"source": "syscall", "hostname": "node-1", "container_id": "3f2a9c81d7e4", "container_name": "api",
			"container_image": "registry.example/api:1.4.2", "k8s_ns_name": "payments", "k8s_pod_name": "api-7c9",
			"proc_exepath": "/usr/bin/cat", "object": "/etc/shadow",
		},
		Annotations: map[string]string{
			"summary": "Sample rule", "description": "what the rule is about", "description_zh": "规则说明",
			"user_name": "root", "proc_name": "cat", "proc_pname": "bash", "proc_cmdline": "cat /etc/shadow",
			"runbook_url": "https://runbooks.example/shadow",
		},
		Count: 37, FirstSeen: at.Add(-time.Hour), LastSeen: at, Degraded: true, Lossy: true, Enrichment: "partial",
		Ancestry: "systemd(1) > bash(4021) > cat(4022)",
		Place:    &pipeline.Place{Address: "203.0.113.9", Country: "CN", City: "Shanghai", ASN: 4134, ASOrg: "CHINANET"},
		Owner:    &pipeline.Owner{Team: "payments", OnCall: "payments-oncall"},
		Deployment: &pipeline.Deployment{Version: "v1.4.2", Commit: "0a1b2c3d", By: "zhang.wei", At: at.Add(-12 * time.Minute),
			Link: "https://ci.example/deploys/17"},
		Findings: []pipeline.Findings{{Scanner: "trivy", Subject: "image sha256:0a1b", At: at, Counts: map[string]int{"critical": 2, "high": 5},
			Worst: []string{"CVE-2024-3094"}}},
	}
	bare := pipeline.Alert{Time: at}
	hostile := full // as an attacker would like to be seen
	hostile.Labels, hostile.Annotations = map[string]string{}, map[string]string{}
	for name := range full.Labels {
		hostile.Labels[name] = hostileText
	}
	for name := range full.Annotations {
		hostile.Annotations[name] = hostileText
	}
	hostile.Output, hostile.Ancestry = hostileText, hostileText
	escalated, closing := full, full
	escalated.Escalated, closing.Closing = true, true
	several := []pipeline.Alert{full, bare, escalated, closing}
	for range 120 { // beyond what any built-in text lists
		several = append(several, full)
	}
	of := func(alerts ...pipeline.Alert) pipeline.Notification {
		return pipeline.Notification{
			ID: "sample", Receiver: "sample", GroupKey: "sample", Reason: "first notification",
			GroupLabels: map[string]string{"rule": "Sample rule"}, Alerts: alerts, CreatedAt: at,
		}
	}
	fires, over := bare, full
	fires.Labels = map[string]string{"alertname": "Sample alert", "instance": "node-1:9100"}
	fires.Stateful = &pipeline.Stateful{StartsAt: at, UpdatedAt: at, GeneratorURL: "https://prometheus.example/graph?g0.expr=up"}
	over.Stateful = &pipeline.Stateful{StartsAt: at, EndsAt: at.Add(time.Hour), UpdatedAt: at}
	held := of()
	held.Held = []pipeline.Held{{
		Why: pipeline.ByMuteInterval, By: []string{"night"}, From: at, To: at.Add(8 * time.Hour), Alerts: 41, Worst: pipeline.Critical,
		Rules: []pipeline.HeldRule{{Rule: "Sample rule", Alerts: 40, Worst: pipeline.Critical, First: at, Last: at.Add(time.Hour), Sample: "sample output"}},
		More:  1,
	}}
	digest, moved := held, of(full)
	digest.Reason, digest.Held = "digest", []pipeline.Held{held.Held[0]}
	digest.Held[0].Why, digest.Held[0].By = pipeline.ByQuota, []string{"37"}
	moved.Via = "night: HTTP status 503"
	return map[string]pipeline.Notification{"a digest": digest, "what was for somebody else": moved, "one alert": of(full), "hostile values": of(hostile), "an alert without labels": of(bare), "many alerts": of(several...), "a summary": of(closing),
		"what fires, and what is over": of(fires, over), "what is over": of(over), "what was kept back": held}
}
