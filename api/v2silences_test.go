package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

const goodSilence = `{"matchers":[{"name":"alertname","value":"A","isRegex":false},{"name":"team","value":"x|y","isRegex":true,"isEqual":false}],
"startsAt":"2020-11-26T04:00:00Z","endsAt":"2036-11-26T04:00:00.5+08:00","createdBy":"alice","comment":"works","annotations":{"ticket":"OPS-1"}}`

func TestSilencesAreMadeReadAndEnded(t *testing.T) {
	r := newRouter()
	base, _ := startV2(t, r)
	status, body, _ := request(t, "POST", base+"/silences", goodSilence)
	var made struct{ SilenceID string }
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusOK || made.SilenceID == "" {
		t.Fatalf("POST /silences = %d %s, want 200 and an id", status, body)
	}
	want := pipeline.Silence{
		ID: made.SilenceID, CreatedBy: "alice", Comment: "works", Annotations: map[string]string{"ticket": "OPS-1"},
		Matchers: []pipeline.Matcher{{Name: "alertname", Value: "A", IsEqual: true}, {Name: "team", Value: "x|y", IsRegex: true}},
		StartsAt: time.Date(2020, 11, 26, 4, 0, 0, 0, time.UTC), EndsAt: time.Date(2036, 11, 25, 20, 0, 0, 5e8, time.UTC),
	}
	if diff := cmp.Diff(want, r.silences[made.SilenceID]); diff != "" {
		t.Errorf("the silence that was posted (-want +got):\n%s", diff)
	}
	_, body, _ = request(t, "GET", base+"/silence/"+made.SilenceID, "")
	text := `{"id":"` + made.SilenceID + `","status":{"state":"active"},"updatedAt":"0001-01-01T00:00:00.000Z","annotations":{"ticket":"OPS-1"},` +
		`"comment":"works","createdBy":"alice","endsAt":"2036-11-25T20:00:00.500Z","matchers":[` +
		`{"name":"alertname","value":"A","isRegex":false,"isEqual":true},{"name":"team","value":"x|y","isRegex":true,"isEqual":false}],` +
		`"startsAt":"2020-11-26T04:00:00.000Z"}` + "\n"
	if diff := cmp.Diff(text, body); diff != "" {
		t.Errorf("GET /silence (-want +got):\n%s", diff)
	}
	for range 2 { // ending is idempotent
		if status, body, _ := request(t, "DELETE", base+"/silence/"+made.SilenceID, ""); status != http.StatusOK || body != "" {
			t.Errorf("DELETE /silence = %d %q, want 200 and nothing", status, body)
		}
	}
	if state := getJSON[gettableState](t, base+"/silence/"+made.SilenceID).Status.State; state != "expired" {
		t.Errorf("the silence is %s after it was ended", state)
	}
	if !slices.Equal(r.enders, []string{"127.0.0.1", "127.0.0.1"}) {
		t.Errorf("ended by %v, want who asked", r.enders)
	}
}

type gettableState struct {
	ID     string
	Status struct{ State string }
}

func TestSilencesThatAreRefused(t *testing.T) {
	base, _ := startV2(t, newRouter())
	for what, body := range map[string]string{
		"no JSON":            `{`,
		"no matchers":        strings.Replace(goodSilence, `"matchers"`, `"m"`, 1),
		"no value":           strings.Replace(goodSilence, `"value":"A",`, "", 1),
		"no start":           strings.Replace(goodSilence, `"startsAt"`, `"s"`, 1),
		"no end":             strings.Replace(goodSilence, `"endsAt"`, `"e"`, 1),
		"no author":          strings.Replace(goodSilence, `"createdBy"`, `"c"`, 1),
		"no comment":         strings.Replace(goodSilence, `"comment"`, `"c"`, 1),
		"what Silences says": strings.Replace(goodSilence, `works`, ``, 1),
	} {
		status, answer, _ := request(t, "POST", base+"/silences", body)
		wantString(t, what, status, answer, http.StatusBadRequest)
	}
	status, answer, _ := request(t, "POST", base+"/silences", strings.Replace(goodSilence, `{`, `{"annotations":{"x":"`+strings.Repeat("x", 5<<20)+`"},`, 1), "Transfer-Encoding", "chunked")
	wantString(t, "a silence of 5 MB", status, answer, http.StatusRequestEntityTooLarge)
	status, answer, _ = request(t, "POST", base+"/silences", `{"id":"none",`+goodSilence[1:])
	wantString(t, "an unknown id", status, answer, http.StatusNotFound)
	for _, method := range []string{"GET", "DELETE"} {
		status, answer, _ := request(t, method, base+"/silence/none", "")
		wantString(t, method+" of an unknown id", status, answer, http.StatusNotFound)
	}
}

func TestSilencesAreFiltered(t *testing.T) {
	r := newRouter()
	now := time.Now()
	add := func(id string, start, end time.Duration, ms ...pipeline.Matcher) {
		r.silences[id] = pipeline.Silence{ID: id, StartsAt: now.Add(start), EndsAt: now.Add(end), Matchers: ms}
	}
	isA := pipeline.Matcher{Name: "a", Value: "x", IsEqual: true}
	add("active-late", -time.Hour, 3*time.Hour, isA)
	add("active-soon", -2*time.Hour, time.Hour, pipeline.Matcher{Name: "a", Value: "x", IsEqual: true, IsRegex: true})
	add("pending-late", 2*time.Hour, 3*time.Hour, isA)
	add("pending-soon", time.Hour, 9*time.Hour, isA, pipeline.Matcher{Name: "b", Value: "y"})
	add("expired-old", -9*time.Hour, -2*time.Hour, isA)
	add("expired-new", -8*time.Hour, -time.Hour)
	base, _ := startV2(t, r)
	for query, want := range map[string]string{
		"":                           "[active-late active-soon expired-new expired-old pending-late pending-soon]",
		"expired=false":              "[active-late active-soon pending-late pending-soon]",
		"active=false&pending=false": "[expired-new expired-old]",
		`filter=a="x"`:               "[active-late expired-old pending-late pending-soon]", // word for word
		`filter=a=~"x"`:              "[active-soon]",
		`filter=a="x"&filter=b!="y"`: "[pending-soon]",
		`filter=a="none"`:            "[]",
	} {
		params, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		ids := []string{}
		for _, s := range getJSON[[]gettableState](t, base+"/silences?"+params.Encode()) {
			ids = append(ids, s.ID)
		}
		if got := fmt.Sprint(ids); got != want {
			t.Errorf("GET /silences?%s = %s, want %s", query, got, want)
		}
	}
	if _, body, _ := request(t, "GET", base+"/silences?filter=a%3D%22none%22", ""); body != "[]" {
		t.Errorf("no silences are %q, want []", body)
	}
	status, body, _ := request(t, "GET", base+"/silences?filter=%7Ba%3D1%7D", "")
	wantString(t, "a filter with braces", status, body, http.StatusBadRequest)
}
