package match

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

const imageRules = `
- rule: Foreign image
  desc: d
  condition: evt.type = openat and container and not container.image.repository in (trusted)
  output: "%container.image.repository %fd.name"
  priority: WARNING
- rule: Many opens
  desc: d
  condition: evt.type = openat and proc.name = cat
  window: {by: [container.id], within: 1m, count: {over: 1}}
  output: "%window.count in %container.name"
  priority: WARNING
- rule: Fleet
  desc: d
  condition: evt.type = openat
  window: {by: [user.name], within: 1m, count: {over: 1}}
  output: "%window.count"
  priority: NOTICE
- list: unused
  items: []
- macro: container
  condition: (container.id != host)
`

// late is an event whose container is not known yet, and with it.
func late() (before, after *pipeline.Event) {
	before, after = shadowRead(), shadowRead()
	before.Proc.Container = &pipeline.Container{ID: containerID}
	return before, after
}

func TestAgainIsTheSameAlertWithMore(t *testing.T) {
	w := &scripted{fires: func(int) bool { return true }}
	m := load(t, Config{Windows: w}, false, text(imageRules))
	before, after := late()
	partial := map[string]pipeline.Alert{}
	for _, a := range alerts(m, before) {
		partial[a.Rule] = a
	}
	asked := w.n
	want := alerts(load(t, Config{Windows: &scripted{fires: func(int) bool { return true }}}, false, text(imageRules)), after)
	for _, whole := range want[:2] {
		p := partial[whole.Rule]
		if p.Enrichment != pipeline.Partial || p.Labels["container_name"] != "" {
			t.Errorf("%s: before: %+v, want it partial", p.Rule, p)
		}
		p.Lossy = true
		got, ok := m.Again(after, &p)
		whole.Completes, whole.Lossy = &pipeline.Completes{Labels: maps.Clone(p.Labels)}, true
		if diff := cmp.Diff(whole, got); diff != "" || !ok {
			t.Errorf("%s: Again = %v (-want +got):\n%s", whole.Rule, ok, diff)
		}
	}
	if w.n != asked {
		t.Errorf("the windows were asked %d times more, want none", w.n-asked)
	}
	fleet := partial["Fleet"]
	if _, ok := m.Again(after, &fleet); ok || fleet.Unjudged == nil {
		t.Error("an alert that the store's window decides on was made again: its text is not known here")
	}
	gone := partial["Foreign image"]
	gone.Rule = "gone"
	if _, ok := m.Again(after, &gone); ok {
		t.Error("an alert of a rule that is gone was made again")
	}
}

func TestAgainSaysWhenTheRuleDoesNotHold(t *testing.T) {
	m := load(t, Config{}, false, text(imageRules))
	before, after := late()
	after.Proc.Container.Repository = "trusted"
	for _, a := range alerts(m, before) {
		if a.Rule != "Foreign image" {
			continue
		}
		again, ok := m.Again(after, &a)
		if !ok || again.Enrichment != pipeline.Late || again.ID != a.ID {
			t.Errorf("Again = %+v, %v, want it whole, and marked", again, ok)
		}
	}
}

// What an alert is about does not change with what is learned of it: repeats were counted for it.
func TestAgainKeepsTheFingerprint(t *testing.T) {
	m := load(t, Config{IdentityBy: []string{"container.name"}}, false, text(imageRules))
	before, after := late()
	a := alerts(m, before)[0]
	again, ok := m.Again(after, &a)
	if whole := alerts(m, after)[0]; !ok || again.Fingerprint != a.Fingerprint || whole.Fingerprint == a.Fingerprint {
		t.Errorf("fingerprints: %v at first, %v again, %v of the whole; want the first two the same", a.Fingerprint, again.Fingerprint, whole.Fingerprint)
	}
}
