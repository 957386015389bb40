package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

// falcosidekickAlert is what Falcosidekick makes of a Falco event, by its documented mapping.
func falcosidekickAlert(t *testing.T, body string) postedAlert {
	t.Helper()
	var e falcoEvent
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatal(err)
	}
	p := postedAlert{
		Labels: map[string]string{
			"alertname": e.Rule, "rule": e.Rule, "source": "falco", "eventsource": e.Source, "priority": e.Priority,
			"severity": "critical", "tags": strings.Join(e.Tags, ","), "hostname": e.Hostname,
		},
		Annotations: map[string]string{"info": e.Output, "description": e.Output, "summary": e.Rule},
	}
	unsafe := regexp.MustCompile(`[^a-zA-Z0-9_]`)
	for name, value := range e.OutputFields {
		if value != nil {
			p.Labels[strings.Trim(unsafe.ReplaceAllString(name, "_"), "_")] = fmt.Sprint(value)
		}
	}
	return p
}

func TestFalcosidekickAlertsAreEvents(t *testing.T) {
	now := time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)
	p := falcosidekickAlert(t, falcoBody)
	maps.Copy(p.Labels, map[string]string{"cluster": "prod", "ticket": "17"}) // extralabels, or customfields
	p.EndsAt = now.Add(-time.Minute)                                          // expiresafter
	got, ok, err := eventFromFalcosidekick(p, now, "router-1")
	if err != nil || !ok {
		t.Fatalf("eventFromFalcosidekick = %v, %v; want an event", ok, err)
	}
	want, err := falcoAlert([]byte(falcoBody), "router-1")
	if err != nil {
		t.Fatal(err)
	}
	// What Falcosidekick does not send, and what was added.
	want.ID = got.ID
	delete(want.OutputFields, "k8s.pod.name")
	want.OutputFields["cluster"], want.OutputFields["ticket"] = "prod", json.Number("17")
	want.Annotations["cluster"], want.Annotations["ticket"] = "prod", "17"
	want.Labels["cluster"] = "prod"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("by way of Falcosidekick it is (-Falco's own +got):\n%s", diff)
	}
	if got.Stateful != nil {
		t.Error("it is stateful: it would be told as resolved")
	}
}

func TestFalcosidekickIdentity(t *testing.T) {
	body := func(time, file string) string {
		return `{"rule":"R","priority":"Warning","source":"syscall","hostname":"n","time":"2026-11-23T10:02:03Z","output_fields":{"evt.time":` +
			time + `,"evt.num":` + time + `,"proc.exepath":"/bin/cat","proc.pid":` + time + `,"container.id":"3ad7b26ded6d","fd.name":"` + file + `"}}`
	}
	event := func(at, file string) pipeline.Alert {
		a, ok, err := eventFromFalcosidekick(falcosidekickAlert(t, body(at, file)), time.Time{}, "")
		if !ok || err != nil {
			t.Fatalf("eventFromFalcosidekick = %v, %v", ok, err)
		}
		return a
	}
	one, later, other := event("1795428123123456789", "/etc/shadow"), event("1795428999123456789", "/etc/shadow"), event("1795428123123456789", "/etc/passwd")
	if one.Fingerprint != later.Fingerprint || one.ID == later.ID {
		t.Errorf("two occurrences of one thing have fingerprints %s and %s, ids %s and %s; want one fingerprint, two ids", one.Fingerprint, later.Fingerprint, one.ID, later.ID)
	}
	if diff := cmp.Diff(one.Labels, later.Labels); diff != "" {
		t.Errorf("labels differ between occurrences of one thing:\n%s", diff)
	}
	if one.Fingerprint == other.Fingerprint {
		t.Error("two files have one identity")
	}
	if again := event("1795428123123456789", "/etc/shadow"); again.ID != one.ID {
		t.Error("one event, posted for two Alertmanagers, has two ids")
	}
	if own, err := falcoAlert([]byte(body("1795428123123456789", "/etc/shadow")), ""); err != nil || own.Fingerprint != one.Fingerprint {
		t.Errorf("Falco's own output gives %s (%v), Falcosidekick's %s", own.Fingerprint, err, one.Fingerprint)
	}
}

func TestNotEveryAlertIsFalcosidekicks(t *testing.T) {
	valid := func() map[string]string {
		return map[string]string{"source": "falco", "rule": "R", "alertname": "R", "priority": "Warning"}
	}
	for name, c := range map[string]struct {
		change func(map[string]string)
		ok     bool
	}{
		"as Falcosidekick writes it":   {func(map[string]string) {}, true},
		"another source":               {func(l map[string]string) { l["source"] = "node" }, false},
		"no rule":                      {func(l map[string]string) { delete(l, "rule") }, false},
		"a rule that is not its name":  {func(l map[string]string) { l["alertname"] = "Other" }, false},
		"a priority Falco has not":     {func(l map[string]string) { l["priority"] = "p0" }, false},
		"what Prometheus says of it":   {func(l map[string]string) { delete(l, "priority") }, false},
		"no event time":                {func(l map[string]string) { delete(l, "evt_time") }, true},
		"an event time that is no one": {func(l map[string]string) { l["evt_time"] = "10:00" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := valid()
			c.change(l)
			now := time.Unix(100, 0)
			a, ok, err := eventFromFalcosidekick(postedAlert{Labels: l}, now, "h")
			if ok != c.ok || err != nil {
				t.Fatalf("eventFromFalcosidekick(%v) = %v, %v; want %v", l, ok, err, c.ok)
			}
			if ok && (!a.Time.Equal(now) || a.Hostname != "h" || a.ID == "") {
				t.Errorf("eventFromFalcosidekick(%v) = %+v, want one of now, of host h", l, a)
			}
		})
	}
	l := valid()
	l["bad"] = "\xff"
	if _, ok, err := eventFromFalcosidekick(postedAlert{Labels: l}, time.Now(), ""); !ok || err == nil {
		t.Errorf("a label that is not UTF-8: %v, %v; want an error", ok, err)
	}
}

// Of fields that become one annotation it is the same one whatever the order in which a map gives them.
func TestFieldsThatBecomeOneAnnotation(t *testing.T) {
	for range 50 {
		a := pipeline.Alert{Rule: "r", Output: "o", OutputFields: pipeline.Fields{
			"fd.name": "first", "fd_name": "last", "fd_name]": "<NA>", "proc.name": "sh", "summary": "theirs",
		}}
		annotateFalco(&a)
		want := map[string]string{"summary": "theirs", "output": "o", "fd_name": "last", "proc_name": "sh"}
		if diff := cmp.Diff(want, a.Annotations); diff != "" {
			t.Fatalf("annotations (-want +got):\n%s", diff)
		}
	}
}
