package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// addressDatabase puts a file in MaxMind's format in place, as geoipupdate does, in which 203.0.113.0/24 is in
// a city of a country.
func addressDatabase(t *testing.T, path, country, city string) {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-City", RecordSize: 24, IncludeReservedNetworks: true})
	must(t, err)
	_, network, err := net.ParseCIDR("203.0.113.0/24")
	must(t, err)
	must(t, tree.Insert(network, mmdbtype.Map{
		"country":                        mmdbtype.Map{"iso_code": mmdbtype.String(country)},
		"city":                           mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(city)}},
		"autonomous_system_number":       mmdbtype.Uint32(4134),
		"autonomous_system_organization": mmdbtype.String("CHINANET"),
	}))
	file, err := os.Create(path + ".new")
	must(t, err)
	_, err = tree.WriteTo(file)
	must(t, err)
	must(t, file.Close())
	must(t, os.Rename(path+".new", path))
}

const placeRules = `
- rule: Login from elsewhere
  desc: d
  source: json
  condition: event.type == "login" && geo(event.ip).country != "DE"
  output: "%event.user from %geo(event.ip).country"
  priority: WARNING
  dedupe: {by: [event.user]}
- rule: Login noted
  desc: d
  source: json
  condition: event.type == "noted"
  output: "%event.user at %event.ip"
  priority: WARNING
  dedupe: {by: [event.user]}
  labels: {team: identity}
  runbook: https://rule.example/login
- rule: Connection abroad
  desc: d
  condition: evt.type = connect and fd.sip = 203.0.113.9 and geo.country in (CN, SG) and geo.asn = 4134
  output: to %geo.country %geo.city
  priority: WARNING
`

const placeConfig = `
enrich:
  geoip: {database: City.mmdb}
  owners:
    - {matchers: ['geo_country = "CN"', 'source =~ "json|syscall"'], team: asia, on_call: asia-oncall, runbook: https://runbooks.example/asia, labels: {tier: "1"}}
    - {matchers: ['rule =~ ".+"'], team: rest}
`

func fromFalco(ip, file string) string {
	return fmt.Sprintf(`{"rule":"Posted","priority":"Warning","time":"2026-11-23T10:02:03.000000001Z","source":"syscall","output":"posted",
"output_fields":{"container.id":"3ad7b26ded6d","proc.name":%q,"fd.name":"10.0.0.5:4711->%s:443","fd.sip":%q,"fd.cip":"10.0.0.5"}}`, file, ip, ip)
}

// told are the labels and annotations of the alert whose output is that.
func (s *webhookSink) told(t *testing.T, output string) (labels, annotations map[string]string) {
	t.Helper()
	eventually(t, "the webhook is told "+output, func() error {
		for _, p := range s.received() {
			for _, a := range p.Alerts {
				if a.Annotations["output"] == output {
					labels, annotations = a.Labels, a.Annotations
					return nil
				}
			}
		}
		return fmt.Errorf("got %q", outputs(s.received()))
	})
	return labels, annotations
}

// wantPairs compares the named members of two mappings.
func wantPairs(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: %s = %q, want %q", what, name, got[name], value)
		}
	}
}

// Posted events and Falco's alerts end in a message that says where, whose, and what to do; a route goes by the
// owner. A reload exchanges owners and databases, and a database that is missing stops nothing.
func TestPlacesAndOwners(t *testing.T) {
	l, sink, asia := newLayout(t, placeRules), newWebhookSink(t), newWebhookSink(t)
	database := filepath.Join(l.dir, "City.mmdb")
	config := l.config("0s", webhookReceiver(sink), "sensor: {enabled: false}", strings.TrimSpace(placeConfig))
	config = strings.Replace(config, "group_interval: 1s}", "group_interval: 1s, routes: [{matchers: ['team = \"asia\"'], receiver: asia}]}", 1)
	config += "  - name: asia\n    webhook_configs: [{url: \"" + asia.URL + "/asia\"}]\n"
	p := start(t, l.dir, "router", config)
	if text := p.stderr.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "no such file: fetch it") {
		t.Errorf("a missing database is not told loudly:\n%s", text)
	}
	postEvents(t, p, "", `{"type":"noted","user":"early","ip":"203.0.113.9"}`, http.StatusAccepted)
	labels, annotations := sink.told(t, "early at 203.0.113.9")
	wantPairs(t, "without a database", labels, map[string]string{"geo_country": "", "team": "identity"})
	wantPairs(t, "without a database", annotations, map[string]string{"place": ""})

	reload := func() {
		t.Helper()
		resp, err := http.Post(p.base+"/-/reload", "", nil)
		must(t, err)
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("reload = %s\n%s", resp.Status, p.stderr)
		}
	}
	addressDatabase(t, database, "CN", "Shanghai")
	reload()
	if built := p.metric(t, "tocsin_geoip_build_timestamp_seconds", "City.mmdb"); built == 0 {
		t.Error("the database has no time of its build")
	}
	post(t, p, fromFalco("203.0.113.9", "curl"), fromFalco("10.1.2.3", "wget"))
	postEvents(t, p, "", `[{"type":"login","user":"li","ip":"203.0.113.9:4711"},{"type":"noted","user":"wu","ip":"203.0.113.9"}]`, http.StatusAccepted)

	const place = "203.0.113.9 · CN Shanghai · AS4134 CHINANET"
	for output, of := range map[string]*webhookSink{"posted": asia, "li from CN": asia} {
		labels, annotations := of.told(t, output)
		wantPairs(t, output, labels, map[string]string{"geo_country": "CN", "team": "asia", "on_call": "asia-oncall", "tier": "1"})
		wantPairs(t, output, annotations, map[string]string{"place": place, "geo_city": "Shanghai", "geo_asn": "4134", "team": "asia", "on_call": "asia-oncall",
			"runbook_url": "https://runbooks.example/asia"})
	}
	labels, annotations = sink.told(t, "wu at 203.0.113.9")
	wantPairs(t, "the rule's own team", labels, map[string]string{"geo_country": "CN", "team": "identity", "on_call": "", "tier": "1"})
	wantPairs(t, "the rule's own runbook", annotations, map[string]string{"place": place, "runbook_url": "https://rule.example/login"})
	labels, annotations = sink.told(t, "posted")
	wantPairs(t, "a private address", labels, map[string]string{"geo_country": "", "team": "rest"})
	wantPairs(t, "a private address", annotations, map[string]string{"place": ""})
	if n := p.metric(t, "tocsin_owner_alerts_total", `outcome="owned"`); n != 4 {
		t.Errorf("%v alerts have an owner since the reload, want 4", n)
	}

	addressDatabase(t, database, "SG", "Singapore")
	file := filepath.Join(l.dir, "router.yaml")
	text, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, []byte(strings.Replace(string(text), "team: rest", "team: others", 1)), 0o600))
	reload()
	postEvents(t, p, "", `{"type":"login","user":"xu","ip":"203.0.113.9"}`, http.StatusAccepted)
	labels, annotations = sink.told(t, "xu from SG")
	wantPairs(t, "after the reload", labels, map[string]string{"geo_country": "SG", "team": "others", "on_call": ""})
	wantPairs(t, "after the reload", annotations, map[string]string{"place": "203.0.113.9 · SG Singapore · AS4134 CHINANET"})
}

// A connection that the kernel reports is judged by where it goes to, live and in a replay.
func TestKernelEventsAndPlaces(t *testing.T) {
	needRoot(t)
	needTool(t, "ip")
	l := newLayout(t, placeRules)
	addressDatabase(t, filepath.Join(l.dir, "City.mmdb"), "CN", "Shanghai")
	file, tape := filepath.Join(l.dir, "run.yaml"), filepath.Join(l.dir, "tap.tocsin")
	addr := freeAddr(t)
	config := l.config("0s", "stdout_configs: [{format: json}]", strings.TrimSpace(placeConfig))
	must(t, os.WriteFile(file, []byte(strings.ReplaceAll(config, "{http}", addr)), 0o600))
	p := launch(t, "run", "--config", file, "--record", tape)
	p.base = "http://" + addr
	p.waitReady(t)
	// In a network of its own, where the address is this machine's: connecting a datagram socket sends nothing.
	const script = "ip link set lo up && ip addr add 203.0.113.9/32 dev lo && exec 3<>/dev/udp/203.0.113.9/53"
	out, err := exec.Command("unshare", "--net", "bash", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("connect: %v\n%s", err, out)
	}
	eventually(t, "the alert is printed", func() error {
		if !strings.Contains(p.stdout.String(), "to CN Shanghai") {
			return fmt.Errorf("stdout: %s", p.stdout)
		}
		return nil
	})
	p.stop(t)

	replayed, err := exec.Command(binary, "replay", "--config", file, tape).Output()
	must(t, err)
	for what, lines := range map[string]string{"live": p.stdout.String(), "replay": string(replayed)} {
		i := slices.IndexFunc(strings.Split(lines, "\n"), func(line string) bool { return strings.Contains(line, "Connection abroad") })
		if i < 0 {
			t.Fatalf("%s: no alert in %s", what, lines)
		}
		var a struct {
			Place  map[string]any    `json:"place"`
			Labels map[string]string `json:"labels"`
			Fields map[string]any    `json:"output_fields"`
		}
		must(t, json.Unmarshal([]byte(strings.Split(lines, "\n")[i]), &a))
		if a.Place["country"] != "CN" || a.Place["address"] != "203.0.113.9" || a.Labels["geo_country"] != "CN" || a.Fields["geo.as_org"] != "CHINANET" || a.Fields["geo.asn"] != 4134.0 {
			t.Errorf("%s: alert = %+v, want all of its place", what, a)
		}
		if team := a.Labels["team"]; what == "live" && team != "asia" {
			t.Errorf("team = %q, want asia", team)
		}
	}
}
