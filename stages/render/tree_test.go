package render

import (
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

func TestPayloadOfTheConfiguration(t *testing.T) {
	r, err := New(Config{Language: "en"}, ".")
	if err != nil {
		t.Fatal(err)
	}
	n := pipeline.Notification{ID: "n", Receiver: "soar", Reason: "first notification", CreatedAt: time.Unix(1, 0), Alerts: []pipeline.Alert{{
		Time: time.Unix(1, 0), Rule: "R", Output: `say "hi" <b>`, Labels: map[string]string{"rule": "R", "hostname": `a"b`},
	}}}
	spec := Spec{Kind: templates.WebhookPayload, Body: `{"n":12345678901234567890,"ok":true,"no":null,"title":"{{ .Status }} {{ (index .Alerts 0).Labels.hostname }}","all":["{{ range .Alerts }}{{ .Annotations.output }}{{ end }}"]}`}
	if err := r.Check(spec); err != nil {
		t.Fatalf("Check = %v", err)
	}
	m, err := r.Render(n, spec)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"all":["say \"hi\" <b>"],"n":12345678901234567890,"no":null,"ok":true,"title":"firing a\"b"}`; string(m.Payload) != want {
		t.Errorf("payload %s, want %s", m.Payload, want)
	}
	spec.Body = `{"a":{"b":["{{ .Nothing }}"]}}`
	if err := r.Check(spec); err == nil || !strings.Contains(err.Error(), "payload.a.b[0]") {
		t.Errorf("Check of a wrong template = %v, want it to say where", err)
	}
}
