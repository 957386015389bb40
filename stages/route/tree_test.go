package route_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/stages/route"
)

func receivers(names ...string) []route.Receiver {
	var all []route.Receiver
	for _, n := range names {
		all = append(all, route.Receiver{Name: n, Integrations: []route.Integration{{Topic: "webhook-" + n, SendResolved: true}}})
	}
	return all
}

func parse(t testing.TB, text string) *route.Config {
	t.Helper()
	var c route.Config
	if err := yaml.UnmarshalWithOptions([]byte(text), &c, yaml.Strict()); err != nil {
		t.Fatalf("YAML: %v", err)
	}
	return &c
}

func tree(t *testing.T, text string, names ...string) *route.Tree {
	t.Helper()
	tr, err := route.NewTree(parse(t, text), receivers(names...))
	if err != nil {
		t.Fatalf("NewTree: %v", err)
	}
	return tr
}

// labels reads "a=1 b=2".
func labels(text string) map[string]string {
	set := map[string]string{}
	for _, pair := range strings.Fields(text) {
		k, v, _ := strings.Cut(pair, "=")
		set[k] = v
	}
	return set
}

func TestMatch(t *testing.T) {
	const sample = `
receiver: root
routes:
  - receiver: sec
    matchers: ['team = "sec"']
    routes:
      - receiver: sec-prod
        matchers: [env = prod]
      - receiver: sec-crit
        matchers: ['severity =~ "crit"', 'env != "test"']
  - receiver: all
    matchers: ['audit != ""']
    continue: true
  - receiver: db
    match: {team: db}
    match_re: {env: "prod|stage"}
  - receiver: nolabel
    matchers: ['team = ""']
  - receiver: both
    matchers: ['{team="net", env="prod"}']
`
	tr := tree(t, sample, "root", "sec", "sec-prod", "sec-crit", "all", "db", "nolabel", "both")
	for name, tc := range map[string]struct{ labels, want string }{
		"nothing else takes it: the root":                 {"team=web", "root"},
		"a child takes it, its parent gets no copy":       {"team=sec env=prod", "sec-prod"},
		"no child takes it: the parent":                   {"team=sec env=dev", "sec"},
		"regular expressions are anchored":                {"team=sec severity=critical", "sec"},
		"all matchers of a node must hold":                {"team=sec severity=crit env=test", "sec"},
		"a missing label is an empty one":                 {"team=sec severity=crit", "sec-crit"},
		"continue goes on with the next sibling":          {"team=db env=stage audit=1", "all db"},
		"continue with no further match ends at its own":  {"team=web audit=1", "all"},
		"the older spelling of matchers":                  {"team=db env=prod", "db"},
		"an empty value matches alerts without the label": {"env=prod", "nolabel"},
		"several matchers in one string":                  {"team=net env=prod", "both"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range tr.Match(labels(tc.labels)) {
				got = append(got, r.Receiver)
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("Match(%s) = %v, want %s", tc.labels, got, tc.want)
			}
		})
	}
}

func TestInheritance(t *testing.T) {
	tr := tree(t, `
receiver: root
group_by: [rule, cluster]
group_wait: 10s
routes:
  - matchers: [a = b]
    group_interval: 1m
    routes:
      - matchers: [c = d]
        group_by: []
        group_wait: 0s
      - matchers: [c = e]
        group_by: ['...']
        continue: true
        receiver: other
        repeat_interval: 1d
`, "root", "other")
	type node struct {
		Receiver                    string
		GroupBy                     string
		All, Continue               bool
		Wait, Interval, RepeatEvery time.Duration
	}
	show := func(r *route.Route) node {
		return node{r.Receiver, strings.Join(r.GroupBy, ","), r.GroupByAll, r.Continue, r.GroupWait, r.GroupInterval, r.RepeatInterval}
	}
	child := tr.Root.Routes[0]
	got := []node{show(tr.Root), show(child), show(child.Routes[0]), show(child.Routes[1])}
	want := []node{
		{"root", "cluster,rule", false, false, 10 * time.Second, 5 * time.Minute, 4 * time.Hour},
		{"root", "cluster,rule", false, false, 10 * time.Second, time.Minute, 4 * time.Hour},
		{"root", "", false, false, 0, time.Minute, 4 * time.Hour},
		{"other", "...", true, true, 10 * time.Second, time.Minute, 24 * time.Hour},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
}

func TestValidateNamesEveryMistake(t *testing.T) {
	for name, tc := range map[string]struct{ yaml, path, want string }{
		"no receiver at the root":       {"group_by: [a]", "", "the root route needs a receiver"},
		"matchers at the root":          {"{receiver: ops, matchers: [a = b]}", "", "may not have matchers"},
		"an unknown receiver":           {"{receiver: ops, routes: [{receiver: opps}]}", ".routes[0].receiver", `no receiver "opps"`},
		"a matcher without an operator": {"{receiver: ops, routes: [{matchers: [a = b, 'a ~ b']}]}", ".routes[0].matchers[1]", "is no matcher"},
		"a bad regular expression":      {"{receiver: ops, routes: [{matchers: ['a =~ \"(\"']}]}", ".routes[0].matchers[0]", "is no matcher"},
		"a bad match_re":                {"{receiver: ops, routes: [{match_re: {a: '('}}]}", ".routes[0].match_re.a", "no regular expression"},
		"a label twice in group_by":     {"{receiver: ops, group_by: [a, b, a]}", ".group_by[2]", "twice"},
		"all labels and another":        {"{receiver: ops, group_by: [a, '...']}", ".group_by[1]", "goes with no others"},
		"an empty label":                {"{receiver: ops, group_by: ['']}", ".group_by[0]", "may not be empty"},
		"no interval":                   {"{receiver: ops, routes: [{group_interval: 0s}]}", ".routes[0].group_interval", "may not be 0"},
		"no repeat interval":            {"{receiver: ops, repeat_interval: 0s}", ".repeat_interval", "may not be 0"},
		"a name of two routes":          {"{receiver: ops, routes: [{name: a}, {routes: [{name: a}]}]}", ".routes[1].routes[0].name", "is the name of route.routes[0] already"},
		"a muted root":                  {"{receiver: ops, mute_time_intervals: [a]}", ".mute_time_intervals", "never muted"},
		"an empty route":                {"{receiver: ops, routes: [null]}", ".routes[0]", "an empty route"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := route.NewTree(parse(t, tc.yaml), receivers("ops"))
			var mistake *route.ConfigError
			if !errors.As(err, &mistake) {
				t.Fatalf("NewTree(%s): %v, want a ConfigError", tc.yaml, err)
			}
			if mistake.Path != tc.path || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("NewTree(%s): at %q: %v; want at %q: %s", tc.yaml, mistake.Path, err, tc.path, tc.want)
			}
		})
	}
	if err := route.Validate(nil, nil); err == nil {
		t.Error("Validate(nil) = nil, want an error: there is no route")
	}
	err := route.Validate(parse(t, "{group_interval: 0s, repeat_interval: 0s}"), nil)
	if n := strings.Count(fmt.Sprint(err), "\n") + 1; n != 3 {
		t.Errorf("Validate reported %d mistakes, want all 3: %v", n, err)
	}
}

// The route block that users' files look like.
func TestContractRoute(t *testing.T) {
	const contract = "../../../shared/contract/tocsin.yaml"
	text, err := os.ReadFile(contract)
	if errors.Is(err, os.ErrNotExist) && os.Getenv("CI") != "true" {
		t.Skipf("%s is not here: it lives outside the repository", contract)
	}
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Route route.Config `yaml:"route"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	tr, err := route.NewTree(&file.Route, receivers("secops", "oncall"))
	if err != nil {
		t.Fatal(err)
	}
	got := tr.Match(map[string]string{"priority": "Critical"})
	if len(got) != 1 || got[0].Receiver != "oncall" || got[0].GroupWait != 0 || got[0].GroupInterval != 10*time.Second {
		t.Errorf("a critical alert goes to %+v, want oncall, at once, then every 10s", got)
	}
}
