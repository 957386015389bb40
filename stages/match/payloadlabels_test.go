package match

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestTetragonsAlertsHaveTheLabelsOfOthers(t *testing.T) {
	p := payloadOf(t, Config{}, false, "- rule: R\n  desc: d\n  source: tetragon\n  condition: event.kind == \"process_exec\"\n  output: o\n  priority: INFO\n"+
		"  dedupe: {by: [event.process.binary]}\n")
	ev := pipeline.Structured{ID: "1", Source: pipeline.Tetragon, At: arrival, Body: json.RawMessage(`{"kind":"process_exec","hostname":"n1",
		"process":{"binary":"/bin/sh"},"container":{"id":"551e161c47d8","name":"web","image":"shop/web:1.4"},"pod":{"namespace":"shop","name":7}}`)}
	alerts, err := p.Match(ev)
	if err != nil || len(alerts) != 1 {
		t.Fatalf("Match = %d alerts, %v", len(alerts), err)
	}
	want := map[string]string{
		"alertname": "R", "rule": "R", "priority": "Informational", "severity": "info", "source": "tetragon", "hostname": "n1",
		"event_process_binary": "/bin/sh", "container_id": "551e161c47d8", "container_name": "web", "container_image": "shop/web:1.4",
		"k8s_ns_name": "shop", "proc_exepath": "/bin/sh",
	}
	if diff := cmp.Diff(want, alerts[0].Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	identity := pipeline.FingerprintOf(map[string]string{"alertname": "R", "hostname": "n1", "event_process_binary": "/bin/sh"})
	if alerts[0].Fingerprint != identity {
		t.Errorf("the labels that were added are part of the identity: %s, want %s", alerts[0].Fingerprint, identity)
	}
}
