package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

// coded is an error with the status of its answer.
type coded struct {
	status int
	text   string
}

func (c coded) Error() string { return c.text }

func (c coded) HTTPStatus() int { return c.status }

// fakePeople records what was asked for, or fails.
type fakePeople struct {
	err      error
	silences []pipeline.Silence
	acks     []pipeline.Ack
	asked    []string
}

func (f *fakePeople) List(time.Time) []pipeline.Silence { return f.silences }

func (f *fakePeople) Get(id string) (pipeline.Silence, error) {
	for _, s := range f.silences {
		if s.ID == id {
			return s, nil
		}
	}
	return pipeline.Silence{}, coded{http.StatusNotFound, "no silence " + id}
}

func (f *fakePeople) Put(_ context.Context, s pipeline.Silence) (string, error) {
	f.silences = append(f.silences, s)
	return "new", f.err
}

func (f *fakePeople) Expire(_ context.Context, id, by string) error {
	f.asked = append(f.asked, "expire "+id+" "+by)
	return f.err
}

func (f *fakePeople) Hits(context.Context) (map[string]pipeline.Hits, error) {
	return map[string]pipeline.Hits{"a": {Alerts: 41, Last: day}}, f.err
}

func (f *fakePeople) Ack(_ context.Context, a pipeline.Ack) (pipeline.Ack, error) {
	f.acks = append(f.acks, a)
	return a, f.err
}

func (f *fakePeople) Unack(_ context.Context, of pipeline.Fingerprint) error {
	f.asked = append(f.asked, "unack "+of.String())
	return f.err
}

func (f *fakePeople) Acks(time.Time) []pipeline.Ack { return f.acks }

var day = time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)

func withPeople(f *fakePeople) func(*Config, *Deps) {
	return func(_ *Config, d *Deps) { d.People = f }
}

func TestSilencesOverHTTP(t *testing.T) {
	people := &fakePeople{silences: []pipeline.Silence{
		{ID: "a", CreatedBy: "li.na", EndsAt: time.Now().Add(time.Hour)}, {ID: "b", EndsAt: day},
	}}
	base := start(t, withPeople(people))
	for path, want := range map[string]string{
		"": "a active 41 b expired 0 ", "?state=active": "a active 41 ", "?state=expired&state=pending": "b expired 0 ", "?state=expired,pending": "b expired 0 ",
	} {
		status, answer, _ := request(t, "GET", base+"/api/v1/silences"+path, "")
		var views []SilenceView
		if err := json.Unmarshal([]byte(answer), &views); err != nil || status != 200 {
			t.Fatalf("GET = %d %s: %v", status, answer, err)
		}
		got := ""
		for _, v := range views {
			got += v.ID + " " + v.State + " " + map[bool]string{true: "41", false: "0"}[v.Hits.Alerts == 41] + " "
		}
		if got != want {
			t.Errorf("GET %s = %q, want %q", path, got, want)
		}
	}
	if status, answer, _ := request(t, "GET", base+"/api/v1/silences/a", ""); status != 200 || !strings.Contains(answer, `"state":"active","hits":{"alerts":41`) {
		t.Errorf("GET a = %d %s", status, answer)
	}
	if status, answer, _ := request(t, "GET", base+"/api/v1/silences/c", ""); status != 404 || !strings.Contains(answer, "no silence c") {
		t.Errorf("GET c = %d %s", status, answer)
	}
	if status, _, _ := request(t, "DELETE", base+"/api/v1/silences/a?by=li.na", ""); status != 200 || people.asked[0] != "expire a li.na" {
		t.Errorf("DELETE = %d, asked %q", status, people.asked)
	}
}

func TestPostSilence(t *testing.T) {
	people := &fakePeople{}
	base := start(t, withPeople(people))
	const body = `{"matchers":[{"name":"alertname","value":"A"},{"name":"x","value":"y.*","isRegex":true,"isEqual":false}],
		"endsAt":"2026-07-01T10:00:00Z","createdBy":"li.na","comment":"c","ticket":"OPS-1","annotations":{"tocsin_ticket":"OLD","x":"y"}}`
	if status, answer, _ := request(t, "POST", base+"/api/v1/silences", body); status != 200 || answer != "{\"id\":\"new\"}\n" {
		t.Fatalf("POST = %d %s", status, answer)
	}
	want := pipeline.Silence{
		Matchers: []pipeline.Matcher{{Name: "alertname", Value: "A", IsEqual: true}, {Name: "x", Value: "y.*", IsRegex: true}},
		EndsAt:   day, CreatedBy: "li.na", Comment: "c", Ticket: "OPS-1", Annotations: map[string]string{"x": "y"},
	}
	if diff := cmp.Diff(want, people.silences[0]); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
	before := time.Now()
	if status, answer, _ := request(t, "POST", base+"/api/v1/silences", `{"duration":"2h"}`); status != 200 {
		t.Fatalf("POST = %d %s", status, answer)
	}
	if ends := people.silences[1].EndsAt; ends.Before(before.Add(2*time.Hour)) || ends.After(time.Now().Add(2*time.Hour)) {
		t.Errorf("it ends at %s, want 2h from now", ends)
	}
	for name, c := range map[string]struct {
		body   string
		err    error
		status int
		want   string
	}{
		"no JSON":                  {"{", nil, 400, "not the JSON"},
		"what is refused":          {"{}", coded{400, "comment is missing"}, 400, "comment is missing"},
		"a store that is away":     {"{}", coded{503, "try again"}, 503, "try again"},
		"an error of another kind": {"{}", errors.New("oops"), 500, "oops"},
		"too much":                 {`{"comment":"` + strings.Repeat("x", 2<<20) + `"}`, nil, 413, "bytes"},
	} {
		people.err = c.err
		status, answer, header := request(t, "POST", base+"/api/v1/silences", c.body)
		if status != c.status || !strings.Contains(answer, c.want) || (header.Get("Retry-After") != "") != (status == 503) {
			t.Errorf("%s: %d %s, want %d and %q", name, status, answer, c.status, c.want)
		}
	}
}

func TestAcksOverHTTP(t *testing.T) {
	people := &fakePeople{}
	base := start(t, withPeople(people))
	if status, answer, _ := request(t, "GET", base+"/api/v1/acks", ""); status != 200 || answer != "[]\n" {
		t.Errorf("GET acks = %d %s, want an empty list", status, answer)
	}
	const path = "/api/v1/alerts/00c0ffee00c0ffee/ack"
	before := time.Now()
	status, answer, _ := request(t, "POST", base+path, `{"by":"li.na","comment":"c","for":"30m"}`)
	if status != 200 || !strings.Contains(answer, `"fingerprint":"00c0ffee00c0ffee"`) {
		t.Fatalf("POST = %d %s", status, answer)
	}
	a := people.acks[0]
	if a.Fingerprint != 0xc0ffee00c0ffee || a.By != "li.na" || a.Via != "api" || a.Until.Before(before.Add(30*time.Minute)) || a.Until.After(time.Now().Add(30*time.Minute)) {
		t.Errorf("acknowledged %+v", a)
	}
	if status, _, _ := request(t, "POST", base+path, `{"by":"x"}`); status != 200 || !people.acks[1].Until.IsZero() {
		t.Errorf("without a duration: %d %+v, want the default left to who keeps it", status, people.acks[1])
	}
	if status, _, _ := request(t, "DELETE", base+path, ""); status != 200 || people.asked[0] != "unack 00c0ffee00c0ffee" {
		t.Errorf("DELETE = %d, asked %q", status, people.asked)
	}
	for _, bad := range []string{"nonsense", "c0ffee", "00c0ffee00c0ffee00"} {
		if status, answer, _ := request(t, "POST", base+"/api/v1/alerts/"+bad+"/ack", `{"by":"x"}`); status != 400 {
			t.Errorf("POST %s = %d %s, want 400", bad, status, answer)
		}
	}
}

func TestASensorHasNoSilences(t *testing.T) {
	base := start(t, func(_ *Config, d *Deps) { d.Intake = nil })
	for _, path := range []string{"/api/v1/silences", "/api/v1/acks"} {
		if status, answer, _ := request(t, "GET", base+path, ""); status != 404 || !strings.Contains(answer, "routers") {
			t.Errorf("GET %s = %d %s", path, status, answer)
		}
	}
}
