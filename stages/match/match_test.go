package match

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// shared reads a file of test data that lies beside the repository.
func shared(tb testing.TB, name string) rules.Source {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("../../../shared", name))
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		tb.Skipf("test data is not there: %v", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return rules.Source{Name: filepath.Base(name), Data: data}
}

func load(tb testing.TB, cfg Config, first bool, sources ...rules.Source) *Matcher {
	tb.Helper()
	rc := rules.DefaultConfig()
	if first {
		rc.Matching = rules.MatchFirst
	}
	set, err := rules.Parse(rc, sources)
	if err != nil {
		tb.Fatal(err)
	}
	if err := set.Err(); err != nil {
		tb.Fatal(err)
	}
	m, err := New(cfg, set)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func text(s string) rules.Source { return rules.Source{Name: "t.yaml", Data: []byte(s)} }

func alerts(m *Matcher, ev *pipeline.Event) []pipeline.Alert {
	var got []pipeline.Alert
	m.Match(ev, func(a pipeline.Alert) { got = append(got, a) })
	return got
}

const containerID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// shadowRead is a process in a container that opens /etc/shadow.
func shadowRead() *pipeline.Event {
	return &pipeline.Event{
		Type: pipeline.EventOpenat, Num: 9, Time: 1_700_000_000_000_000_001, Source: "syscall", HasRet: true, Ret: 3, TID: 30, Host: "node-1",
		Args: [6]uint64{1<<64 - 100},
		FD:   pipeline.FD{Kind: pipeline.FDFile, Num: 3, Name: "/etc/shadow", Raw: "/etc/shadow"},
		Path: [2]pipeline.Path{{Raw: "/etc/shadow", Name: "/etc/shadow", Set: true}},
		Proc: &pipeline.Process{
			Known: true, PID: 30, Comm: "cat", Exe: "cat", Args: []string{"/etc/shadow"}, Cmdline: "cat /etc/shadow", ExePath: "/bin/cat",
			ContainerID: containerID, LoginUID: pipeline.UnsetUID,
			Container: &pipeline.Container{ID: containerID, Name: "web", Repository: "nginx", Tag: "1.25", PodName: "web-0", PodNS: "shop", Complete: true},
			Parent:    &pipeline.Process{Known: true, PID: 20, Comm: "sh"},
		},
	}
}

func TestContractRulesFire(t *testing.T) {
	m := load(t, Config{}, false, shared(t, "contract/rules.yaml"))
	got := alerts(m, shadowRead())
	if len(got) != 1 {
		t.Fatalf("%d alerts, want 1", len(got))
	}
	a := got[0]
	if a.ID == "" || a.Fingerprint == 0 {
		t.Errorf("ID %q, Fingerprint %v: want both set", a.ID, a.Fingerprint)
	}
	want := pipeline.Alert{
		ID: a.ID, Fingerprint: a.Fingerprint,
		Time: time.Unix(1_700_000_000, 1).UTC(), Rule: "Shadow file read", Priority: pipeline.Critical, Source: "syscall", Hostname: "node-1",
		Output: "shadow read (file=/etc/shadow container=0123456789ab proc=cat cmd=cat /etc/shadow)",
		Tags:   []string{"filesystem"}, Ancestry: "sh(20) > cat(30)",
		OutputFields: map[string]any{
			"evt.time": int64(1_700_000_000_000_000_001), "evt.type": "openat", "evt.res": "SUCCESS", "fd.name": "/etc/shadow",
			"proc.name": "cat", "proc.cmdline": "cat /etc/shadow", "proc.exepath": "/bin/cat", "proc.pname": "sh", "proc.pid": int64(30),
			"user.name": "root", "user.uid": int64(0), "container.id": "0123456789ab", "container.name": "web",
			"container.image.repository": "nginx", "container.image.tag": "1.25", "k8s.ns.name": "shop", "k8s.pod.name": "web-0",
		},
		Labels: map[string]string{
			"alertname": "Shadow file read", "rule": "Shadow file read", "priority": "Critical", "severity": "critical", "source": "syscall",
			"hostname": "node-1", "container_id": "0123456789ab", "container_name": "web", "container_image": "nginx:1.25",
			"k8s_ns_name": "shop", "k8s_pod_name": "web-0", "proc_exepath": "/bin/cat", "object": "/etc/shadow",
		},
		Annotations: map[string]string{
			"ancestry": "sh(20) > cat(30)", "summary": "Shadow file read", "description": "/etc/shadow was opened for reading", "output": a.Output,
			"evt_time": "1700000000000000001", "evt_type": "openat", "evt_res": "SUCCESS", "fd_name": "/etc/shadow", "proc_name": "cat",
			"proc_cmdline": "cat /etc/shadow", "proc_exepath": "/bin/cat", "proc_pname": "sh", "proc_pid": "30", "user_name": "root",
			"user_uid": "0", "container_id": "0123456789ab", "container_name": "web", "container_image_repository": "nginx",
			"container_image_tag": "1.25", "k8s_ns_name": "shop", "k8s_pod_name": "web-0",
		},
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("alert (-want +got):\n%s", diff)
	}
}

func TestEventsThatDoNotMatch(t *testing.T) {
	m := load(t, Config{}, false, shared(t, "contract/rules.yaml"))
	for sentence, change := range map[string]func(*pipeline.Event){
		"another file":        func(ev *pipeline.Event) { ev.FD.Name = "/etc/passwd" },
		"opened for writing":  func(ev *pipeline.Event) { ev.Flag = unix.O_WRONLY },
		"a failed open":       func(ev *pipeline.Event) { ev.FD.Num, ev.Ret = -1, -13 },
		"another call":        func(ev *pipeline.Event) { ev.Type = pipeline.EventUnlink },
		"a type out of rules": func(ev *pipeline.Event) { ev.Type = pipeline.EventJSON },
	} {
		ev := shadowRead()
		change(ev)
		if got := alerts(m, ev); len(got) > 0 {
			t.Errorf("%s fires %s", sentence, got[0].Rule)
		}
	}
}

const two = `
- rule: One
  condition: evt.type = openat and proc.name = cat
  output: one
  desc: d
  priority: NOTICE
  labels: {team: sec, severity: page}
  annotations: {dashboard: "https://d"}
  runbook: https://r
  desc_zh: 说明
  dedupe: {by: [proc.pid], for: 10m}
- rule: Two
  condition: evt.type = openat and proc.name = cat
  output: "two %proc.aname[1] %fd.sip"
  desc: d
  priority: INFO
`

func TestAllRulesFireInOrderOrOnlyTheFirst(t *testing.T) {
	for first, want := range map[bool][]string{false: {"One", "Two"}, true: {"One"}} {
		var got []string
		for _, a := range alerts(load(t, Config{}, first, text(two)), shadowRead()) {
			got = append(got, a.Rule)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("first=%v (-want +got):\n%s", first, diff)
		}
	}
}

func TestWhatARuleAddsToItsAlert(t *testing.T) {
	a := alerts(load(t, Config{}, false, text(two)), shadowRead())
	one := a[0]
	if one.QuietFor != 10*time.Minute || one.Labels["team"] != "sec" || one.Labels["severity"] != "page" {
		t.Errorf("QuietFor %v, Labels %v", one.QuietFor, one.Labels)
	}
	if n := one.Annotations; n["runbook_url"] != "https://r" || n["description_zh"] != "说明" || n["dashboard"] != "https://d" {
		t.Errorf("Annotations %v", n)
	}
	if one.Tags == nil {
		t.Error("Tags is nil, want an empty list")
	}
	sip, there := a[1].OutputFields["fd.sip"]
	if !there || sip != nil || a[1].OutputFields["proc.aname[1]"] != "sh" || a[1].Annotations["proc_aname_1"] != "sh" {
		t.Errorf("OutputFields %v", a[1].OutputFields)
	}
}

func TestFingerprint(t *testing.T) {
	m := load(t, Config{}, false, text(two))
	base := alerts(m, shadowRead())
	for sentence, c := range map[string]struct {
		change   func(*pipeline.Event)
		one, two bool // whether the rule sees the same thing
	}{
		"another process id":    {func(ev *pipeline.Event) { ev.Proc.PID = 31 }, false, true},
		"another time":          {func(ev *pipeline.Event) { ev.Time++ }, true, true},
		"another file":          {func(ev *pipeline.Event) { ev.FD.Name = "/x" }, true, false},
		"another executable":    {func(ev *pipeline.Event) { ev.Proc.ExePath = "/x" }, true, false},
		"another container":     {func(ev *pipeline.Event) { ev.Proc.ContainerID = "f" + containerID[1:] }, true, false},
		"another host":          {func(ev *pipeline.Event) { ev.Host = "node-2" }, false, false},
		"another argument list": {func(ev *pipeline.Event) { ev.Proc.Cmdline = "cat x" }, true, true},
	} {
		ev := shadowRead()
		c.change(ev)
		got := alerts(m, ev)
		if one, two := got[0].Fingerprint == base[0].Fingerprint, got[1].Fingerprint == base[1].Fingerprint; one != c.one || two != c.two {
			t.Errorf("%s: same by process id %v, same by default %v; want %v, %v", sentence, one, two, c.one, c.two)
		}
	}
}

func TestObject(t *testing.T) {
	near, far := netip.MustParseAddrPort("10.0.0.1:40000"), netip.MustParseAddrPort("[::ffff:10.0.0.2]:443")
	for want, ev := range map[string]pipeline.Event{
		"10.0.0.2:443": {FD: pipeline.FD{Kind: pipeline.FDIPv4, Name: "x", Client: near, Server: far, Local: near, Remote: far}},
		"10.0.0.1":     {FD: pipeline.FD{Kind: pipeline.FDIPv4, Name: "x", Client: near, Server: far, Local: far, Remote: near}},
		"/etc/x":       {FD: pipeline.FD{Kind: pipeline.FDFile, Name: "/etc/x"}},
		"/etc/y":       {FD: pipeline.FD{Kind: pipeline.FDUnknown, Num: -1, Name: "/etc/y"}},
		"/a":           {Path: [2]pipeline.Path{{Name: "/a", Set: true}, {Name: "/b", Set: true}}},
		"":             {FD: pipeline.FD{Kind: pipeline.FDIPv4, Name: "x"}},
	} {
		if got := Object(&ev); got != want {
			t.Errorf("Object = %q, want %q", got, want)
		}
	}
}

func TestInvalidTextSurvivesJSON(t *testing.T) {
	ev := shadowRead()
	ev.Proc.Comm = "c\xffat"
	ev.Proc.Cmdline = "cat \xf0\x28"
	m := load(t, Config{}, false, text(strings.ReplaceAll(two, "proc.name = cat", "proc.pid = 30")))
	a := alerts(m, ev)[0]
	data, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back pipeline.Alert
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if got, want := back.OutputFields["proc.name"], "c\uFFFDat"; got != want || a.OutputFields["proc.name"] != want {
		t.Errorf("proc.name = %q, back from JSON %q, want %q", a.OutputFields["proc.name"], got, want)
	}
}

// TestAlertOwnsItsMemory overwrites the memory an event's strings lie in, as the next event does.
func TestAlertOwnsItsMemory(t *testing.T) {
	var blocks [][]byte
	lent := func(s string) string {
		b := []byte(s)
		blocks = append(blocks, b)
		return unsafe.String(unsafe.SliceData(b), len(b))
	}
	ev := shadowRead()
	p := ev.Proc
	for _, s := range []*string{&ev.Source, &ev.Host, &ev.FD.Name, &p.Comm, &p.Cmdline, &p.ExePath, &p.ContainerID, &p.Parent.Comm,
		&p.Container.Name, &p.Container.Repository, &p.Container.Tag, &p.Container.PodNS, &p.Container.PodName} {
		*s = lent(*s)
	}
	got := alerts(load(t, Config{}, false, shared(t, "contract/rules.yaml")), ev)
	before, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		clear(b)
	}
	after, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("alert changed with the event's memory (-before +after):\n%s", diff)
	}
}

func TestPartialEnrichment(t *testing.T) {
	for sentence, c := range map[string]struct {
		change func(*pipeline.Process)
		want   string
	}{
		"known":            {func(*pipeline.Process) {}, ""},
		"not answered yet": {func(p *pipeline.Process) { p.Container = &pipeline.Container{ID: containerID} }, "partial"},
		"not asked yet":    {func(p *pipeline.Process) { p.Container = nil }, "partial"},
		"on the host":      {func(p *pipeline.Process) { p.ContainerID, p.Container = "", nil }, ""},
	} {
		ev := shadowRead()
		c.change(ev.Proc)
		if got := alerts(load(t, Config{}, false, text(two)), ev)[0].Enrichment; got != c.want {
			t.Errorf("%s: Enrichment = %q, want %q", sentence, got, c.want)
		}
	}
}

// granted bypasses one rule.
type granted string

func (g granted) Bypass(rule string, _ *pipeline.Event) (string, bool) { return "e", rule == string(g) }
func (g granted) Wants(entry, rule string, _ *pipeline.Event) bool     { return false }
func (g granted) Keep(entry string, _ pipeline.Alert)                  {}

func TestWhitelistBypassesAndIsCounted(t *testing.T) {
	m := load(t, Config{Whitelist: granted("One")}, true, text(two))
	got := alerts(m, shadowRead())
	if len(got) != 1 || got[0].Rule != "Two" {
		t.Fatalf("alerts = %v, want Two: a bypassed rule does not stop the next one", got)
	}
	want := Stats{Events: 1, Rules: []RuleStats{
		{Rule: "One", Priority: pipeline.Notice, Bypassed: 1}, {Rule: "Two", Priority: pipeline.Informational, Fired: 1},
	}}
	if diff := cmp.Diff(want, m.Stats()); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
}

func TestEventTypesOfTheRules(t *testing.T) {
	m := load(t, Config{}, false, shared(t, "contract/rules.yaml"))
	want := []pipeline.EventType{pipeline.EventExecve, pipeline.EventConnect, pipeline.EventExecveFailed, pipeline.EventExecveatFailed, pipeline.EventOpen, pipeline.EventOpenat, pipeline.EventOpenat2}
	if diff := cmp.Diff(want, m.EventTypes()); diff != "" {
		t.Errorf("EventTypes (-want +got):\n%s", diff)
	}
}

func TestIdentityIsChecked(t *testing.T) {
	set, err := rules.Parse(rules.DefaultConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{IdentityBy: []string{"object", "proc.nmae"}}, set); err == nil || !strings.Contains(err.Error(), `"proc.nmae"`) {
		t.Errorf("New = %v, want an error about proc.nmae", err)
	}
}
