package pipeline

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The vectors were computed with the Prometheus client library.
func TestFingerprintOf(t *testing.T) {
	for want, labels := range map[string]map[string]string{
		"d2c6efc389df0927": {"alertname": "A"},
		"cbf29ce484222325": {},
		"9b1ccb62a287a2bb": {"alertname": "终端Shell", "k8s.ns": "prod", "severity": "critical"},
	} {
		if got := FingerprintOf(labels).String(); got != want {
			t.Errorf("FingerprintOf(%v) = %s, want %s", labels, got, want)
		}
	}
}

func TestFingerprintKeepsLeadingZeros(t *testing.T) {
	var f Fingerprint
	if err := f.UnmarshalText([]byte("00000000000000ff")); err != nil || f.String() != "00000000000000ff" {
		t.Errorf("round trip of 00000000000000ff = %s, %v", f, err)
	}
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0": 0, "500ms": 500 * time.Millisecond, "5m": 5 * time.Minute, "1h30m": 90 * time.Minute,
		"1d": 24 * time.Hour, "1d12h": 36 * time.Hour, "2w": 14 * 24 * time.Hour, "1y": 365 * 24 * time.Hour,
	} {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "5", "-5s", "5 minutes", "1d-1h", "d", "99999999999d", "300y10y"} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", in, got)
		}
	}
}

func TestShortDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 30 * time.Second: "30s", 10 * time.Minute: "10m", time.Hour: "1h", 24 * time.Hour: "24h", 90 * time.Minute: "1h30m",
		time.Hour + 10*time.Second: "1h0m10s", 100 * time.Hour: "100h", 20 * time.Millisecond: "20ms", -time.Hour: "-1h",
	} {
		if got := Duration(d).Short(); got != want {
			t.Errorf("Duration(%v).Short() = %q, want %q", d, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for in, want := range map[string]Size{"512": 512, "64KiB": 64 << 10, "8MiB": 8 << 20, "1GiB": 1 << 30, "2KB": 2000, "7B": 7} {
		var got Size
		if err := got.UnmarshalText([]byte(in)); err != nil || got != want {
			t.Errorf("Size %q = %d, %v, want %d", in, got, err, want)
		}
		text, err := got.MarshalText()
		var back Size
		if err != nil || back.UnmarshalText(text) != nil || back != want {
			t.Errorf("Size %q prints as %q, which reads as %d", in, text, back)
		}
	}
	for _, in := range []string{"", "8 potatoes", "-1", "8mib", "99999999999GiB"} {
		var z Size
		if err := z.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("Size %q = %d, want an error", in, z)
		}
	}
}

func TestSecretNeverShows(t *testing.T) {
	s := struct{ URL Secret }{"https://robot/send?key=hunter2"}
	body, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%+v %#v %s %q", s, s, s.URL, s.URL), string(body), s.URL.LogValue().String()} {
		if strings.Contains(shown, "hunter2") {
			t.Errorf("a secret shows in %s", shown)
		}
	}
}

func TestPriority(t *testing.T) {
	for in, want := range map[string]Priority{"EMERGENCY": Emergency, "alert": AlertPriority, "info": Informational, "Informational": Informational, "debug": Debug} {
		if got, err := ParsePriority(in); err != nil || got != want {
			t.Errorf("ParsePriority(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
	if _, err := ParsePriority("HIGH!"); err == nil || !strings.Contains(err.Error(), "emergency, alert, critical") {
		t.Errorf("an unknown priority gives %v, want an error that lists the known ones", err)
	}
}

func TestAlertJSONRoundTrip(t *testing.T) {
	in := Alert{
		ID: "0190-1", Time: time.Date(2026, 11, 23, 10, 0, 0, 123456789, time.UTC), Rule: "Shadow file read",
		Priority: Critical, Source: "syscall", Hostname: "n1", Output: "读取 <b>", Tags: []string{"filesystem"},
		OutputFields: Fields{"proc.name": "cat", "fd.rip": nil, "evt.time": json.Number("1795428123123456789")}, Labels: map[string]string{"rule": "x"},
		Fingerprint: 255, Count: 3,
	}
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out Alert
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Errorf("an alert changes on the bus (-sent +received):\n%s", diff)
	}
	for _, want := range []string{`"priority":"Critical"`, `"fingerprint":"00000000000000ff"`, `"time":"2026-11-23T10:00:00.123456789Z"`, `"fd.rip":null`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("alert JSON lacks %s: %s", want, body)
		}
	}
}

func TestEventTypeNames(t *testing.T) {
	seen := map[string]EventType{}
	for typ := EventType(firstSyscall); typ < NumEventTypes; typ++ {
		name := typ.String()
		if name == "" || name == "unknown" {
			t.Errorf("event type %d has no name", typ)
		}
		if other, ok := seen[name]; ok {
			t.Errorf("event types %d and %d are both %q", other, typ, name)
		}
		seen[name] = typ
	}
	if EventUserfaultfd.String() != "userfaultfd" || EventOpenat.String() != "openat" {
		t.Errorf("names are out of step with the constants: %s, %s", EventUserfaultfd, EventOpenat)
	}
	if got := EventTypesNamed("execve"); !cmp.Equal(got, []EventType{EventExecve, EventExecveFailed}) {
		t.Errorf("EventTypesNamed(execve) = %v, want the success and the failure", got)
	}
}
