package render

import (
	"bytes"
	"encoding/json"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

// webhookPayload is Alertmanager's webhook body, version "4": what its consumers parse already.
type webhookPayload struct {
	Version         string `json:"version"`
	GroupKey        string `json:"groupKey"`
	TruncatedAlerts uint64 `json:"truncatedAlerts"` // set by the webhook notifier's max_alerts
	*templates.Data

	// Ours: what was kept back, of which alerts has a summary in words; and whether it may have been sent before.
	Held  []pipeline.Held `json:"held,omitempty"`
	Again bool            `json:"again,omitempty"`
	Via   string          `json:"via,omitempty"` // whom it was for and why it is here: it came to a fallback
}

func payload(n pipeline.Notification, d *templates.Data) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	// Go's default would write < > & as \u003c: larger, and unreadable for whoever looks at it.
	enc.SetEscapeHTML(false)
	if err := enc.Encode(webhookPayload{Version: "4", GroupKey: n.GroupKey, Data: d, Held: n.Held, Again: n.Again, Via: n.Via}); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}
