package suggest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/whitelist"
)

var (
	now     = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	expires = now.AddDate(0, 0, 30)
)

func alert(rule string, fields pipeline.Fields) *pipeline.Alert {
	return &pipeline.Alert{Time: now, Rule: rule, Source: "syscall", OutputFields: fields}
}

func TestTerms(t *testing.T) {
	type terms = map[string]string
	for sentence, c := range map[string]struct {
		fields pipeline.Fields
		exact  bool
		want   terms
	}{
		"a file in a container": {pipeline.Fields{"container.image.repository": "reg:5000/shop/web", "k8s.ns.name": "shop", "proc.exepath": "/usr/bin/nginx",
			"proc.pname": "sh", "fd.name": "/var/lib/shop/cache/a.txt", "evt.type": "openat", "proc.pid": json.Number("5")},
			false, terms{"container.image.repository": "reg:5000/shop/web", "k8s.ns.name": "shop", "proc.exepath": "/usr/bin/nginx", "proc.pname": "sh", "fd.name": "/var/lib/shop/cache/*"}},
		"the file itself":                               {pipeline.Fields{"container.id": "host", "proc.exepath": "/a", "fd.name": "/var/lib/shop/a.txt"}, true, terms{"container.id": "host", "proc.exepath": "/a", "fd.name": "/var/lib/shop/a.txt"}},
		"a folder near the root":                        {pipeline.Fields{"container.id": "host", "proc.exepath": "/a", "fd.name": "/etc/shadow"}, false, terms{"container.id": "host", "proc.exepath": "/a", "fd.name": "/etc/shadow"}},
		"the root":                                      {pipeline.Fields{"container.id": "host", "proc.exepath": "/a", "fd.name": "/x"}, false, terms{"container.id": "host", "proc.exepath": "/a", "fd.name": "/x"}},
		"a process's folder":                            {pipeline.Fields{"container.id": "host", "proc.exepath": "/a", "fd.name": "/proc/4711/mem"}, true, terms{"container.id": "host", "proc.exepath": "/a", "fd.name": "/proc/[0-9]*/mem"}},
		"a folder with a random name":                   {pipeline.Fields{"container.id": "host", "proc.exepath": "/a", "fd.name": "/tmp/tmp.aB3dE5fG7h/x/y"}, false, terms{"container.id": "host", "proc.exepath": "/a", "fd.name": "/tmp/tmp.??????????/x/*"}},
		"image with tag and digest (Falco)":             {pipeline.Fields{"container.image": "reg:5000/a@sha256:00", "proc.exepath": "/a"}, false, terms{"container.image.repository": "reg:5000/a", "proc.exepath": "/a"}},
		"image with tag (Falco)":                        {pipeline.Fields{"container.image": "reg:5000/a:v1", "proc.exepath": "/a", "fd.name": "<NA>"}, false, terms{"container.image.repository": "reg:5000/a", "proc.exepath": "/a"}},
		"no path of the program":                        {pipeline.Fields{"container.id": "host", "proc.name": "a"}, false, terms{"container.id": "host", "proc.name": "a"}},
		"an outgoing connection":                        {pipeline.Fields{"container.id": "host", "proc.exepath": "/a", "fd.name": "10.0.0.1:40000->10.0.0.2:443", "fd.rip": "10.0.0.2", "fd.rport": json.Number("443")}, false, terms{"container.id": "host", "proc.exepath": "/a", "fd.rip": "10.0.0.2", "fd.rport": "443"}},
		"an accepted connection":                        {pipeline.Fields{"container.id": "host", "proc.exepath": "/a", "fd.name": "10.0.0.1:40000->10.0.0.2:443", "fd.rip": "10.0.0.1", "fd.rport": int64(40000)}, false, terms{"container.id": "host", "proc.exepath": "/a", "fd.rip": "10.0.0.1", "fd.sport": "443"}},
		"a connection by its name (Falco)":              {pipeline.Fields{"container.id": "host", "proc.exepath": "/a", "fd.name": "10.0.0.1:40000->10.0.0.2:443"}, false, terms{"container.id": "host", "proc.exepath": "/a", "fd.sip": "10.0.0.2", "fd.sport": "443"}},
		"an outgoing connection on one host":            {pipeline.Fields{"container.id": "host", "proc.exepath": "/a", "fd.name": "127.0.0.1:40000->127.0.0.1:443", "fd.rip": "127.0.0.1", "fd.rport": int64(443)}, false, terms{"container.id": "host", "proc.exepath": "/a", "fd.rip": "127.0.0.1", "fd.rport": "443"}},
		"IPv6":                                          {pipeline.Fields{"container.id": "host", "proc.exepath": "/a", "fd.name": "2001:db8::1:40000->2001:db8::2:443"}, false, terms{"container.id": "host", "proc.exepath": "/a", "fd.sip": "2001:db8::2", "fd.sport": "443"}},
		"pattern characters stand for themselves":       {pipeline.Fields{"container.id": "host", "proc.exepath": `/a*[b]\?`, "fd.name": "/var/lib/[x]*/f"}, false, terms{"container.id": "host", "proc.exepath": `/a\*\[b]\\\?`, "fd.name": `/var/lib/\[x]\*/*`}},
		"bytes that are no text":                        {pipeline.Fields{"container.id": "host", "proc.exepath": "/a\uFFFD[b"}, false, terms{"container.id": "host", "proc.exepath": `/a*\[b`}},
		"a structured event":                            {pipeline.Fields{"event.user.name": "li", "event.id": "0c9ad81f-35d5-4b56-9d5f-d8b2a1f6a9c1", "event.count": json.Number("3"), "event.ok": true}, false, terms{"event.user.name": "li", "event.ok": "true"}},
		"lists and objects, which are text in an alert": {pipeline.Fields{"event.user.name": "li", "event.tags": `["a","b"]`, "event.device": `{"os":"x"}`, "event.note": "[x] y"}, false, terms{"event.user.name": "li", "event.note": `\[x] y`}},
	} {
		t.Run(sentence, func(t *testing.T) {
			a := alert("R", c.fields)
			if _, structured := c.fields["event.user.name"]; structured {
				a.Source = "json"
			}
			e, err := For(a, Options{Expires: expires, Exact: c.exact})
			if err != nil {
				t.Fatal(err)
			}
			got := terms{}
			for _, term := range e.Terms {
				got[term.Field] = term.Text
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("terms (-want +got):\n%s", diff)
			}
			if e.Proof != "" {
				t.Errorf("not shown to cover the alert: %s\n%s", e.Proof, e.YAML())
			}
		})
	}
}

func TestTooLittleToTell(t *testing.T) {
	for _, fields := range []pipeline.Fields{nil, {"container.image.repository": "nginx", "k8s.ns.name": "shop"}, {"proc.pname": "sh"}} {
		if e, err := For(alert("R", fields), Options{Expires: expires}); err == nil {
			t.Errorf("For(%v) = %s, want an error", fields, e.YAML())
		}
	}
	if _, err := For(alert("", pipeline.Fields{"proc.exepath": "/a"}), Options{Expires: expires}); err == nil {
		t.Error("an alert without a rule is taken")
	}
}

// The entry is refused as it is printed, until somebody has said why.
func TestRefusedWithoutReason(t *testing.T) {
	e, err := For(alert("R", pipeline.Fields{"proc.exepath": "/a"}), Options{Expires: expires})
	if err != nil {
		t.Fatal(err)
	}
	_, problems := parse(t, e.YAML())
	if len(problems) != 1 || problems[0].Code != whitelist.NoReason || problems[0].Severity != rules.Error {
		t.Errorf("problems of the entry as printed: %v, want one error %s", problems, whitelist.NoReason)
	}
	if _, problems := parse(t, strings.Replace(e.YAML(), `reason: ""`, "reason: because", 1)); len(problems) > 0 {
		t.Errorf("problems of the entry with a reason: %v", problems)
	}
}

func parse(t rapid.TB, text string) (*whitelist.List, []rules.Problem) {
	t.Helper()
	cfg := rules.DefaultConfig()
	cfg.Given = true
	set, err := rules.Parse(cfg, []rules.Source{{Name: "r.yaml", Data: []byte("- {rule: R, condition: evt.type = open, output: o, desc: d, priority: INFO}\n- {rule: S, condition: evt.type = open, output: o, desc: d, priority: INFO}\n")}})
	if err != nil {
		t.Fatal(err)
	}
	return whitelist.Parse(whitelist.Config{}, []rules.Source{{Name: "w.yaml", Data: []byte(text)}}, set, now)
}

// Whatever an attacker's names are, the entry is one entry, covers the alert, and with a reason is accepted; and
// it covers nothing whose program has another name.
func TestHostileValues(t *testing.T) {
	hostile := rapid.OneOf(
		rapid.StringN(1, 20, -1),
		rapid.StringOfN(rapid.RuneFrom([]rune("ab*?[]\\'\"#:{}&!|>%@`,- \n\t\r\x1b\u0085\u2028\ufeff\x7f\U0001F600/")), 1, 20, -1),
	)
	rapid.Check(t, func(t *rapid.T) {
		exe := "/" + hostile.Draw(t, "exe")
		parent := hostile.Draw(t, "parent")
		if strings.Contains(exe+parent, "\x00") || parent == "<NA>" {
			t.Skip("no name has a NUL in it")
		}
		file := "/" + hostile.Draw(t, "folder") + "/" + hostile.Draw(t, "file")
		a := alert("R", pipeline.Fields{"proc.exepath": exe, "proc.pname": parent, "fd.name": file, "evt.type": "openat", "container.id": "host"})
		if strings.Contains(file, "\x00") {
			t.Skip("likewise")
		}
		e, err := For(a, Options{Expires: expires, Owner: hostile.Draw(t, "owner")})
		if err != nil {
			t.Fatal(err)
		}
		if e.Proof != "" {
			t.Fatalf("not shown to cover the alert: %s\n%s", e.Proof, e.YAML())
		}
		list, problems := parse(t, strings.Replace(e.YAML(), `reason: ""`, "reason: because", 1))
		if len(list.Entries()) != 1 || len(problems) > 0 {
			t.Fatalf("%d entries, problems %v of\n%s", len(list.Entries()), problems, e.YAML())
		}
		other := hostile.Draw(t, "other")
		if other == parent || strings.Contains(parent, "\uFFFD") {
			return
		}
		fields := field.Given{}
		for name, value := range a.OutputFields {
			give(fields, name, value)
		}
		give(fields, "proc.pname", other)
		ev := &pipeline.Event{Type: pipeline.EventOpenat, Time: now.UnixNano(), Proc: fields.Process(), Extra: fields}
		if _, ok := list.Bypass("R", ev); ok {
			t.Fatalf("the entry for parent %q covers parent %q too\n%s", parent, other, e.YAML())
		}
	})
}

func TestGeneralise(t *testing.T) {
	for path, want := range map[string]string{
		"/usr/lib/x86_64-linux-gnu/libc.so.6":                 "",
		"/var/lib/postgresql/16/main":                         "",
		"/etc/passwd":                                         "",
		"/home/alice/Documents":                               "",
		"/opt/deadbeef/x":                                     "", // a word, as far as anybody can tell
		"/proc/7/fd":                                          "/proc/[0-9]*/fd",
		"/proc/self/fd":                                       "",
		"/run/user/1000/bus":                                  "/run/user/[0-9]*/bus",
		"/tmp/0c9ad81f-35d5-4b56-9d5f-d8b2a1f6a9c1/x":         "/tmp/????????-????-????-????-????????????/x",
		"/var/lib/docker/overlay2/3f9c2a7b6d5e/merged":        "/var/lib/docker/overlay2/????????????/merged",
		"/tmp/tmp.Xk3Lm9QwZ1":                                 "/tmp/tmp.??????????",
		"/var/log/containers/web-7f9c6b5d4-x2x9z_shop_a3.log": "/var/log/containers/web-?????????-x2x9z_shop_a3.log",
		`/tmp/a*b[c]\d`:                                       "",
	} {
		g := generalise(path)
		if got := g.pattern; g.changed != (want != "") || g.changed && got != want {
			t.Errorf("generalise(%q) = %q, %v, want %q", path, got, g.changed, want)
		}
		if !field.Glob(g.pattern, path) {
			t.Errorf("the pattern %q is not for %q, which it was made of", g.pattern, path)
		}
	}
}

// FuzzFor checks that whatever is said to be an alert's fields, there is an error or one entry that is accepted
// once it has a reason.
func FuzzFor(f *testing.F) {
	f.Add("R", `{"proc.exepath": "/a", "fd.name": "/x/y/z", "container.id": "host"}`)
	f.Add("tag:x*", `{"event.a.b": "c", "event.a[0]": "d", "event.x\n- id: y": "z", "event.": true}`)
	f.Add("", `{"proc.name": null, "fd.rip": "10.0.0.1", "fd.rport": 99999}`)
	f.Add("R", `{"proc.name": "x", "fd.name": "::1:80->::1:99999999", "fd.sip": "fe80::1%eth0", "fd.sport": "http"}`)
	f.Fuzz(func(t *testing.T, rule, fields string) {
		a := alert(rule, nil)
		if json.Unmarshal([]byte(fields), &a.OutputFields) != nil {
			return
		}
		e, err := For(a, Options{Expires: expires})
		if (e == nil) == (err == nil) {
			t.Fatalf("For = %v, %v", e, err)
		}
		if err != nil {
			return
		}
		list, problems := parse(t, strings.Replace(e.YAML(), `reason: ""`, "reason: because", 1))
		if err := rules.Err(problems); err != nil || len(list.Entries()) != 1 {
			t.Fatalf("%v in\n%s", err, e.YAML())
		}
	})
}

// TestGolden holds an entry as it is printed. UPDATE=1 writes it.
func TestGolden(t *testing.T) {
	e, err := For(alert("Shadow file read", pipeline.Fields{"container.image.repository": "shop/web", "k8s.ns.name": "shop", "evt.type": "openat",
		"proc.exepath": "/usr/bin/python3.11", "proc.pname": "run\n- id: evil", "fd.name": "/srv/jobs/4711/in/x.csv"}), Options{Expires: expires})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(e.YAML() + "--\n")
	if err := e.Report(&b); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "entry.golden")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
}
