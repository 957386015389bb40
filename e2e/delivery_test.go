package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// A hundred occurrences of one thing are one message that says so.
func TestRepeatsArriveAsOneMessageWithACount(t *testing.T) {
	c := newContainer(t)
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	start(t, l.dir, "run", l.config("8s", webhookReceiver(sink))) // longer than a busy machine takes for the hundred
	c.run(t, 0, "sh", "-c", "i=0; while [ $i -lt 100 ]; do cat /etc/shadow >/dev/null; i=$((i+1)); done")

	got := sink.waitFor(t, 1)[0]
	if len(got.Alerts) != 1 || got.Alerts[0].Annotations["count"] != "100" {
		t.Errorf("message = %+v, want one alert with count 100", got)
	}
	time.Sleep(3 * time.Second) // longer than the group's interval: nothing may follow
	if n := len(sink.received()); n != 1 {
		t.Errorf("%d messages arrived, want the one", n)
	}
}

// kill -9 between match and delivery: the sink refuses, so every alert is accepted and none delivered
// when the router dies; the next one delivers them all.
func TestKillLosesNoAlert(t *testing.T) {
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	sink.answer(http.StatusServiceUnavailable)
	config := l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}")
	const batches, perBatch = 10, 20
	posted := map[string]bool{}
	for b := range batches {
		p := start(t, l.dir, "router", config)
		var alerts []string
		for i := range perBatch {
			object := fmt.Sprintf("/file-%d-%d", b, i)
			posted[object] = true
			alerts = append(alerts, falcoAlert(object))
		}
		post(t, p, alerts...)
		time.Sleep(time.Duration(b) * 10 * time.Millisecond) // a different moment each time
		p.kill(t)
	}

	sink.answer(http.StatusOK)
	start(t, l.dir, "router", config)
	eventually(t, "every alert has arrived", func() error {
		missing := map[string]bool{}
		for object := range posted {
			missing[object] = true
		}
		for _, object := range objects(sink.received()) {
			delete(missing, object)
		}
		if len(missing) > 0 {
			return fmt.Errorf("%d of %d are missing", len(missing), len(posted))
		}
		return nil
	})
}

// objects lists what the alerts of all posts are about.
func objects(posts []webhookPost) []string {
	var all []string
	for _, p := range posts {
		for _, a := range p.Alerts {
			all = append(all, a.Labels["object"])
		}
	}
	return all
}

// A kernel event whose message was not taken yet survives kill -9 of the whole process.
func TestKillLosesNoKernelEvent(t *testing.T) {
	c := newContainer(t)
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	sink.answer(http.StatusServiceUnavailable)
	config := l.config("0s", webhookReceiver(sink))
	p := start(t, l.dir, "run", config)
	c.run(t, 0, "cat", "/etc/shadow")
	eventually(t, "the alert is in the durable half", func() error {
		if p.metric(t, "tocsin_alerts_received_total") < 1 {
			return fmt.Errorf("no alert was received yet")
		}
		return nil
	})
	p.kill(t)
	sink.answer(http.StatusOK)
	start(t, l.dir, "run", config)
	if got := objects(sink.waitFor(t, 1)); !slices.Contains(got, "/etc/shadow") {
		t.Errorf("delivered %v, want /etc/shadow", got)
	}
}

// A receiver that is down for 10 s gets the message afterwards, once.
func TestSinkDownForTenSeconds(t *testing.T) {
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	sink.answer(http.StatusServiceUnavailable)
	p := start(t, l.dir, "router", l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}"))
	post(t, p, falcoAlert("/a"))
	time.Sleep(10 * time.Second)
	if n := len(sink.received()); n != 0 {
		t.Fatalf("a sink that answers 503 has taken %d messages", n)
	}
	sink.answer(http.StatusOK)
	if got := objects(sink.waitFor(t, 1)); !slices.Equal(got, []string{"/a"}) {
		t.Errorf("delivered %v, want /a once", got)
	}
}

// What a receiver will never take is parked, counted, and does not stop what follows.
func TestBadMessageIsParked(t *testing.T) {
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	sink.answer(http.StatusUnprocessableEntity)
	p := start(t, l.dir, "router", l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}"))
	post(t, p, falcoAlert("/a"))
	eventually(t, "the message is parked", func() error {
		if p.metric(t, "tocsin_dead_letters_total") != 1 {
			return fmt.Errorf("no dead letter yet")
		}
		return nil
	})
	sink.answer(http.StatusOK)
	post(t, p, falcoAlert("/b"))
	eventually(t, "the next message arrives", func() error {
		if got := objects(sink.received()); !slices.Contains(got, "/b") {
			return fmt.Errorf("delivered %v", got)
		}
		return nil
	})
	if got := objects(sink.received()); slices.Contains(got, "/a") {
		t.Errorf("delivered %v: the parked message went out all the same", got)
	}
	out := p.must(t, "deadletter", "list", "--receiver", "sink")
	if !strings.Contains(out, "Posted") || !strings.Contains(out, "HTTP status 422") {
		t.Errorf("deadletter list says:\n%s", out)
	}
	if out := p.must(t, "deadletter", "show", "1"); !strings.Contains(out, `"/a"`) {
		t.Errorf("deadletter show says:\n%s", out)
	}
	if out, problem, ok := p.tell(t, "deadletter", "replay"); ok {
		t.Errorf("deadletter replay of nothing: %s %s", out, problem)
	}
	p.must(t, "deadletter", "replay", "--all")
	eventually(t, "what was replayed arrives", func() error {
		if got := objects(sink.received()); !slices.Contains(got, "/a") {
			return fmt.Errorf("delivered %v", got)
		}
		return nil
	})
	if out := p.must(t, "deadletter", "purge", "--all"); !strings.Contains(out, "0 removed") {
		t.Errorf("deadletter purge says %s", out)
	}
	p.stop(t)
}

// A receiver that hangs or fails holds up no other.
func TestOneReceiverDownHoldsUpNoOther(t *testing.T) {
	l, down, up := newLayout(t, shadowRules), newWebhookSink(t), newWebhookSink(t)
	down.answer(http.StatusServiceUnavailable)
	receiver := fmt.Sprintf("webhook_configs: [{url: %q}, {url: %q}]", down.URL+"/x", up.URL+"/y")
	p := start(t, l.dir, "router", l.config("0s", receiver, "sensor: {enabled: false}"))
	for i := range 5 {
		post(t, p, falcoAlert(fmt.Sprintf("/f%d", i)))
	}
	eventually(t, "the healthy receiver has all five", func() error {
		if got := objects(up.received()); len(got) < 5 {
			return fmt.Errorf("it has %v", got)
		}
		return nil
	})
	if text := p.stderr.String(); strings.Contains(text, down.URL+"/x") {
		t.Errorf("the receiver's URL, a secret, is in the log:\n%s", text)
	}
}
