package render

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

// What is written by hand is what encoding/json writes of Alertmanager's data and ours.
func TestPayloadIsAlertmanagersData(t *testing.T) {
	r := newRenderer(t, Config{ExternalURL: "https://tocsin.example.org"})
	for name, n := range samples() {
		n.GroupKey, n.Again, n.Via = `{}:{a="<b>"}`, name == "many alerts", "chat: <down> & out\u2028"
		n = templates.WithHeld(n, "en", r.zone)
		d := r.data(templates.Webhook, n)
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		err := enc.Encode(struct {
			Version         string `json:"version"`
			GroupKey        string `json:"groupKey"`
			TruncatedAlerts uint64 `json:"truncatedAlerts"`
			*templates.Data
			Held  []pipeline.Held `json:"held,omitempty"`
			Again bool            `json:"again,omitempty"`
			Via   string          `json:"via,omitempty"`
		}{Version: "4", GroupKey: n.GroupKey, Data: d, Held: n.Held, Again: n.Again, Via: n.Via})
		if err != nil {
			t.Fatal(err)
		}
		got, err := payload(n, d)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(bytes.TrimSpace(want.Bytes())), string(got)); diff != "" {
			t.Errorf("%s (-encoding/json +payload):\n%s", name, diff)
		}
	}
}
