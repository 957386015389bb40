package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestWhitelistIsTold(t *testing.T) {
	at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	want := pipeline.WhitelistUsage{At: at, Entries: []pipeline.EntryUsage{{
		ID: "e", Reason: "because", State: pipeline.EntryActive, Since: at, Hits: 2, First: at, Last: at,
		Rules: []pipeline.RuleUsage{{Rule: "R", Hits: 2, First: at, Last: at, Hosts: []string{"web-1"}, Sample: &pipeline.Alert{
			ID: "a", Rule: "R", Time: at, Priority: pipeline.Warning, Output: "quiet", Tags: []string{}, Labels: map[string]string{"rule": "R"},
			OutputFields: pipeline.Fields{"fd.name": "/etc/shadow"}}}},
	}}}
	base := start(t, func(_ *Config, d *Deps) {
		d.Whitelist = func(context.Context) (pipeline.WhitelistUsage, error) { return want, nil }
	})
	status, body, _ := request(t, http.MethodGet, base+"/api/v1/whitelist", "")
	var got pipeline.WhitelistUsage
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK {
		t.Fatalf("GET = %d %s: %v", status, body, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("whitelist (-want +got):\n%s", diff)
	}
	if strings.Contains(body, "expires") {
		t.Errorf("body = %s, want no time that there is none of", body)
	}
}

func TestWhitelistNeedsATokenAndItsStore(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	base := start(t, func(c *Config, d *Deps) {
		c.Auth.TokensFile = tokens
		d.Whitelist = func(context.Context) (pipeline.WhitelistUsage, error) {
			return pipeline.WhitelistUsage{}, errors.New("read the account of the whitelist: away")
		}
	})
	if status, body, _ := request(t, http.MethodGet, base+"/api/v1/whitelist", ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d %s, want 401", status, body)
	}
	status, body, header := request(t, http.MethodGet, base+"/api/v1/whitelist", "", "Authorization", "Bearer secret")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "account of the whitelist: away") || header.Get("Retry-After") == "" {
		t.Errorf("with a store that is away: %d %s, want 503 with the reason", status, body)
	}
}

func TestAccountsOfTheWhitelistAreChecked(t *testing.T) {
	const alert = `{"uuid": "a", "rule": "R", "time": "2026-06-01T12:00:00Z", "covered": `
	for covered, want := range map[string]string{
		`{"entry": "e", "alert": "b", "run": "r", "host": "h", "hits": 1, "first": "2026-06-01T12:00:00Z", "last": "2026-06-01T12:00:00Z"}}`: "",
		`{"run": "r", "hits": 1, "first": "2026-06-01T12:00:00Z", "last": "2026-06-01T12:00:00Z"}}`:                                          "entry and run are required",
		`{"entry": "e", "run": "r", "first": "2026-06-01T12:00:00Z", "last": "2026-06-01T12:00:00Z"}}`:                                       "an account of no hits",
		`{"entry": "e", "run": "r", "hits": 1, "first": "2026-06-01T12:00:00Z", "last": "2026-06-01T11:00:00Z"}}`:                            "first and last are required, in that order",
		`{"entry": "e", "run": "r", "hits": 1}}`: "first and last are required",
		`{"entry": "e", "run": "r", "hits": 1, "first": "2026-06-01T12:00:00Z", "last": "2026-06-01T12:00:00Z"}, "unjudged": {}}`: "covered and unjudged",
	} {
		intake := &fakeIntake{}
		base := start(t, func(_ *Config, d *Deps) { d.Intake = intake })
		status, body, _ := request(t, http.MethodPost, base+"/api/v1/alerts", alert+covered)
		if want == "" && (status != http.StatusAccepted || len(intake.alerts) != 1) || want != "" && (status != http.StatusBadRequest || !strings.Contains(body, want)) {
			t.Errorf("covered %s = %d %s, want %q", covered, status, body, want)
		}
	}
}
