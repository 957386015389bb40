package e2e

import (
	"strings"
	"testing"
)

// A container that lives a millisecond is still told by the names in its own passwd: they are read when
// its runtime enters its files.
func TestUserOfAShortLivedContainer(t *testing.T) {
	l, sink := newLayout(t, shadowRules), newWebhookSink(t)
	p := start(t, l.dir, "run", l.config("0s", webhookReceiver(sink)))
	const containers = 10
	for range containers {
		newContainer(t).run(t, 1000, "cat", "/etc/shadow")
	}
	sink.waitFor(t, containers)
	if n := strings.Count(p.stdout.String(), `"user.name":"app"`); n != containers {
		t.Errorf("%d of %d alerts name the container's user\n%s", n, containers, p.stdout)
	}
}
