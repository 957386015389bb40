package whitelist

import (
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

// A structured event has a source and a host; what it does not have never makes an entry apply, not even
// where a kernel event's empty field means something: no container is the host, user 0 is root.
func TestStructuredEventsHaveOnlySourceAndHost(t *testing.T) {
	for sentence, c := range map[string]struct {
		match string
		want  bool
	}{
		"its source":                 {"{evt.source: [login]}", true},
		"another source":             {"{evt.source: [json]}", false},
		"its host":                   {"evt.source = login and evt.hostname startswith web", true},
		"not another host":           {"not evt.hostname = db", true},
		"no container":               {"{container.id: [host]}", false},
		"user 0":                     {"{user.uid: [0]}", false},
		"no process that is known":   {"not proc.name = cat", false},
		"its source or user 0":       {"evt.source = login or user.uid = 0", false},
		"what holds for every event": {"{evt.dir: [<]}", false},
	} {
		list, problems := parse(entry(c.match))
		if len(problems) != 0 || len(list.entries) != 1 {
			t.Fatalf("%s: %v", sentence, problems)
		}
		ev := &pipeline.Event{Type: pipeline.EventJSON, Time: now.UnixNano(), Source: "login", Host: "web-1", Proc: &pipeline.Process{}}
		if _, got := list.Bypass("R", ev); got != c.want {
			t.Errorf("%s: %s applies: %v, want %v", sentence, c.match, got, c.want)
		}
	}
}
