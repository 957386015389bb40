package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/api/access"
	"github.com/tocsin-security/tocsin/pipeline"
)

// fakeDead has the letters 17 and 19, and notes what it was asked.
type fakeDead struct {
	query pipeline.DeadLetterQuery
	asked []string
	err   error
}

func (f *fakeDead) DeadLetters(_ context.Context, q pipeline.DeadLetterQuery) ([]pipeline.DeadLetter, uint64, error) {
	f.query = q
	if q.Receiver == "nobody" {
		return nil, 0, f.err
	}
	return []pipeline.DeadLetter{{ID: 17, Stage: "notify", Receiver: "sec", At: day}}, 19, f.err
}

func (f *fakeDead) DeadLetter(_ context.Context, id uint64) (pipeline.DeadLetter, error) {
	if id != 17 {
		return pipeline.DeadLetter{}, pipeline.ErrNoDeadLetter
	}
	return pipeline.DeadLetter{ID: 17, Input: json.RawMessage(`{"a":1}`)}, f.err
}

func (f *fakeDead) Replay(_ context.Context, id uint64) ([]string, error) {
	f.asked = append(f.asked, fmt.Sprint("replay ", id))
	return []string{"sec.wecom-1"}, f.err
}

func (f *fakeDead) RemoveDeadLetter(_ context.Context, id uint64) error {
	f.asked = append(f.asked, fmt.Sprint("remove ", id))
	return f.err
}

func TestDeadLettersOverHTTP(t *testing.T) {
	dead := &fakeDead{}
	base := start(t, func(_ *Config, d *Deps) { d.Dead = dead }) + "/api/v1/deadletters"
	for name, c := range map[string]struct {
		method, path string
		err          error
		status       int
		want         string
	}{
		"a list":                     {"GET", "", nil, 200, `{"dead_letters":[{"id":17,`},
		"a list says where to go on": {"GET", "?from=5", nil, 200, `"next":19`},
		"an empty list":              {"GET", "?receiver=nobody", nil, 200, `"dead_letters":[]`},
		"a limit of none":            {"GET", "?limit=0", nil, 400, "from 1 to 1000"},
		"a limit that is too large":  {"GET", "?limit=1001", nil, 400, "from 1 to 1000"},
		"from what is no number":     {"GET", "?from=x", nil, 400, "named as next"},
		"before what is no time":     {"GET", "?before=yesterday", nil, 400, "2030-01-02T15:04:05Z"},
		"a bus that is away":         {"GET", "", coded{503, "the bus is away"}, 503, "the bus is away"},
		"one":                        {"GET", "/17", nil, 200, `"input":{"a":1}`},
		"one that is gone":           {"GET", "/18", nil, 404, "was replayed or removed"},
		"an id that is none":         {"GET", "/x", nil, 400, "a number from 1 on"},
		"replay":                     {"POST", "/17/replay", nil, 200, `{"to":["sec.wecom-1"]}`},
		"replay of what cannot":      {"POST", "/17/replay", coded{422, "it cannot be replayed"}, 422, "it cannot be replayed"},
		"replay of nothing":          {"POST", "/0/replay", nil, 400, "a number from 1 on"},
		"removal":                    {"DELETE", "/17", nil, 204, ""},
		"removal of what is gone":    {"DELETE", "/17", pipeline.ErrNoDeadLetter, 404, "was replayed or removed"},
		"an error of ours":           {"DELETE", "/17", errors.New("disk"), 500, "disk"},
	} {
		t.Run(name, func(t *testing.T) {
			dead.err = c.err
			status, answer, _ := request(t, c.method, base+c.path, "")
			if status != c.status || !strings.Contains(answer, c.want) {
				t.Errorf("%s %s = %d %s, want %d %s", c.method, c.path, status, answer, c.status, c.want)
			}
		})
	}
	dead.err = nil
	if status, _, _ := request(t, "GET", base+"?receiver=sec&stage=notify&from=5&limit=7&before=2026-07-01T10:00:00Z", ""); status != 200 {
		t.Errorf("GET = %d", status)
	}
	want := pipeline.DeadLetterQuery{From: 5, Limit: 7, Receiver: "sec", Stage: "notify", Before: time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)}
	if diff := cmp.Diff(want, dead.query); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

// Who may look may not replay; who posts alerts may neither.
func TestDeadLettersNeedScopes(t *testing.T) {
	dead := &fakeDead{}
	file, tokens := tokensFile(t, access.Scopes{scopeRead}, access.Scopes{scopeWrite}, access.Scopes{scopeIntake})
	reader, writer, poster := tokens[0], tokens[1], tokens[2]
	base := start(t, func(cfg *Config, d *Deps) { cfg.Auth.TokensFile, d.Dead = file, dead }) + "/api/v1/deadletters"
	for what, by := range map[string]map[string]int{
		"GET ":            {reader: 200, poster: 403, "": 401},
		"GET /17":         {reader: 200, poster: 403, "": 401},
		"POST /17/replay": {reader: 403, writer: 200, poster: 403, "": 401},
		"DELETE /17":      {reader: 403, writer: 204, poster: 403, "": 401},
	} {
		method, path, _ := strings.Cut(what, " ")
		for token, want := range by {
			if status, answer, _ := request(t, method, base+path, "", "Authorization", "Bearer "+token); status != want {
				t.Errorf("%s with %q = %d %s, want %d", what, token, status, answer, want)
			}
		}
	}
	if len(dead.asked) != 2 {
		t.Errorf("done: %v, want what the writer asked for", dead.asked)
	}
}

func TestASensorHasNoDeadLetters(t *testing.T) {
	base := start(t, func(_ *Config, d *Deps) { d.Intake = nil })
	if status, answer, _ := request(t, "GET", base+"/api/v1/deadletters", ""); status != 404 || !strings.Contains(answer, "routers") {
		t.Errorf("GET = %d %s", status, answer)
	}
}
