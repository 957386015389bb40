package e2e

import (
	"fmt"
	"testing"
	"time"
)

// occurrence is a posted alert about an object, now.
func occurrence(object string) string {
	return fmt.Sprintf(`{"rule":"Posted","priority":"Warning","time":%q,"source":"syscall","output":"posted","output_fields":{"fd.name":%q}}`,
		time.Now().UTC().Format(time.RFC3339Nano), object)
}

// What is quiet stays quiet over a kill -9, and is summed up when it is over, with what came before the kill.
func TestKillKeepsQuietAndSumsUp(t *testing.T) {
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	config := l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}", "dedupe: {for: 15s}")
	p := start(t, l.dir, "router", config)
	handled := func(n float64) {
		t.Helper()
		eventually(t, "the alerts are handled", func() error {
			if got := p.metric(t, "tocsin_alerts_handled_total"); got != n {
				return fmt.Errorf("%v of %v", got, n)
			}
			return nil
		})
	}
	post(t, p, occurrence("/a"))
	sink.waitFor(t, 1)
	post(t, p, occurrence("/a"))
	post(t, p, occurrence("/a"))
	handled(3)
	p.kill(t)

	p = start(t, l.dir, "router", config)
	post(t, p, occurrence("/a"))
	var second webhookPost
	eventually(t, "the summary has arrived", func() error {
		posts := sink.received()
		if len(posts) < 2 {
			return fmt.Errorf("%d messages", len(posts))
		}
		second = posts[1]
		return nil
	})
	if a := second.Alerts[0]; a.Annotations["closing"] != "true" || a.Annotations["count"] != "4" || a.Labels["object"] != "/a" {
		t.Errorf("after the kill came %+v, want the summary ×4 and nothing before it", a)
	}
}
