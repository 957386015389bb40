package inhibit_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/route/inhibit"
)

func parse(t *testing.T, text string) []inhibit.Config {
	t.Helper()
	var cfg []inhibit.Config
	if err := yaml.UnmarshalWithOptions([]byte(text), &cfg, yaml.Strict()); err != nil {
		t.Fatalf("YAML: %v", err)
	}
	return cfg
}

func rules(t *testing.T, text string) *inhibit.Rules {
	t.Helper()
	r, err := inhibit.New(parse(t, text), 5*time.Minute, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func labels(text string) map[string]string {
	set := map[string]string{}
	for _, pair := range strings.Fields(text) {
		k, v, _ := strings.Cut(pair, "=")
		set[k] = v
	}
	return set
}

var t0 = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func event(set string, at time.Time) *pipeline.Alert {
	l := labels(set)
	return &pipeline.Alert{Time: at, Labels: l, Fingerprint: pipeline.FingerprintOf(l)}
}

func stateful(set string, end time.Time) *pipeline.Alert {
	a := event(set, t0)
	a.Stateful = &pipeline.Stateful{StartsAt: t0, EndsAt: end}
	return a
}

// kept is what the store does with sources: the latest of each key and fingerprint, by key.
func kept(r *inhibit.Rules, alerts ...*pipeline.Alert) map[string][]pipeline.Source {
	by := map[string][]pipeline.Source{}
next:
	for _, a := range alerts {
		for _, s := range r.Sources(a) {
			for i, old := range by[s.Key] {
				if old.Fingerprint == s.Fingerprint {
					by[s.Key][i] = s
					continue next
				}
			}
			by[s.Key] = append(by[s.Key], s)
		}
	}
	return by
}

func TestInhibited(t *testing.T) {
	const nodeDown = "[{name: node down, source_matchers: [alertname = NodeDown], target_matchers: ['alertname != NodeDown'], equal: [node]}]"
	const graver = "[{source_matchers: ['severity =~ \"critical|warning\"'], target_matchers: ['severity =~ \"warning|info\"'], equal: [node]}]"
	for name, tc := range map[string]struct {
		rules  string
		source []*pipeline.Alert
		target string
		at     time.Duration
		want   string // rules, until
	}{
		"a source on the same node":                      {nodeDown, []*pipeline.Alert{event("alertname=NodeDown node=a", t0)}, "alertname=X node=a", time.Minute, "node down 5m0s"},
		"a source on another node":                       {nodeDown, []*pipeline.Alert{event("alertname=NodeDown node=b", t0)}, "alertname=X node=a", time.Minute, ""},
		"an event is a source for resolve_timeout":       {nodeDown, []*pipeline.Alert{event("alertname=NodeDown node=a", t0)}, "alertname=X node=a", 5 * time.Minute, ""},
		"a stateful source until it ends":                {nodeDown, []*pipeline.Alert{stateful("alertname=NodeDown node=a", t0.Add(time.Hour))}, "alertname=X node=a", 59 * time.Minute, "node down 1h0m0s"},
		"a resolved source no longer":                    {nodeDown, []*pipeline.Alert{stateful("alertname=NodeDown node=a", t0.Add(time.Hour)), stateful("alertname=NodeDown node=a", t0)}, "alertname=X node=a", 0, ""},
		"of several sources each counts":                 {nodeDown, []*pipeline.Alert{stateful("alertname=NodeDown node=a n=1", t0.Add(time.Hour)), stateful("alertname=NodeDown node=a n=2", t0)}, "alertname=X node=a", time.Minute, "node down 1h0m0s"},
		"a label that neither has is no condition":       {nodeDown, []*pipeline.Alert{event("alertname=NodeDown", t0)}, "alertname=X", 0, `node down (neither has the label "node") 5m0s`},
		"a label that only one has":                      {nodeDown, []*pipeline.Alert{event("alertname=NodeDown", t0)}, "alertname=X node=a", 0, ""},
		"what matches both sides is not the other's":     {graver, []*pipeline.Alert{event("severity=warning node=a n=1", t0)}, "severity=warning node=a n=2", 0, ""},
		"what matches both sides inhibits other targets": {graver, []*pipeline.Alert{event("severity=warning node=a", t0)}, "severity=info node=a", 0, "0 5m0s"},
		"what matches both sides is a target":            {graver, []*pipeline.Alert{event("severity=critical node=a", t0)}, "severity=warning node=a", 0, "0 5m0s"},
		"it does not inhibit itself":                     {"[{source_matchers: [a = b], target_matchers: [c = d]}]", []*pipeline.Alert{event("a=b c=d", t0)}, "a=b c=d", 0, ""},
		"the older spelling":                             {"[{source_match: {a: b}, target_match_re: {c: 'd|e'}}]", []*pipeline.Alert{event("a=b", t0)}, "c=e", 0, "0 5m0s"},
		"no quoting makes two values one":                {"[{source_matchers: [s = y], target_matchers: [t = y], equal: [p, q]}]", []*pipeline.Alert{{Time: t0, Labels: map[string]string{"s": "y", "p": `1","2`, "q": ""}}}, "t=y p=1 q=2", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := rules(t, tc.rules)
			set := labels(tc.target)
			sources := kept(r, tc.source...)
			asked := map[string][]pipeline.Source{}
			for _, k := range r.Keys(set) {
				asked[k] = sources[k]
			}
			var got []string
			for _, by := range r.Inhibited(set, pipeline.FingerprintOf(set), asked, t0.Add(tc.at)) {
				got = append(got, fmt.Sprint(by.Rule, " ", by.Until.Sub(t0)))
			}
			if strings.Join(got, ",") != tc.want {
				t.Errorf("Inhibited(%s) = %q, want %q", tc.target, got, tc.want)
			}
		})
	}
}

func TestALabelThatNobodyHasIsWarnedAboutOnce(t *testing.T) {
	var out bytes.Buffer
	r, err := inhibit.New(parse(t, "[{name: slip, source_matchers: [a = b], target_matchers: [c = d], equal: [clutser]}]"), time.Minute, slog.New(slog.NewTextHandler(&out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	sources := kept(r, event("a=b", t0))
	for range 3 {
		r.Inhibited(labels("c=d"), 1, sources, t0)
	}
	if n := strings.Count(out.String(), "clutser"); n != 1 || !strings.Contains(out.String(), "rule=slip") {
		t.Errorf("logged %d times, want once with rule and label:\n%s", n, out.String())
	}
}

func TestWait(t *testing.T) {
	r := rules(t, "[{source_matchers: [a = b], target_matchers: [c = d], wait: 10s}, {source_matchers: [a = b], target_matchers: ['c =~ \"d|e\"'], wait: 5s}]")
	for set, want := range map[string]time.Duration{"c=d": 10 * time.Second, "c=e": 5 * time.Second, "a=b": 0} {
		if got := r.Wait(labels(set)); got != want {
			t.Errorf("Wait(%s) = %s, want %s", set, got, want)
		}
	}
	var none *inhibit.Rules
	if none.Wait(nil) != 0 || none.Keys(nil) != nil || none.Sources(&pipeline.Alert{}) != nil || none.Inhibited(nil, 0, nil, t0) != nil {
		t.Error("no rules inhibit something")
	}
}

func TestValidateNamesEveryMistake(t *testing.T) {
	for name, tc := range map[string]struct{ yaml, path, want string }{
		"no source":                {"[{target_matchers: [a = b]}]", "[0]", "source_matchers is missing"},
		"no target":                {"[{source_matchers: [a = b]}]", "[0]", "target_matchers is missing"},
		"no matcher":               {"[{source_matchers: [a = b, 'a ~ b'], target_matchers: [a = b]}]", "[0].source_matchers[1]", "is no matcher"},
		"a bad regular expression": {"[{source_matchers: [a = b], target_match_re: {x: '('}}]", "[0].target_match_re.x", "no regular expression"},
		"a label twice":            {"[{source_matchers: [a = b], target_matchers: [a = b], equal: [x, x]}]", "[0].equal[1]", "twice"},
		"an empty label":           {"[{source_matchers: [a = b], target_matchers: [a = b], equal: ['']}]", "[0].equal[0]", "empty"},
		"a name twice":             {"[{name: n, source_matchers: [a = b], target_matchers: [a = b]}, {name: n, source_matchers: [a = b], target_matchers: [a = b]}]", "[1].name", "inhibit_rules[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			err := inhibit.Validate(parse(t, tc.yaml))
			var mistake *inhibit.ConfigError
			if !errors.As(err, &mistake) || mistake.Path != tc.path || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Validate(%s) = %v, want at %q: %s", tc.yaml, err, tc.path, tc.want)
			}
		})
	}
	if err := inhibit.Validate(parse(t, "[{}, {}]")); strings.Count(fmt.Sprint(err), "\n") != 3 {
		t.Errorf("Validate reported not all 4 mistakes: %v", err)
	}
}
