package templates

import (
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Links are ours or none, whatever comes with an alert, and only where there is something to be done.
func TestLinks(t *testing.T) {
	told := time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)
	links := func(of pipeline.Fingerprint, at time.Time) (ack, silence string) {
		return "https://t.example/ack?t=" + of.String() + at.Format("-15:04"), ""
	}
	foreign := map[string]string{"ack_url": "https://evil.example", "silence_url": "https://evil.example"}
	for name, c := range map[string]struct {
		links func(pipeline.Fingerprint, time.Time) (string, string)
		state *pipeline.Stateful
		want  string
	}{
		"an event":                       {links, nil, "https://t.example/ack?t=0000000000000007-10:00"},
		"an alert that fires":            {links, &pipeline.Stateful{}, "https://t.example/ack?t=0000000000000007-10:00"},
		"one that is resolved":           {links, &pipeline.Stateful{EndsAt: told}, ""},
		"nobody knows where to reach us": {nil, nil, ""},
	} {
		n := pipeline.Notification{CreatedAt: told, Alerts: []pipeline.Alert{{Fingerprint: 7, Annotations: foreign, Stateful: c.state}}}
		got := NewData(n, Options{Escape: func(s string) string { return s }, Links: c.links}).Alerts[0].Annotations
		if _, there := got["silence_url"]; got["ack_url"] != c.want || there {
			t.Errorf("%s: %v, want %q and no other", name, got, c.want)
		}
	}
}
