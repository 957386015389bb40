package owner

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

func newOwners(t testing.TB, matching Matching, entries ...Config) *Owners {
	t.Helper()
	o, err := New(matching, entries)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

var (
	payments = Config{Matchers: []string{`k8s_ns_name = "payments"`}, Team: "payments", OnCall: "payments-oncall",
		Runbook: "https://runbooks.example/payments", Labels: map[string]string{"tier": "1"}, Annotations: map[string]string{"chat": "#payments"}}
	network = Config{Matchers: []string{`rule =~ "Port scan|Beacon"`}, Team: "net-sec", OnCall: "net-oncall", Labels: map[string]string{"tier": "2", "dept": "it"}}
	rest    = Config{Matchers: []string{`rule =~ ".+"`}, Team: "secops"}
)

func TestApply(t *testing.T) {
	goOn := payments
	goOn.Continue = true
	noTeam := Config{Matchers: []string{`hostname != ""`}, OnCall: "anybody"}
	for name, c := range map[string]struct {
		matching Matching
		entries  []Config
		labels   string // of the alert, name=value
		gets     string // labels it gets
		owner    *pipeline.Owner
	}{
		"the first entry that matches": {"", []Config{payments, network, rest}, "rule=Beacon k8s_ns_name=payments",
			"on_call=payments-oncall team=payments tier=1", &pipeline.Owner{Team: "payments", OnCall: "payments-oncall"}},
		"one of several values": {First, []Config{payments, network, rest}, "rule=Beacon",
			"dept=it on_call=net-oncall team=net-sec tier=2", &pipeline.Owner{Team: "net-sec", OnCall: "net-oncall"}},
		"a longer value is another one":           {First, []Config{network, rest}, "rule=Beacons", "team=secops", &pipeline.Owner{Team: "secops"}},
		"nobody's":                                {First, []Config{payments}, "rule=Beacon", "", nil},
		"the rule's team, of whom no entry knows": {First, []Config{payments}, "rule=x team=dba on_call=dba-oncall", "", &pipeline.Owner{Team: "dba", OnCall: "dba-oncall"}},
		"the rule's team, without any entry":      {First, nil, "rule=x team=dba", "", &pipeline.Owner{Team: "dba"}},
		"all, the earlier one wins": {All, []Config{payments, network, rest}, "rule=Beacon k8s_ns_name=payments",
			"dept=it on_call=payments-oncall team=payments tier=1", &pipeline.Owner{Team: "payments", OnCall: "payments-oncall"}},
		"continue goes on from one entry": {First, []Config{goOn, network, rest}, "rule=Beacon k8s_ns_name=payments",
			"dept=it on_call=payments-oncall team=payments tier=1", &pipeline.Owner{Team: "payments", OnCall: "payments-oncall"}},
		"the rule's team stays, and nobody of another team is called": {First, []Config{payments}, "rule=x k8s_ns_name=payments team=dba",
			"tier=1", &pipeline.Owner{Team: "dba"}},
		"the rule's team is the owner's": {First, []Config{payments}, "rule=x k8s_ns_name=payments team=payments",
			"on_call=payments-oncall tier=1", &pipeline.Owner{Team: "payments", OnCall: "payments-oncall"}},
		"nobody of a later team is called": {All, []Config{rest, network}, "rule=Beacon", "dept=it team=secops tier=2", &pipeline.Owner{Team: "secops"}},
		"on call without a team":           {All, []Config{rest, noTeam}, "rule=x hostname=h", "on_call=anybody team=secops", &pipeline.Owner{Team: "secops", OnCall: "anybody"}},
		"a label that is missing":          {First, []Config{{Matchers: []string{`k8s_ns_name = ""`, `rule = "x"`}, Team: "hosts"}}, "rule=x", "team=hosts", &pipeline.Owner{Team: "hosts"}},
	} {
		came := map[string]string{}
		for _, pair := range strings.Fields(c.labels) {
			name, value, _ := strings.Cut(pair, "=")
			came[name] = value
		}
		want := map[string]string{}
		for _, pair := range strings.Fields(c.labels + " " + c.gets) {
			name, value, _ := strings.Cut(pair, "=")
			want[name] = value
		}
		before := fmt.Sprint(came)
		a := pipeline.Alert{Labels: came, Fingerprint: 7}
		o := newOwners(t, c.matching, c.entries...)
		for range 2 { // a completed alert is asked about again
			o.Apply(&a)
			if diff := cmp.Diff(want, a.Labels); diff != "" {
				t.Errorf("%s: labels (-want +got):\n%s", name, diff)
			}
			if diff := cmp.Diff(c.owner, a.Owner); diff != "" {
				t.Errorf("%s: owner (-want +got):\n%s", name, diff)
			}
		}
		if fmt.Sprint(came) != before || a.Fingerprint != 7 {
			t.Errorf("%s: the labels that others may hold, or the fingerprint, changed", name)
		}
	}
}

func TestMatchersSeeTheAlertAsItCame(t *testing.T) {
	o := newOwners(t, All, rest, Config{Matchers: []string{`team = "secops"`}, OnCall: "x"})
	a := pipeline.Alert{Labels: map[string]string{"rule": "r"}}
	if o.Apply(&a); a.Labels["on_call"] != "" {
		t.Errorf("labels = %v: an entry matched what another one gave", a.Labels)
	}
}

func TestAnnotations(t *testing.T) {
	o := newOwners(t, First, payments)
	labels := map[string]string{"k8s_ns_name": "payments"}
	bare := pipeline.Alert{Labels: labels}
	o.Apply(&bare)
	if diff := cmp.Diff(map[string]string{"runbook_url": payments.Runbook, "chat": "#payments"}, bare.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	ruled := pipeline.Alert{Labels: labels, Annotations: map[string]string{"runbook_url": "https://rule.example"}}
	o.Apply(&ruled)
	if got := ruled.Annotations["runbook_url"]; got != "https://rule.example" {
		t.Errorf("runbook = %s, want the rule's own", got)
	}
	other := pipeline.Alert{Labels: map[string]string{"k8s_ns_name": "x"}}
	o.Apply(&other)
	if owned, unowned := o.Stats(); owned != 2 || unowned != 1 || other.Annotations != nil {
		t.Errorf("owned %d, unowned %d, annotations of the latter %v; want 2, 1 and none", owned, unowned, other.Annotations)
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		matching Matching
		entry    Config
		want     string
	}{
		"no matchers":   {"", Config{Team: "x"}, "owners[0]: matchers is missing or empty"},
		"no matcher":    {"", Config{Team: "x", Matchers: []string{`a = "b"`, "a b"}}, `owners[0].matchers[1]: "a b" is no matcher`},
		"empty braces":  {"", Config{Team: "x", Matchers: []string{`a = "b"`, "{}"}}, `owners[0].matchers[1]: "{}" is no matcher: it asks for nothing`},
		"an empty text": {"", Config{Team: "x", Matchers: []string{""}}, `owners[0].matchers[0]: "" is no matcher: it asks for nothing`},
		"bad regexp":    {"", Config{Team: "x", Matchers: []string{`a =~ "("`}}, `owners[0].matchers[0]: "a =~ \"(\"" is no matcher`},
		"nothing given": {"", Config{Matchers: []string{`a = "b"`}}, "owners[0]: gives nothing"},
		"team twice":    {"", Config{Matchers: []string{`a = "b"`}, Team: "x", Labels: map[string]string{"team": "y"}}, "owners[0].labels.team: the entry has team already"},
		"runbook twice": {"", Config{Matchers: []string{`a = "b"`}, Runbook: "x", Annotations: map[string]string{"runbook_url": "y"}}, "owners[0].annotations.runbook_url"},
		"an empty name": {"", Config{Matchers: []string{`a = "b"`}, Labels: map[string]string{" ": "y"}}, "owners[0].labels: a name is empty"},
		"no such mode":  {"some", rest, `owners_matching: "some" is neither "first" nor "all"`},
		"good":          {All, rest, ""},
		"UTF-8 names":   {"", Config{Matchers: []string{`{"团队.名" = "支付"}`, `classic=~foo|bar`}, Team: "支付"}, ""},
	} {
		err := Validate(c.matching, []Config{c.entry})
		if got := fmt.Sprint(err); (err == nil) != (c.want == "") || !strings.HasPrefix(got, c.want) && c.want != "" {
			t.Errorf("%s: Validate = %v, want %q", name, err, c.want)
		}
		if _, err2 := New(c.matching, []Config{c.entry}); (err2 == nil) != (err == nil) {
			t.Errorf("%s: New = %v, Validate = %v", name, err2, err)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		entries := make([]Config, n)
		for i := range entries {
			entries[i] = Config{Matchers: []string{fmt.Sprintf(`k8s_ns_name = "ns-%d"`, i), `source = "syscall"`}, Team: "team", OnCall: "oncall", Runbook: "https://x.example"}
		}
		o := newOwners(b, First, entries...)
		alert := pipeline.Alert{Labels: map[string]string{"k8s_ns_name": fmt.Sprintf("ns-%d", n-1), "source": "syscall", "rule": "r",
			"hostname": "h", "priority": "Warning", "severity": "warning", "container_id": "0123456789ab", "object": "/etc/shadow"}, Annotations: map[string]string{"output": "x"}}
		b.Run(fmt.Sprint(n, "owners"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				a := alert
				o.Apply(&a)
			}
		})
	}
}
