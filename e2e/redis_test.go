package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

func TestRedisHoldsTheWindows(t *testing.T) {
	redis := redistest.Start(t)
	sink := newWebhookSink(t)
	config := func(l layout) string {
		return l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}", "store: "+redis.URL()+"?timeout=20s")
	}
	// Two routers that share a Redis know each other's alerts.
	first, second := newLayout(t, shadowRules), newLayout(t, shadowRules)
	a := start(t, first.dir, "router", config(first))
	b := start(t, second.dir, "router", config(second))
	post(t, a, falcoAlert("/shared"))
	sink.waitFor(t, 1)
	post(t, b, falcoAlert("/shared"), falcoAlert("/new"))
	eventually(t, "the new alert has arrived", func() error {
		if got := objects(sink.received()); !slices.Contains(got, "/new") {
			return fmt.Errorf("delivered %v", got)
		}
		return nil
	})
	if got := objects(sink.received()); !slices.Equal(got, []string{"/shared", "/new"}) {
		t.Errorf("delivered %v, want /shared once although both routers saw it", got)
	}
}

// With Redis gone alerts are delivered all the same, at once, and the metric says why they may repeat.
func TestRedisGoneDeliversAnyway(t *testing.T) {
	redis := redistest.Start(t)
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	p := start(t, l.dir, "router", l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}", "store: "+redis.URL()+"?timeout=20s"))
	post(t, p, falcoAlert("/before"))
	sink.waitFor(t, 1)
	if v := p.metric(t, "tocsin_store_degraded"); v != 0 {
		t.Errorf("tocsin_store_degraded = %v while Redis answers, want 0", v)
	}
	redis.Stop()
	begun := time.Now()
	post(t, p, falcoAlert("/after"))
	eventually(t, "the alert is delivered", func() error {
		if got := objects(sink.received()); !slices.Contains(got, "/after") {
			return fmt.Errorf("delivered %v", got)
		}
		return nil
	})
	t.Logf("delivered %v after Redis went away", time.Since(begun))
	if v := p.metric(t, "tocsin_store_degraded"); v != 1 {
		t.Errorf("tocsin_store_degraded = %v while Redis is gone, want 1", v)
	}
	if !strings.Contains(p.stderr.String(), "level=WARN") {
		t.Error("the log has no warning that Redis is gone")
	}
	eventually(t, "people are told that the store is away", func() error {
		for _, post := range sink.received() {
			for _, a := range post.Alerts {
				if a.Labels["rule"] == "Shared store away" {
					return nil
				}
			}
		}
		return fmt.Errorf("delivered %v", objects(sink.received()))
	})
	p.stop(t)
}
