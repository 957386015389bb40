package whitelist

import (
	"sync"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

// The hot half, what waits for metadata, and the rules for posted events ask one List at a time each, while it is
// reported and a reload's List counts on: no hit is lost, and none is told twice.
func TestManyAskAtOnce(t *testing.T) {
	text := entry("{proc.name: backup}") + "- {id: posted, reason: r, rules: [P], match: {event.user: [backup]}}\n"
	l, _ := parse(text)
	next, _ := parse(text)
	next.Continue(l.Counts())
	const askers, each = 4, 500
	var asking sync.WaitGroup
	for i := range askers {
		list := []*List{l, next}[i%2]
		asking.Go(func() {
			for range each {
				for rule, ev := range map[string]*pipeline.Event{"R": backup(), "P": structured(map[string]any{"user": "backup"}), "Other": backup()} {
					id, ok := list.Bypass(rule, ev)
					if ok != (rule != "Other") {
						t.Errorf("Bypass of %s = %v", rule, ok)
					}
					if ok && list.Wants(id, rule, ev) {
						list.Keep(id, pipeline.Alert{ID: "sample", Rule: rule})
					}
				}
				l.Counts().Changes("h")
			}
		})
	}
	asking.Wait()
	for _, a := range l.Counts().All("h") {
		if a.Covered.Hits != askers*each {
			t.Errorf("%d hits of %s, want %d", a.Covered.Hits, a.Rule, askers*each)
		}
	}
	if n := len(l.Counts().All("h")); n != 2 {
		t.Errorf("%d pairs, want 2", n)
	}
}
