package e2e

import (
	"strings"
	"testing"
)

// A container that lives for some milliseconds is told by the names in its own passwd. Of one that lives for
// less than that a busy machine may miss them: they are read when its runtime enters its files, if it is still
// there then.
func TestUserOfAShortLivedContainer(t *testing.T) {
	const containers = 10
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"one program":           {[]string{"cat", "/etc/shadow"}, containers / 2},
		"some ten milliseconds": {[]string{"sh", "-c", "cat /etc/shadow; sleep 0.05"}, containers},
	} {
		t.Run(name, func(t *testing.T) {
			l, sink := newLayout(t, shadowRules), newWebhookSink(t)
			p := start(t, l.dir, "run", l.config("0s", webhookReceiver(sink)))
			for range containers {
				newContainer(t).run(t, 1000, c.args...)
			}
			sink.waitFor(t, containers)
			if n := strings.Count(p.stdout.String(), `"user.name":"app"`); n < c.want {
				t.Errorf("%d of %d alerts name the container's user, want %d\n%s", n, containers, c.want, p.stdout)
			}
		})
	}
}
