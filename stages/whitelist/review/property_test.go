package review

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/whitelist"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// testRules are compiled for events made of fields, or for those of the kernel.
func testRules(t rapid.TB, given bool) *rules.Set {
	t.Helper()
	var b strings.Builder
	for _, name := range []string{"Read", "Write", "Connect"} {
		fmt.Fprintf(&b, "- rule: %s\n  condition: evt.type != execve\n  output: o\n  desc: d\n  priority: INFO\n", name)
	}
	cfg := rules.DefaultConfig()
	cfg.Given = given
	set, err := rules.Parse(cfg, []rules.Source{{Name: "r.yaml", Data: []byte(b.String())}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Few fields and few values, so that conditions have something to do with each other.
var (
	texts  = map[string][]string{"proc.name": {"a", "ab", "abc", "b", "ba", "c"}, "fd.name": {"/bin/a", "/usr/bin/a", "/usr/bin/ab", "/usr", "/bin", "/run/a", "/var/run/a"}, "proc.aname": {"a", "ab", "b"}}
	ports  = []string{"22", "80", "443"}
	addrs  = []string{"10.1.2.3", "10.1.9.9", "192.168.0.1", "2001:db8::1"}
	nets   = []string{"10.0.0.0/8", "10.1.2.0/24", "192.168.0.0/16", "2001:db8::/32", "10.1.2.3/32"}
	ofText = []string{"=", "!=", "startswith", "endswith", "contains", "icontains", "glob", "in", "pmatch", "exists", "startswith anyof", "contains allof", "startswith oneof"}
)

func genCheck() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		switch rapid.IntRange(0, 9).Draw(t, "field") {
		case 0:
			return fmt.Sprintf("fd.%s in (%s)", rapid.SampledFrom([]string{"sip", "rip", "ip"}).Draw(t, "ip"), strings.Join(few(t, addrs), ", "))
		case 1:
			return fmt.Sprintf("fd.%s = %s", rapid.SampledFrom([]string{"snet", "rnet", "net"}).Draw(t, "net"), rapid.SampledFrom(nets).Draw(t, "n"))
		case 2:
			return fmt.Sprintf("fd.%s %s %s", rapid.SampledFrom([]string{"sport", "rport", "port"}).Draw(t, "port"),
				rapid.SampledFrom([]string{"=", "!=", "<", ">="}).Draw(t, "op"), rapid.SampledFrom(ports).Draw(t, "p"))
		case 3:
			return "evt.type in (" + strings.Join(few(t, []string{"open", "openat", "connect", "unlink"}), ", ") + ")"
		}
		name := rapid.SampledFrom([]string{"proc.name", "fd.name", "proc.aname"}).Draw(t, "name")
		op := rapid.SampledFrom(ofText).Draw(t, "op")
		values := texts[name]
		if op == "glob" {
			for _, v := range values[:2] {
				values = append(values[:len(values):len(values)], v+"*", "*"+v, "?"+v, v+"?", "[a-b]"+v)
			}
		}
		switch {
		case op == "exists":
			return name + " exists"
		case op == "in" || op == "pmatch" || strings.Contains(op, "of"):
			return fmt.Sprintf("%s %s (%s)", name, op, strings.Join(few(t, values), ", "))
		default:
			return fmt.Sprintf("%s %s %s", name, op, rapid.SampledFrom(values).Draw(t, "v"))
		}
	})
}

func few(t *rapid.T, values []string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(values), 1, 3, rapid.ID[string]).Draw(t, "values")
}

func genCondition(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		switch n := rapid.IntRange(0, 6).Draw(t, "kind"); {
		case depth == 0 || n <= 2:
			return genCheck().Draw(t, "check")
		case n == 3:
			return "not (" + genCondition(depth-1).Draw(t, "not") + ")"
		default:
			word := " and "
			if n == 4 {
				word = " or "
			}
			kids := rapid.SliceOfN(genCondition(depth-1), 2, 3).Draw(t, "kids")
			return "(" + strings.Join(kids, word) + ")"
		}
	})
}

// weakened is a condition that follows from c, or nearly: what derivations are about.
func weakened(c string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		other := genCondition(1).Draw(t, "other")
		switch rapid.IntRange(0, 3).Draw(t, "how") {
		case 0:
			return c + " or " + other
		case 1:
			return other
		case 2:
			return strings.NewReplacer("name = ", "name startswith ", "name startswith ", "name contains ", "fd.sip in (10.1.2.3)", "fd.snet = 10.0.0.0/8").Replace(c)
		default:
			return c
		}
	})
}

func genEvent() *rapid.Generator[*pipeline.Event] {
	return rapid.Custom(func(t *rapid.T) *pipeline.Event {
		fields := field.Given{}
		set := func(name string, value any) {
			if !rapid.Bool().Draw(t, "has "+name) {
				return
			}
			if err := fields.Set(operand(t, name), value); err != nil {
				t.Fatal(err)
			}
		}
		set("proc.name", rapid.SampledFrom(texts["proc.name"]).Draw(t, "proc.name"))
		set("fd.name", rapid.SampledFrom(texts["fd.name"]).Draw(t, "fd.name"))
		var above []any
		for _, s := range few(t, texts["proc.aname"]) {
			above = append(above, s)
		}
		set("proc.aname", above)
		for _, end := range []string{"fd.sip", "fd.rip"} {
			set(end, rapid.SampledFrom(addrs).Draw(t, end))
		}
		for _, end := range []string{"fd.sport", "fd.rport"} {
			set(end, int64(rapid.SampledFrom([]int{22, 80, 443}).Draw(t, end)))
		}
		set("fd.ip", []any{rapid.SampledFrom(addrs).Draw(t, "client"), rapid.SampledFrom(addrs).Draw(t, "server")})
		set("fd.port", []any{int64(rapid.SampledFrom([]int{22, 80}).Draw(t, "cport")), int64(80)})
		types := []pipeline.EventType{pipeline.EventOpen, pipeline.EventOpenat, pipeline.EventConnect, pipeline.EventUnlink}
		return &pipeline.Event{Type: rapid.SampledFrom(types).Draw(t, "type"), Time: now.UnixNano(), Proc: fields.Process(), Extra: fields}
	})
}

func operand(t rapid.TB, name string) syntax.Operand {
	t.Helper()
	o, _, err := syntax.ParseOperand(syntax.FixedText(name, syntax.Pos{}))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// genLive makes an event as the sensor does: with both ends of a connection, and paths that have two names.
func genLive() *rapid.Generator[*pipeline.Event] {
	return rapid.Custom(func(t *rapid.T) *pipeline.Event {
		types := []pipeline.EventType{pipeline.EventOpen, pipeline.EventOpenat, pipeline.EventConnect, pipeline.EventUnlink}
		ev := &pipeline.Event{Type: rapid.SampledFrom(types).Draw(t, "type"), Time: now.UnixNano(), HasRet: true, Ret: 3}
		ev.Proc = &pipeline.Process{Known: true, PID: 5, Comm: rapid.SampledFrom(texts["proc.name"]).Draw(t, "comm"),
			Links: rapid.SampledFrom([]pipeline.Links{0, pipeline.LinkUsr | pipeline.LinkRun}).Draw(t, "links")}
		ev.Proc.Parent = &pipeline.Process{Known: true, PID: 1, Comm: rapid.SampledFrom(texts["proc.aname"]).Draw(t, "parent")}
		if ev.Type != pipeline.EventConnect {
			ev.FD = pipeline.FD{Kind: pipeline.FDFile, Num: 3, Name: rapid.SampledFrom(texts["fd.name"]).Draw(t, "name")}
			return ev
		}
		end := func(name string) netip.AddrPort {
			port := rapid.SampledFrom([]uint16{22, 80, 443}).Draw(t, name+" port")
			return netip.AddrPortFrom(netip.MustParseAddr(rapid.SampledFrom(addrs[:3]).Draw(t, name)), port)
		}
		ev.FD = pipeline.FD{Kind: pipeline.FDIPv4, Num: 3, Client: end("client"), Server: end("server")}
		ev.FD.Remote, ev.FD.Local = ev.FD.Server, ev.FD.Client
		return ev
	})
}

// twoEntries are an earlier and a later one, and the lists that hold one of them alone.
func twoEntries(t rapid.TB, set *rules.Set, earlier, later string) (both, first, second *whitelist.List) {
	t.Helper()
	entry := func(id, match string) string {
		return fmt.Sprintf("- id: %s\n  reason: r\n  owner: o\n  approver: a\n  rules: [Read]\n  match: '%s'\n", id, match)
	}
	parse := func(text string) *whitelist.List {
		l, problems := whitelist.Parse(whitelist.Config{}, []rules.Source{{Name: "w.yaml", Data: []byte(text)}}, set, now)
		if err := rules.Err(problems); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return l
	}
	a, b := entry("earlier", earlier), entry("later", later)
	return parse(a + b), parse(a), parse(b)
}

// What is called shadowed is covered by the earlier entry, whatever the event; of what is called overlapping
// the example is covered by both.
func TestClaimsHold(t *testing.T) {
	claims(t, testRules(t, true), genEvent(), true)
}

// The same of events as the sensor makes them, where a path may have two names and a connection has two ends.
func TestClaimsHoldLive(t *testing.T) {
	claims(t, testRules(t, false), genLive(), false)
}

func claims(t *testing.T, set *rules.Set, events *rapid.Generator[*pipeline.Event], given bool) {
	shadowed, overlapping := 0, 0
	for range 10 { // a hundred pairs have three that overlap, more or less
		if shadowed == 0 || overlapping == 0 {
			claimsOf(t, set, events, given, &shadowed, &overlapping)
		}
	}
	if shadowed == 0 || overlapping == 0 {
		t.Errorf("%d pairs were said to be shadowed and %d to overlap: the test tests nothing", shadowed, overlapping)
	}
}

// claimsOf checks what is said of random pairs, and counts it.
func claimsOf(t *testing.T, set *rules.Set, events *rapid.Generator[*pipeline.Event], given bool, shadowed, overlapping *int) {
	rapid.Check(t, func(t *rapid.T) {
		later := genCondition(2).Draw(t, "later")
		earlier := weakened(later).Draw(t, "earlier")
		both, first, second := twoEntries(t, set, earlier, later)
		for _, f := range Review(both, set, nil, Options{Now: now}).Findings {
			switch f.Kind {
			case Shadowed:
				*shadowed++
				for range 20 {
					ev := events.Draw(t, "event")
					_, covered := second.Bypass("Read", ev)
					if _, ok := first.Bypass("Read", ev); covered && !ok {
						t.Fatalf("%q is said to follow from %q, but not for %v %+v %v", earlier, later, ev.Type, ev.FD, ev.Extra)
					}
				}
			case Overlapping:
				*overlapping++
				if given && !coveredByBoth(t, f.Example, first, second) {
					t.Fatalf("%v is said to satisfy %q and %q, and does not", f.Example, earlier, later)
				}
			}
		}
	})
}

// coveredByBoth makes an event of what a finding told.
func coveredByBoth(t rapid.TB, example map[string]string, lists ...*whitelist.List) bool {
	t.Helper()
	fields := field.Given{}
	for name, value := range example {
		if name == "evt.type" {
			continue
		}
		o := operand(t, name)
		ref, err := field.Lookup(o)
		if err != nil || !give(fields, o, ref.Def.Type, value) {
			t.Fatalf("%s = %q is no field with its value: %v", name, value, err)
		}
	}
	for ev := (pipeline.Event{Type: pipeline.EventUnknown + 1, Time: now.UnixNano(), Proc: fields.Process(), Extra: fields}); ev.Type < pipeline.NumEventTypes; ev.Type++ {
		all := ev.Type != pipeline.EventJSON
		for _, l := range lists {
			_, ok := l.Bypass("Read", &ev)
			all = all && ok
		}
		if all {
			return true
		}
	}
	return false
}
