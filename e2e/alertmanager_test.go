package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// clients are Alertmanager's own programs, built from its module at the version that go.mod pins for us.
var clients = sync.OnceValues(func() (dir string, err error) {
	dir = filepath.Join(filepath.Dir(binary), "alertmanager")
	build := exec.Command("go", "build", "-C", "testdata/alertmanager", "-o", dir+"/", "./client", "github.com/prometheus/alertmanager/cmd/amtool")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build Alertmanager's clients: %w\n%s", err, out)
	}
	return dir, nil
})

func client(t *testing.T, name string) string {
	t.Helper()
	dir, err := clients()
	if err != nil {
		t.Log(err)
	}
	need(t, err == nil, "Alertmanager's module, from a proxy or Go's module cache")
	return filepath.Join(dir, name)
}

// amtool runs the real one against a tocsin.
type amtool struct{ program, url, home string }

func newAmtool(t *testing.T, url string) amtool {
	t.Helper()
	return amtool{client(t, "amtool"), url, t.TempDir()}
}

func (a amtool) command(args ...string) *exec.Cmd {
	cmd := exec.Command(a.program, append([]string{"--alertmanager.url=" + a.url}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+a.home, "TZ=UTC")
	return cmd
}

// try returns what it printed; the error has what it complained of.
func (a amtool) try(args ...string) (string, error) {
	cmd := a.command(args...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), fmt.Errorf("amtool %q: %w: %s%s", args, err, out, exit.Stderr)
	}
	return string(out), err
}

func (a amtool) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := a.try(args...)
	must(t, err)
	return out
}

// fails requires that it complains with all of words.
func (a amtool) fails(t *testing.T, words []string, args ...string) {
	t.Helper()
	_, err := a.try(args...)
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("amtool %q: %v, want a refusal with %q", args, err, word)
		}
	}
}

// names runs an alert query, and lists the names of the alerts that it finds.
func (a amtool) names(args ...string) (string, error) {
	out, err := a.try(append([]string{"-o", "json", "alert", "query"}, args...)...)
	if err != nil {
		return "", err
	}
	var alerts []struct{ Labels map[string]string }
	if err := json.Unmarshal([]byte(out), &alerts); err != nil {
		return "", fmt.Errorf("amtool printed %q: %w", out, err)
	}
	var all []string
	for _, alert := range alerts {
		all = append(all, alert.Labels["alertname"])
	}
	slices.Sort(all)
	return strings.Join(all, " "), nil
}

// finds waits until a query finds exactly these alerts.
func (a amtool) finds(t *testing.T, want string, args ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("amtool alert query %q finds %q", args, want), func() error {
		got, err := a.names(args...)
		if err == nil && got != want {
			err = fmt.Errorf("it finds %q", got)
		}
		return err
	})
}

// alertmanagerConfig is a routing configuration as Alertmanager's users have it, and nothing else.
func alertmanagerConfig(s *webhookSink) string {
	return fmt.Sprintf(`
global:
  resolve_timeout: 5m
route:
  receiver: sink
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 4h
  routes:
    - receiver: team
      matchers: ['team = "安全"']
      continue: true
    - receiver: sink
      matchers: [severity =~ "critical|page"]
      mute_time_intervals: [never]
inhibit_rules:
  - source_matchers: [alertname = NodeDown]
    target_matchers: [alertname = Slow]
    equal: [instance]
time_intervals:
  - name: never
    time_intervals: [{years: ['2000'], times: [{start_time: '22:00', end_time: '23:00'}]}]
receivers:
  - name: sink
    webhook_configs: [{url: %q}]
  - name: team
    webhook_configs: [{url: %q}]
`, s.URL+"/hook", s.URL+"/team?key=planted-secret")
}

// startServed runs a router with that configuration, below a path prefix, and returns its address with the prefix.
func startServed(t *testing.T) (url string, sink *webhookSink) {
	t.Helper()
	l := newLayout(t, shadowRules)
	sink = newWebhookSink(t)
	config := fmt.Sprintf("data_dir: %s\nsensor: {enabled: false}\nrules: {files: [rules.yaml]}\nwhitelist: {files: [whitelist.yaml]}\n%s",
		filepath.Join(l.dir, "data"), strings.ReplaceAll(alertmanagerConfig(sink), "'23:00'", "'06:00'")) // past midnight is ours
	addr := freeAddr(t)
	file := filepath.Join(l.dir, "router.yaml")
	must(t, os.WriteFile(file, []byte(config+"http: {listen: "+addr+", route_prefix: /am}\n"), 0o600))
	p := launch(t, "router", "--config", file)
	p.base = "http://" + addr + "/am"
	p.waitReady(t)
	return p.base, sink
}

func TestAmtoolAddsAndQueriesAlerts(t *testing.T) {
	url, sink := startServed(t)
	am := newAmtool(t, url)
	am.run(t, "alert", "add", "Slow", "instance=a", "severity=critical", "--annotation=summary=too slow", "--generator-url=http://p.example.org/g")
	am.run(t, "alert", "add", "alertname=Full", "team=安全")
	am.finds(t, "Full Slow")
	sink.waitFor(t, 2)

	if out := am.run(t, "alert", "query", "Slow"); !strings.Contains(out, "too slow") || !strings.Contains(out, "active") {
		t.Errorf("simple output is\n%s", out)
	}
	if out := am.run(t, "-o", "extended", "alert", "query", "alertname=~S.*", "severity!=page"); !strings.Contains(out, `severity="critical"`) || !strings.Contains(out, "http://p.example.org/g") {
		t.Errorf("extended output is\n%s", out)
	}
	am.finds(t, "Slow", "-r", "si.*", "severity=critical")
	am.finds(t, "Full", "--receiver=team")
	am.finds(t, "", "--receiver=tea")
	am.finds(t, "Full Slow", "-a")

	am.run(t, "silence", "add", "alertname=Full", "-c", "known", "-a", "alice")
	am.run(t, "alert", "add", "NodeDown", "instance=a")
	am.finds(t, "NodeDown", "-a")
	am.finds(t, "Full NodeDown", "-a", "-s")
	am.finds(t, "NodeDown Slow", "-a", "-i")
	am.finds(t, "Full NodeDown Slow", "-a", "-s", "-i", "-u")

	// One that has ended leaves the list.
	am.run(t, "alert", "add", "NodeDown", "instance=a", "--start", "2026-01-02T03:04:05Z", "--end", "2026-01-02T04:04:05Z")
	am.finds(t, "Slow", "-a")
	am.fails(t, []string{"400", "no labels"}, "alert", "add", "alertname=")
}

func TestAmtoolManagesSilences(t *testing.T) {
	url, _ := startServed(t)
	am := newAmtool(t, url)
	add := func(args ...string) string {
		return strings.TrimSpace(am.run(t, append([]string{"silence", "add"}, args...)...))
	}
	long := add("-a", "alice", "-c", "works", "-d", "8h", "alertname=Slow", "instance=~a|b")
	short := add("-a", "bob", "-c", "upgrade", "-d", "30m", "alertname=Full")
	later := add("-a", "bob", "-c", "planned", "--start", time.Now().Add(time.Hour).Format(time.RFC3339), "--end", time.Now().Add(2*time.Hour).Format(time.RFC3339), "alertname=Full", "team!=x")

	query := func(args ...string) string { return am.run(t, append([]string{"silence", "query", "-q"}, args...)...) }
	for _, c := range []struct {
		args []string
		want []string
	}{
		{nil, []string{short, long, later}}, // active ones by their end, then those to come
		{[]string{"--created-by", "bob"}, []string{short, later}},
		{[]string{"--within", "1h"}, []string{short}},
		{[]string{"--id", long}, []string{long}},
		{[]string{"alertname=Slow"}, []string{long}},
		{[]string{"Full", "team!=x"}, []string{later}},
		{[]string{"--expired"}, nil},
	} {
		if got := strings.Fields(query(c.args...)); !slices.Equal(got, c.want) {
			t.Errorf("silence query %q = %v, want %v", c.args, got, c.want)
		}
	}
	if out := am.run(t, "-o", "extended", "silence", "query", "Slow"); !strings.Contains(out, `{alertname="Slow",instance=~"a|b"}`) || !strings.Contains(out, "works") {
		t.Errorf("extended output is\n%s", out)
	}

	// A later end is a change; another comment too. What they match stays.
	// (With -q amtool 0.34.2 prints an address in memory.)
	if out := am.run(t, "silence", "update", "-d", "1h", "-c", "takes longer", short); !strings.Contains(out, short) {
		t.Errorf("the update of silence %s made another one:\n%s", short, out)
	}
	if out := am.run(t, "silence", "query", "Full"); !strings.Contains(out, "takes longer") {
		t.Errorf("the update is not in\n%s", out)
	}

	file := filepath.Join(t.TempDir(), "silences.json")
	must(t, os.WriteFile(file, []byte(am.run(t, "-o", "json", "silence", "query", "Slow")), 0o600))
	am.run(t, "silence", "expire", long, later)
	if got := strings.Fields(query("--expired", "--within", "1h")); len(got) != 2 || !slices.Contains(got, long) || !slices.Contains(got, later) {
		t.Errorf("expired silences %v, want %s and %s", got, long, later)
	}
	if got := strings.Fields(query()); !slices.Equal(got, []string{short}) {
		t.Errorf("silences that are not expired: %v, want %s", got, short)
	}
	// What was expired comes back as another one; with --force what is there too.
	imported := strings.TrimSpace(am.run(t, "silence", "import", file))
	if imported == "" || imported == long {
		t.Errorf("the import made %q, want a new silence", imported)
	}
	if forced := strings.TrimSpace(am.run(t, "silence", "import", "--force", file)); forced == imported || forced == long {
		t.Errorf("the forced import made %q, want a new silence", forced)
	}
	am.fails(t, []string{"404"}, "silence", "expire", "00000000-0000-4000-8000-000000000000")
	am.fails(t, []string{"400"}, "silence", "add", "-a", "eve", "-c", "everything", "severity=critical") // names neither rule nor workload
}

func TestAmtoolReadsTheConfiguration(t *testing.T) {
	url, sink := startServed(t)
	am := newAmtool(t, url)
	shown := am.run(t, "config", "show")
	if !strings.Contains(shown, "receiver: sink") || strings.Contains(shown, "planted-secret") || strings.Contains(shown, sink.URL) {
		t.Errorf("config show prints\n%s\nwant the routes, and no address of a webhook", shown)
	}
	if out := am.run(t, "config", "routes", "show"); !strings.Contains(out, `{team="安全"}  continue: true  receiver: team`) {
		t.Errorf("routes show prints\n%s", out)
	}
	test := []string{"config", "routes", "test", "--tree"}
	out := am.run(t, append(test, "--verify.receivers=team,sink", "team=安全", "severity=critical")...)
	if !strings.Contains(out, "team,sink") || !strings.Contains(out, `{severity=~"critical|page"}  receiver: sink`) {
		t.Errorf("routes test prints\n%s", out)
	}
	am.fails(t, []string{"WARNING: Expected receivers did not match"}, append(test, "--verify.receivers=team", "severity=critical")...)

	// The same file is good for both.
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	must(t, os.WriteFile(file, []byte(alertmanagerConfig(sink)), 0o600))
	am.run(t, "check-config", file)
	if out, err := exec.Command(binary, "check", "--config", file).CombinedOutput(); err != nil {
		t.Errorf("tocsin check of Alertmanager's configuration: %v\n%s", err, out)
	}
}

func TestAmtoolShowsTheCluster(t *testing.T) {
	url, _ := startServed(t)
	am := newAmtool(t, url)
	if out := am.run(t, "cluster", "show"); !strings.Contains(out, "disabled") {
		t.Errorf("cluster show prints\n%s", out)
	}
	// Our version does not make it warn of a server unlike itself.
	cmd := am.command("-o", "extended", "cluster", "show")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "Warning") {
		t.Errorf("cluster show: %v\n%s", err, out)
	}
}

// karma takes the version from a metric of Alertmanager's, and reads it as a semantic one.
func TestMetricsTellTheVersionOfAlertmanager(t *testing.T) {
	url, _ := startServed(t)
	_, body, err := get(url + "/metrics")
	must(t, err)
	if want := `alertmanager_build_info{version="` + alertmanagerVersion(t, "../go.mod") + `+tocsin.`; !strings.Contains(body, want) {
		t.Errorf("/metrics lacks %s", want)
	}
}

// Templates that Alertmanager renders are templates for us.
func TestAmtoolRendersTemplates(t *testing.T) {
	am := newAmtool(t, "http://127.0.0.1:1")
	file := filepath.Join(t.TempDir(), "team.tmpl")
	must(t, os.WriteFile(file, []byte(`{{ define "team.text" }}{{ .Status }} {{ len .Alerts }}{{ end }}`), 0o600))
	out := am.run(t, "template", "render", "--template.glob="+file, `--template.text={{ template "team.text" . }}`)
	if !strings.HasSuffix(strings.TrimSpace(out), " 2") { // of amtool's own sample
		t.Errorf("template render prints %q", out)
	}
}

// Alertmanager's client in Go takes every answer, and the models of the API find nothing missing in it.
func TestAlertmanagersGoClient(t *testing.T) {
	url, _ := startServed(t)
	out, err := exec.Command(client(t, "client"), url).CombinedOutput()
	if err != nil {
		t.Fatalf("the client says: %v\n%s", err, out)
	}
}

// The clients are those of the Alertmanager whose API this is.
func TestClientsHaveOurVersionOfAlertmanager(t *testing.T) {
	if ours, theirs := alertmanagerVersion(t, "../go.mod"), alertmanagerVersion(t, "testdata/alertmanager/go.mod"); ours != theirs {
		t.Errorf("go.mod has Alertmanager %s, testdata/alertmanager/go.mod %s: want the same", ours, theirs)
	}
}

// alertmanagerVersion is the version of Alertmanager in a go.mod.
func alertmanagerVersion(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	_, rest, found := strings.Cut(string(text), "github.com/prometheus/alertmanager v")
	if !found {
		t.Fatalf("%s has no Alertmanager", file)
	}
	version, _, _ := strings.Cut(rest, "\n")
	return version
}
