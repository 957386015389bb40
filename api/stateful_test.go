package api

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestStatefulAlertsHaveAlertmanagersDefaults(t *testing.T) {
	now := time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return now.Add(d) }
	for name, c := range map[string]struct {
		body string
		want pipeline.Stateful
	}{
		"without times it fires from now on until the timeout": {
			`{"labels":{"alertname":"A"}}`, pipeline.Stateful{StartsAt: now, EndsAt: at(5 * time.Minute), UpdatedAt: now, Timeout: true}},
		"with an end alone it starts there": {
			`{"labels":{"alertname":"A"},"endsAt":"2026-11-26T03:59:00Z"}`, pipeline.Stateful{StartsAt: at(-time.Minute), EndsAt: at(-time.Minute), UpdatedAt: now}},
		"with a start alone it gets our end": {
			`{"labels":{"alertname":"A"},"startsAt":"2026-11-26T03:00:00.5Z"}`,
			pipeline.Stateful{StartsAt: at(-time.Hour + time.Second/2), EndsAt: at(5 * time.Minute), UpdatedAt: now, Timeout: true}},
		"both are as they are, in any zone": {
			`{"labels":{"alertname":"A"},"startsAt":"2026-11-26T11:00:00+08:00","endsAt":"2026-11-26T05:00:00Z","generatorURL":"http://p/g"}`,
			pipeline.Stateful{StartsAt: at(-time.Hour), EndsAt: at(time.Hour), UpdatedAt: now, GeneratorURL: "http://p/g"}},
		"zero and empty times are none, as clients in Go write them": {
			`{"labels":{"alertname":"A"},"startsAt":"0001-01-01T00:00:00.000Z","endsAt":""}`,
			pipeline.Stateful{StartsAt: now, EndsAt: at(5 * time.Minute), UpdatedAt: now, Timeout: true}},
		"a time without a zone is UTC": {
			`{"labels":{"alertname":"A"},"startsAt":"2026-11-26T03:00:00","endsAt":"2026-11-26T13:00:00+0800"}`,
			pipeline.Stateful{StartsAt: at(-time.Hour), EndsAt: at(time.Hour), UpdatedAt: now}},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := readPosted(c.body, now)
			if err != nil {
				t.Fatalf("statefulAlert(%s) = %v", c.body, err)
			}
			if diff := cmp.Diff(&c.want, a.Stateful); diff != "" {
				t.Errorf("statefulAlert(%s) (-want +got):\n%s", c.body, diff)
			}
		})
	}
}

func TestStatefulAlertsAreKnownByTheirLabels(t *testing.T) {
	a, err := readPosted(`{"labels":{"alertname":"终端Shell","k8s.ns":"prod","severity":"critical","empty":""},
		"annotations":{"summary":"short","description":"long"}}`, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	// The value is the Prometheus library's for these labels.
	if got := a.Fingerprint.String(); got != "9b1ccb62a287a2bb" {
		t.Errorf("fingerprint %s, want 9b1ccb62a287a2bb: of all labels but empty ones", got)
	}
	if _, there := a.Labels["empty"]; there || a.Rule != "终端Shell" || a.Priority != pipeline.Critical || a.Output != "long" || a.Source != "alertmanager" {
		t.Errorf("got labels %v, rule %q, priority %v, output %q, source %q", a.Labels, a.Rule, a.Priority, a.Output, a.Source)
	}
	for word, want := range map[string]pipeline.Priority{"page": pipeline.Critical, "WARN": pipeline.Warning, "info": pipeline.Informational, "sev-?": pipeline.Warning} {
		a, err := readPosted(`{"labels":{"alertname":"A","severity":"`+word+`"}}`, time.Now())
		if err != nil || a.Priority != want {
			t.Errorf("severity %q is %v (%v), want %v", word, a.Priority, err, want)
		}
	}
}

func TestStatefulAlertsThatAreRefused(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                  "there are no labels",
		`{"labels":{"a":""}}`: "there are no labels",
		`{"labels":{"":"x"}}`: "is no name of a label",
		`{"labels":{"a":1}}`:  "cannot unmarshal number",
		`{"labels":{"a":"b"},"startsAt":"2026-11-26T05:00:00Z","endsAt":"2026-11-26T04:00:00Z"}`: "endsAt is before startsAt",
		`{"labels":{"a":"b"},"startsAt":"yesterday"}`:                                            `"yesterday" is no time`,
		`"text"`: "cannot unmarshal string",
	} {
		if _, err := readPosted(body, time.Now()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("statefulAlert(%s) = %v, want an error with %q", body, err, want)
		}
	}
	if _, err := statefulAlert(postedAlert{Labels: map[string]string{"a": "\xff"}}, time.Now(), time.Minute); err == nil {
		t.Error("a label that is not UTF-8 was taken")
	}
}

func readPosted(body string, now time.Time) (pipeline.Alert, error) {
	p, err := readV2Alert([]byte(body))
	if err != nil {
		return pipeline.Alert{}, err
	}
	return statefulAlert(p, now, 5*time.Minute)
}

// Stores hold times as nanoseconds: those of a far future would be of the past.
func TestTimesNobodyCanStoreAreTheNearest(t *testing.T) {
	now := time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC)
	a, err := readPosted(`{"labels":{"alertname":"A"},"startsAt":"0001-01-01T00:00:01Z","endsAt":"9999-12-31T00:00:00Z"}`, now)
	if err != nil {
		t.Fatal(err)
	}
	falco, err := falcoAlert([]byte(`{"rule":"A","priority":"Error","time":"9999-12-31T00:00:00Z"}`), "h")
	if err != nil {
		t.Fatal(err)
	}
	var own pipeline.Alert
	err = readAlert([]byte(`{"uuid":"1","rule":"A","time":"0001-01-01T00:00:01Z","stateful":{"starts_at":"0001-01-01T00:00:01Z","ends_at":"9999-12-31T00:00:00Z"}}`), &own)
	if err != nil || own.Stateful == nil {
		t.Fatal(err, own)
	}
	for i, at := range []time.Time{a.Time, a.Stateful.StartsAt, a.Stateful.EndsAt, falco.Time, own.Time, own.Stateful.StartsAt, own.Stateful.EndsAt} {
		if !time.Unix(0, at.UnixNano()).Equal(at) {
			t.Errorf("time %d is %s, which no store can hold", i, at)
		}
	}
	if !a.Stateful.EndsAt.After(now.AddDate(100, 0, 0)) || !a.Stateful.StartsAt.Before(now.AddDate(-50, 0, 0)) {
		t.Errorf("it fires from %s to %s", a.Stateful.StartsAt, a.Stateful.EndsAt)
	}
}
